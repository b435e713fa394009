"""What every answer says to the browser, whatever made it: a page, the API, a file, an error, a redirect.

The content security policy is django-csp's, from the settings. Django's own middleware says some of this too, but not
in the answers that are made before a request reaches it, such as the refusal of a host.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

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
