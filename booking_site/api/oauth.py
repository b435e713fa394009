"""The OAuth 2 endpoints (RFC 6749, 7009, 7636): tokens for backends and for apps that act for a signed-in person."""

from django.urls import path
from oauth2_provider import views

app_name = "oauth2_provider"
urlpatterns = [
    path("token", views.TokenView.as_view(), name="token"),
    path("revoke", views.RevokeTokenView.as_view(), name="revoke-token"),
    path("authorize", views.AuthorizationView.as_view(), name="authorize"),
]
