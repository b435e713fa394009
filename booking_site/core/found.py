"""Lists of people are searched by POST. What was typed is kept in the session of who typed it, under a random key; the
address has the key (``?found=...``). So no name stands in an address: not in the history of a browser, not in the log
of a proxy, not in what is copied into a mail. Leafing, filters and the way back work as with any other list.
"""

import secrets
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from booking_site.core.admin import ConsoleAdmin

FOUND = "found"  # of the query: the key; of the session: {key: what was typed}
KEPT = 30  # searches of a session: the oldest makes room
LONGEST = 300


def keep(request: HttpRequest, text: str) -> str:
    """The key of a search. The same search has the same key for as long as it is kept."""
    searches = dict(request.session.get(FOUND, {}))
    key = next((key for key, kept in searches.items() if kept == text), None) or secrets.token_urlsafe(6)
    searches.pop(key, None)
    searches[key] = text
    request.session[FOUND] = dict(list(searches.items())[-KEPT:])
    return key


def text_of(request: HttpRequest) -> str | None:
    """What was searched for; empty without a search, None when it is not kept any more."""
    key = request.GET.get(FOUND)
    return request.session.get(FOUND, {}).get(key) if key else ""


class PostedList(ChangeList):
    is_posted = True  # see the template of the search form

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.query = text_of(request) or ""
        return super().get_queryset(request, *args, **kwargs)

    def get_filters_params(self, params: Any = None) -> Any:
        return {name: value for name, value in super().get_filters_params(params).items() if name != FOUND}


class PostedSearch(ConsoleAdmin):
    """A list with such a search. Its autocompletes ask by POST too (see ``console.site``)."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return PostedList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """A search, also one from an address of old with the words in it, leads to its own address."""
        if request.method == "POST" and SEARCH_VAR in request.POST and "action" not in request.POST:
            return self._led(request, request.POST[SEARCH_VAR])
        if SEARCH_VAR in request.GET:
            return self._led(request, request.GET[SEARCH_VAR])
        if text_of(request) is None:
            self.message_user(request, _("That search is not kept any more. Search again."), messages.WARNING)
        return super().changelist_view(request, extra_context)

    def _led(self, request: HttpRequest, text: str) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        query = request.GET.copy()
        for name in (SEARCH_VAR, FOUND, "p", "e"):
            query.pop(name, None)
        if text := text.replace("\x00", "").strip()[:LONGEST]:
            query[FOUND] = keep(request, text)
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)
