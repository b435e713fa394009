"""Pages and checks that are only ever read."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from booking_site.api.errors import problem_response

View = Callable[[HttpRequest], HttpResponse]


def read_only(view: View) -> View:
    """GET and HEAD; any other method is a 405 problem with Allow (and not a complaint about a missing CSRF token)."""

    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        response = problem_response(
            request, status=405, code="method_not_allowed", detail=f"{request.method} is not allowed here. Use GET."
        )
        response["Allow"] = "GET, HEAD"
        return response

    return checked
