"""The admin site of the hospital's staff."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from appointments.models import Appointment
from appointments.steps import may_rebook
from appointments.today.pages import may_see, today_context
from booking_site.accounts import second_factor
from booking_site.accounts.forms import SignInForm
from booking_site.accounts.views import OwnPasswordView, SignInView
from booking_site.console.desk import ways
from booking_site.console.signing_in import is_script, refuse_script, sign_in_again
from booking_site.core import shown, signals
from booking_site.core.actor import actor_of
from booking_site.core.found import PostedSearch
from booking_site.core.scope import NO_PLACE, is_without_place, scope_of


class LabelledAutocomplete(AutocompleteJsonView):
    """Results are labelled as the admin of their model says, and whom they show is noted. What is typed comes by POST,
    of people by nothing else."""

    def post(self, request: HttpRequest) -> Any:
        if any("\x00" in text for pair in request.POST.lists() for text in pair[1]):
            raise SuspiciousOperation("A NUL byte in the form.")
        request.GET = request.POST
        return self.get(request)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        of_people = self.process_request(request)[1]
        is_refused = request.method != "POST" and isinstance(of_people, PostedSearch)
        if is_refused and of_people.has_view_permission(request):
            return HttpResponseNotAllowed(["POST"])
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        shown.note_list(self.request, self.model_admin.model, context["object_list"])
        return context

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        label = getattr(self.model_admin, "option_label", str)
        return {"id": str(getattr(obj, to_field_name)), "text": label(obj)}


# What those may open who belong to no department yet.
WITHOUT_PLACE = ("index", "jsi18n", "logout", "password_change", "password_change_done")


def _needing_new_time(request: HttpRequest) -> int:
    waiting = Appointment.objects.needing_new_time().filter(scope_of(request.user).q())
    return waiting.order_by().count()


class ConsoleSite(AdminSite):
    site_header = _("Hospital reception")
    site_title = _("Hospital reception")
    index_title = _("Reception")
    site_url = None
    enable_nav_sidebar = False  # the lists need the room; all pages are in the menu on top

    def get_urls(self) -> list[Any]:
        """Beside the pages of models, those that an app adds of its own: ``console_urls`` of an admin of its."""
        pages = [
            page for model_admin in self._registry.values() for page in getattr(model_admin, "console_urls", list)()
        ]
        # No page of any record leads to the public site, and the stock page that does tells which records there are.
        stock = [page for page in super().get_urls() if getattr(page, "name", "") != "view_on_site"]
        return [*pages, *stock]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """With the ways of the day, for those who have a place of work."""
        context = super().each_context(request)
        if not context["has_permission"]:
            return context | {"desk": []}
        if is_without_place(request.user) or second_factor.is_missing(request):
            return context | {"desk": [], "available_apps": []}
        return context | {"desk": ways(request)}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Today: the day of those whom the person sees; without the permission, the list of pages."""
        frame = self.each_context(request)
        if is_without_place(request.user):
            context = {**frame, "title": _("Welcome"), "detail": NO_PLACE}
            return TemplateResponse(request, "console/no_place.html", context)
        waiting = _needing_new_time(request) if may_rebook(request.user) else 0
        context = {"title": self.index_title, "app_list": frame["available_apps"], "needing_new_time": waiting}
        if may_see(request.user):
            context["today"] = today_context(request)
        return TemplateResponse(request, "admin/index.html", {**frame, **context, **(extra_context or {})})

    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As the stock page, with the steps that follow the password."""
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        context = {
            **self.each_context(request),
            "title": _("Log in"),
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
        }
        if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
            context[REDIRECT_FIELD_NAME] = reverse("admin:index")
        view = SignInView.as_view(
            extra_context=context | (extra_context or {}),
            authentication_form=SignInForm,
            template_name="admin/login.html",
        )
        return view(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        view = OwnPasswordView.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context=self.each_context(request) | (extra_context or {}),
        )
        return view(request)

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return LabelledAutocomplete.as_view(admin_site=self)(request)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Every page of the console: a refusal by permission is announced, for the audit log; a form that is sent when
        the session has ended waits for its sender to sign in."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "\x00" in request.path or any("\x00" in text for pair in request.GET.lists() for text in pair[1]):
                raise SuspiciousOperation("A NUL byte in the address.")  # PostgreSQL has no text that holds one
            try:
                view_name = request.resolver_match.url_name if request.resolver_match else None
                if view_name not in WITHOUT_PLACE and is_without_place(request.user):
                    raise PermissionDenied(NO_PLACE)
                return view(request, *args, **kwargs)
            except PermissionDenied:
                signals.access_denied.send(
                    sender=type(self),
                    actor=actor_of(request),
                    method=request.method,
                    path=request.path,
                    code="not_allowed",
                )
                raise

        protected = super().admin_view(guarded, cacheable)

        @wraps(view)
        def entered(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_permission(request) and request.path != reverse("admin:logout"):
                if is_script(request):
                    return refuse_script()
                if request.method == "POST" and (answer := sign_in_again(self, request)) is not None:
                    return answer
            return protected(request, *args, **kwargs)

        return entered
