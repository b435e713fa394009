"""Every address of the site."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from booking_site import errorpages
from booking_site.api import health
from booking_site.api.docs import openapi_json, redoc, swagger
from booking_site.api.router import urlpatterns as api_v1

documents = [
    path("health", health.ready),
    path("health/", health.ready),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("openapi.json", openapi_json, name="openapi"),
    path("docs", swagger, name="docs"),
    path("redoc", redoc, name="redoc"),
]
urlpatterns = [
    path("api/v1/", include(api_v1)),  # first: most of what is asked
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/language/", set_language, name="set_language"),
    path("admin/account/", include("booking_site.accounts.urls")),
    path("admin/", admin.site.urls),
    path("admin/login/", admin.site.login, name="account_login"),  # the library's name for it; never matched
    path("oauth/", include("booking_site.api.oauth")),
    path("api/v1/", include(documents)),
    *documents,
]
if settings.METRICS:
    from booking_site.monitoring.metrics import page as metrics

    urlpatterns.append(path("metrics", metrics))
handler400 = errorpages.bad_request
handler403 = errorpages.permission_denied
handler404 = errorpages.not_found
handler500 = errorpages.server_error
