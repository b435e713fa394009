"""The addresses of signing in, below /admin/account/, by the names that the library calls them."""

from django.conf import settings
from django.urls import path

from booking_site.accounts import oidc, views

urlpatterns = [
    path("", views.SecondFactorView.as_view(), name="mfa_index"),
    path("keys/", views.SecondFactorView.as_view(), name="mfa_list_webauthn"),
    path("confirm/", views.ConfirmView.as_view(), name="mfa_authenticate"),
    path("app/add/", views.AddAppView.as_view(), name="mfa_activate_totp"),
    path("app/remove/", views.RemoveAppView.as_view(), name="mfa_deactivate_totp"),
    path("keys/add/", views.AddKeyView.as_view(), name="mfa_add_webauthn"),
    path("keys/<int:pk>/remove/", views.RemoveKeyView.as_view(), name="mfa_remove_webauthn"),
    path("codes/", views.CodesView.as_view(), name="mfa_view_recovery_codes"),
    path("codes/new/", views.NewCodesView.as_view(), name="mfa_generate_recovery_codes"),
    path("again/password/", views.PasswordAgainView.as_view(), name="account_reauthenticate"),
    path("again/code/", views.CodeAgain.as_view(), name="mfa_reauthenticate"),
    path("again/key/", views.KeyAgainView.as_view(), name="mfa_reauthenticate_webauthn"),
    path("sessions/", views.SessionsView.as_view(), name="usersessions_list"),
]
if settings.OIDC_ISSUER:
    urlpatterns += [
        path("<provider_id>/login/", oidc.login, name="openid_connect_login"),
        path("<provider_id>/login/callback/", oidc.callback, name="openid_connect_callback"),
    ]
