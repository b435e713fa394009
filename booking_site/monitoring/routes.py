"""What a request is called where requests are counted: by the pattern that its address has matched. The address
itself may hold who it is about, and would make as many names as there are patients."""

import re

from django.conf import settings
from django.http import HttpRequest

STATIC, UNMATCHED = "static", "unmatched"
GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
ANCHORS = re.compile(r"[\^$]|\\Z")


def route(request: HttpRequest) -> str:
    """``api/v1/appointments/<pk>``."""
    match = request.resolver_match
    if match is not None:
        return ANCHORS.sub("", GROUP.sub(r"<\1>", match.route)).replace("/?", "") or "/"
    return STATIC if request.path_info.startswith(settings.STATIC_URL) else UNMATCHED


def method(request: HttpRequest) -> str:
    """Anybody may call a method anything."""
    from booking_site.middleware import MethodMiddleware

    return request.method if request.method in MethodMiddleware.KNOWN else "other"
