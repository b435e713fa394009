"""What the admin pages of all apps share: no deletion, no counting of millions, records saved through one function."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.errors import DomainError
from booking_site.core.operations import save_record, version_of
from booking_site.core.scoped import ScopedAdmin
from booking_site.core.signals import record_saved

COUNTED = 10_000  # rows; nobody leafs further than that, and counting on would read the whole table


class CappedPaginator(Paginator):
    """Counts no further than ``COUNTED`` rows; the page then says "more than"."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, models.QuerySet):
            return len(rows)
        return min(rows.order_by()[: COUNTED + 1].count(), COUNTED + 1)


class ConsoleAdmin(ScopedAdmin):
    """Nothing is deleted: records are deactivated. What happened to a record is in the audit log, and only there."""

    show_full_result_count = False
    view_on_site = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def option_label(self, obj: Any) -> str:
        """How an autocomplete shows the object: enough to tell it from others of the same name."""
        return str(obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", SteadyAutocompleteSelect(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def not_found(self, request: HttpRequest) -> HttpResponse:
        """Where people go who ask for what is not there, or not for them."""
        text = _("There is no %s with this id among those that you may see.") % self.opts.verbose_name
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(reverse("admin:index"))

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """The same from the stock pages."""
        return self.not_found(request)

    def own_page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """A page of our own, in the frame of the stock ones."""
        frame = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "has_view_permission": self.has_view_permission(request),
        }
        return TemplateResponse(request, template, frame | context)

    def form_page(
        self,
        request: HttpRequest,
        form: Any,
        template: str = "console/step_form.html",
        *,
        note: Any = "",
        **context: Any,
    ) -> TemplateResponse:
        """A page of our own that shows a form, as the stock ones do. ``note`` stands above the fields.

        ``context``: ``title``, ``button``, and, when it is about a record, ``original``, ``original_label`` and
        ``version``.
        """
        fields = [field.name for field in form.visible_fields()]
        fieldsets: Any = [(None, {"fields": fields, "description": note})] if fields else []
        shown = {
            "form": form,
            "adminform": AdminForm(form, fieldsets, {}, model_admin=self),
            "errors": form.errors,
            "media": self.media + form.media,
            "original": None,
        }
        return self.own_page(request, template, **shown | context)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The audit log tells it already."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The audit log tells it already."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "POST" and request.POST.get("action", "") not in ("", *self.get_actions(request)):
            raise PermissionDenied  # an action that is not offered to this person
        title = capfirst(str(self.opts.verbose_name_plural))
        answer = super().changelist_view(request, {"title": title, **(extra_context or {})})
        if (listed := (getattr(answer, "context_data", None) or {}).get("cl")) is not None:
            shown.note_list(request, self.model, listed.result_list)
        return answer

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if (record := context.get("original")) is not None:
            shown.note_record(request, self.model, record)
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not request.user.has_perm("audit.view_auditlog"):
            raise PermissionDenied
        key = unquote(object_id)
        is_own = isinstance(self.opts.pk, models.UUIDField)  # no other object has it
        query = urlencode({"q": key if is_own else f"{self.opts.model_name}:{key}", "day": "all"})
        return HttpResponseRedirect(f"{reverse('admin:audit_auditlog_changelist')}?{query}")


class ReadOnlyAdmin(ConsoleAdmin):
    """To be looked at. What may be done to the object is done by operations, on pages of their own."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordAdmin(ConsoleAdmin):
    """A plain record: saved by ``save_record``, so that the audit log learns who changed what from what."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # A form strips its texts: one that came back as it was shown has not been changed by anybody.
        touched = [name for name in form.changed_data if form[name].data != form[name].initial]
        save_record(
            actor=actor_of(request),
            instance=obj,
            fields=touched if change else None,
            expected_versions=version_in(request),
        )

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The page knows which version of the record it shows: somebody else's change is never overwritten unseen."""
        if (record := context.get("original")) is not None:
            context["record_version"] = request.POST.get("version") or version_of(record)
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A refusal comes out of the transaction of the stock view and so rolls it back. Then the same form is shown
        again, as typed, with the refusal in it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            request.refusal = error  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        refusal: DomainError | None = getattr(request, "refusal", None)
        if refusal is None:
            return form

        class Refused(form):
            def clean(self) -> Any:
                cleaned = super().clean()
                self.add_error(None, str(refusal))
                return cleaned

        return Refused


class AnnouncedAdmin(ConsoleAdmin):
    """For models of other packages (users, API clients), which have no ``updated_at`` and hold secrets: saved as Django
    does, and what the form changed is announced in the same transaction, a password by its name only."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changes: dict[str, tuple[Any, Any]] = {}
        for one in (form, *(inline for formset in formsets for inline in formset.forms)):
            changes |= _changed(one)
        if changes or not change:
            record_saved.send(
                sender=type(form.instance),
                actor=actor_of(request),
                instance=form.instance,
                changes=changes,
                created=not change,
            )


def _changed(form: Any) -> dict[str, tuple[Any, Any]]:
    """What a form changed: the old and the new value by the name of the field."""
    return {
        name: ("***", "***") if "password" in name else (plain(form.initial.get(name)), plain(form.cleaned_data[name]))
        for name in form.changed_data
        if name in form.cleaned_data
    }


def plain(value: Any) -> Any:
    """A value of a form as JSON knows it."""
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, (list, tuple, models.QuerySet)):
        return [str(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def version_in(request: HttpRequest) -> frozenset[str] | None:
    """The version of the record that the page showed; None when the page did not say."""
    given = request.POST.get("version", "")
    return frozenset([given]) if given else None


class RelatedSelectFilter(admin.RelatedFieldListFilter):
    """A filter by a related record as one drop-down list instead of a column of links."""

    template = "console/select_filter.html"

    def __init__(self, field: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(field, request, *args, **kwargs)
        self.others = other_parameters(request, self.lookup_kwarg)

    @property
    def selected(self) -> str:
        return self.lookup_val[-1] if self.lookup_val else ""


def other_parameters(request: HttpRequest, *but: str) -> list[tuple[str, str]]:
    """The query of a list, for the hidden fields of a filter's form: all but its own parameters and the page number."""
    return [(name, request.GET.get(name, "")) for name in request.GET if name not in (*but, "p", "e")]


class SteadyAutocompleteSelect(AutocompleteSelect):
    """A chosen value that is no key at all is shown as nothing chosen (the stock widget ends in a server error).
    What is typed goes by POST: see core.found."""

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> Any:
        return super().build_attrs(base_attrs, extra_attrs) | {"data-ajax--type": "POST"}

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        try:
            return super().optgroups(name, value, attr)
        except (ValidationError, ValueError):
            return super().optgroups(name, [], attr)


class SafeAutocompleteSelect(SteadyAutocompleteSelect):
    """Where nothing needs to be chosen, ``nothing`` says what that means."""

    nothing: Any = _("Any")

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> Any:
        attributes = super().build_attrs(base_attrs, extra_attrs)
        return attributes if self.is_required else attributes | {"data-placeholder": str(self.nothing)}


class ChoiceByAutocomplete(forms.ModelChoiceField):
    """One record, chosen by autocomplete through the foreign key ``source`` and labelled as its admin says.

    ``nothing``: what it means to choose none, where that is not "any".
    """

    def __init__(self, source: Any, site: admin.AdminSite, queryset: Any, nothing: Any = None, **kwargs: Any) -> None:
        self.label_of: Callable[[Any], str] = site.get_model_admin(queryset.model).option_label  # type: ignore[attr-defined]
        super().__init__(queryset=queryset, widget=SafeAutocompleteSelect(source, site), **kwargs)
        if nothing is not None:
            self.widget.nothing = nothing
        self.error_messages["invalid_choice"] = _("Choose one from the list.")

    def label_from_instance(self, obj: Any) -> str:
        return self.label_of(obj)


def submitted(request: HttpRequest) -> Any:
    """What a form is bound to: nothing until it is sent."""
    return request.POST if request.method == "POST" else None
