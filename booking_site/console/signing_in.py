"""When a session ends in the middle of a form: sign in on the spot, and what was sent is done. Nothing typed is lost.

What was typed goes back to the browser that sent it, as hidden fields beside the sign-in form; nothing of it is kept
here. Passwords are left out: they are typed again.
"""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

PREFIX = "sign_in"


def is_script(request: HttpRequest) -> bool:
    """Whether a script of a page asks, which can do nothing with a page to sign in on."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "empty"


def refuse_script() -> HttpResponse:
    detail = _("Your session has ended. Sign in again.")
    return JsonResponse({"code": "not_authenticated", "detail": detail}, status=401)


def sign_in_again(site: AdminSite, request: HttpRequest) -> HttpResponse | None:
    """For a POST of somebody who is not signed in: the page to sign in on, or None when they have just done so.
    Then the request is signed in, and holds what the form behind it had sent."""
    sent = request.POST.copy()
    for name in [name for name in sent if name.startswith(f"{PREFIX}-")]:
        del sent[name]
    is_answer = f"{PREFIX}-username" in request.POST
    form = AdminAuthenticationForm(request, data=request.POST if is_answer else None, prefix=PREFIX)
    if is_answer and form.is_valid():
        login(request, form.get_user())
        sent._mutable = False
        request.POST = sent  # type: ignore[assignment]
        return None
    return page(site, request, sent, form, _("Your session has ended. Sign in, and what you have just sent is done."))


def go_on(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """For a form that was opened before its sender signed in anew: its token has aged, its content has not."""
    return page(site, request, request.POST, None, _("You have signed in since you opened this form."))


def page(site: AdminSite, request: HttpRequest, sent: QueryDict, form: Any, why: str) -> HttpResponse:
    hidden = [
        (name, value)
        for name, values in sent.lists()
        if name != "csrfmiddlewaretoken" and "password" not in name
        for value in values
    ]
    context = site.each_context(request) | {"title": _("Go on"), "form": form, "hidden": hidden, "why": why}
    answer = TemplateResponse(request, "console/sign_in_again.html", context)
    answer["Cache-Control"] = "no-store"
    return answer.render()
