"""The language of a page: that of the person who reads it. Programs are answered in English, and go by codes."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_noop
from django.utils.translation.trans_real import parse_accept_lang_header

from booking_site.audience import is_for_programs

# Of the stock pages: so that our catalogues have them too, and call a thing by one word everywhere.
REWORDED = (
    *(gettext_noop("Save"), gettext_noop("Save as new"), gettext_noop("Save and view")),
    *(gettext_noop("Save and add another"), gettext_noop("Save and continue editing")),
)


class LanguageMiddleware:
    """Pages and error pages speak the language of ``language_of``; what programs read is English."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_for_programs(request):
            translation.activate(settings.LANGUAGE_CODE)
            return self.get_response(request)
        language = language_of(request)
        translation.activate(language)  # for what is streamed after this, too; the next request sets its own
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response


def language_of(request: HttpRequest) -> str:
    """The one chosen in this browser, else the first of those it asks for that the site has, else CONSOLE_LANGUAGE."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    asked = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    for code in (chosen, *(code for code, _ in asked)):
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.CONSOLE_LANGUAGE
