"""What every answer says to the browser, whatever made it: a page, the API, a file, an error, a redirect.

The content security policy is django-csp's and CORS django-cors-headers', from the settings. Django's own middleware
says some of this too, but not in the answers that are made before a request reaches it, such as the refusal of a host.
"""

import re
from typing import Any

from corsheaders import middleware as cors
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from django.utils.cache import patch_vary_headers

# Nothing of this is used. What a page may do by default depends on the browser; here it does not.
UNUSED = (
    *("accelerometer", "autoplay", "browsing-topics", "camera", "clipboard-read", "display-capture"),
    *("encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get"),
    *("idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "otp-credentials", "payment"),
    *("picture-in-picture", "screen-wake-lock", "serial", "storage-access", "usb", "window-management"),
    "xr-spatial-tracking",
)
KEYS = ("publickey-credentials-create", "publickey-credentials-get")  # security keys, to sign in with
PERMISSIONS = ", ".join([*(f"{name}=()" for name in UNUSED), *(f"{name}=(self)" for name in KEYS)])


class HeadersMiddleware(SecurityMiddleware):
    """Adds what an answer does not say itself. Nothing is kept by a browser or a proxy unless it says so: patients are
    everywhere. Stands outside of all that can answer."""

    always = {
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS,
        "Cache-Control": "no-store",
    }

    def process_request(self, request: HttpRequest) -> None:
        """Who speaks plain HTTP is led to HTTPS further in, where it is known whose word counts."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        for name, value in self.always.items():
            response.headers.setdefault(name, value)
        return response


class PolicyMiddleware(CSPMiddleware):
    """The content security policy, put together once for all answers that ask for none of their own."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.usual = build_policy()

    def process_request(self, request: HttpRequest) -> None:
        """No page has a nonce: there is no inline script."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if settings.DEBUG or any(name.startswith("_csp") for name in vars(response)):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self.usual)
        return response


class CorsMiddleware(cors.CorsMiddleware):
    """Who says no origin is no page of elsewhere: nothing is to be decided, but caches hear that it would matter."""

    sync_capable, async_capable = True, False
    regex = re.compile(settings.CORS_URLS_REGEX)

    def __call__(self, request: HttpRequest) -> Any:
        if "HTTP_ORIGIN" in request.META:
            return super().__call__(request)
        response: Any = self.get_response(request)
        if self.regex.match(request.path_info):
            patch_vary_headers(response, ("origin",))
        return response
