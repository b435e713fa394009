"""When a session ends in the middle of a form: sign in on the spot, and what was sent is done. Nothing typed is lost.

What was typed goes back to the browser that sent it, as hidden fields beside the sign-in form; nothing of it is kept
here. Passwords are left out: they are typed again. The steps are those of the sign-in page: the password, and then the
second factor of those who have one.
"""

from typing import Any

from allauth.account.stages import LoginStage, LoginStageController
from allauth.account.utils import perform_login
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from booking_site.accounts import second_factor
from booking_site.accounts.forms import CodeForm, KeyForm, SignInForm
from booking_site.accounts.leading import lead_to_second_factor
from booking_site.accounts.views import refused

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
    form = _second_step(request) or _first_step(request)
    if request.user.is_authenticated:
        if second_factor.is_missing(request):
            return lead_to_second_factor(request)
        sent._mutable = False
        request.POST = sent  # type: ignore[assignment]
        return None
    why = _("Your session has ended. Sign in, and what you have just sent is done.")
    return refused(page(site, request, sent, form, why), form)


def _first_step(request: HttpRequest) -> Any:
    """The password. Gives the form that is to be filled in next."""
    is_answer = f"{PREFIX}-username" in request.POST
    form = SignInForm(request, data=request.POST if is_answer else None, prefix=PREFIX)
    if not is_answer or not form.is_valid():
        return form
    perform_login(request, form.get_user(), redirect_url=request.path)
    stage = _stage(request)
    return form if stage is None else _code_form(stage)


def _second_step(request: HttpRequest) -> Any:
    """The code or the key. None where the password has to come first."""
    stage = _stage(request)
    if stage is None or f"{PREFIX}-username" in request.POST:
        return None
    kind: Any = KeyForm if f"{PREFIX}-credential" in request.POST else CodeForm
    if f"{PREFIX}-code" not in request.POST and kind is CodeForm:
        return None
    form = kind(user=stage.login.user, data=request.POST, prefix=PREFIX)
    if form.is_valid():
        form.save()
        stage.exit()
    elif isinstance(form, KeyForm):
        errors, form = form.errors, _code_form(stage)
        form._errors = errors
    return form


def _code_form(stage: LoginStage) -> Any:
    kind: Any = CodeForm
    return kind(user=stage.login.user, prefix=PREFIX)


def _stage(request: HttpRequest) -> LoginStage | None:
    """The second factor, where it is what the person in this browser has to show next."""
    if request.user.is_authenticated:
        return None
    return LoginStageController.enter(request, AuthenticateStage.key)


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
    stage = _stage(request) if isinstance(form, CodeForm) else None
    if stage is not None:
        keys = second_factor.factors_of(stage.login.user).filter(type=Authenticator.Type.WEBAUTHN)
        options = {"request_options": begin_authentication(stage.login.user)} if keys.exists() else None
        context |= {"is_second_step": True, "js_data": options}
    answer = TemplateResponse(request, "console/sign_in_again.html", context)
    answer["Cache-Control"] = "no-store"
    return answer.render()
