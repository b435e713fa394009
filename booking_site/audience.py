"""Who an address is for: people, who read pages and have sessions, or programs, which bring tokens and read JSON."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Respond = Callable[[HttpRequest], HttpResponse]

FOR_PROGRAMS = ("/api/", "/oauth/", "/health", "/openapi.json", "/docs", "/redoc")
CONSENT = "/oauth/authorize"  # the one page of OAuth that people read


def is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith(FOR_PROGRAMS) and not request.path.startswith(CONSENT)


_joins: list[Respond] = []  # Django makes middlewares one after the other, the innermost first


def join(get_response: Respond) -> Respond:
    """In MIDDLEWARE, where the way of programs comes back to that of people."""
    _joins.append(get_response)
    return get_response


def fork(get_response: Respond) -> Respond:
    """In MIDDLEWARE, where requests of programs leave out all that stands between here and ``join``. It can refuse no
    view of theirs either: what it has of ``process_view`` must let them pass."""
    beyond = _joins.pop()

    def respond(request: HttpRequest) -> HttpResponse:
        return beyond(request) if is_for_programs(request) else get_response(request)

    return respond
