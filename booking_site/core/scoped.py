"""The scope of a member of staff, applied to the pages of a model: to its rows, its forms and its list actions.

What somebody asks for by an id outside their scope is not there for them; that they asked is in the audit log.
"""

import copy
from collections.abc import Iterable
from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from booking_site.core import signals
from booking_site.core.actor import actor_of
from booking_site.core.scope import scope_of

Form = TypeVar("Form", bound=forms.BaseForm)


class ScopedAdmin(admin.ModelAdmin):
    """``scoped``: the paths from a row to its department and to its doctor, as ``Scope.q`` takes them; None for rows
    of the whole hospital. Every model that has a department or a doctor says it, or has a ``seen`` of its own."""

    scoped: dict[str, str] | None = None

    # --- rows --------------------------------------------------------------------------------------------------

    def seen(self, request: HttpRequest, rows: Any) -> Any:
        """Those of ``rows`` that the person may see."""
        return rows if self.scoped is None else rows.filter(scope_of(request.user).q(**self.scoped))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return self.seen(request, super().get_queryset(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is None:
            self.sees(request, [unquote(object_id)])
        return found

    def sees(self, request: HttpRequest, keys: Iterable[Any]) -> bool:
        """Whether all rows with these keys are seen. Those that are not are announced, for the audit log."""
        rows = self.model._default_manager.filter(pk__in=list(_keys(self.model, keys))).order_by()
        if rows.count() == self.seen(request, rows).count():
            return True
        announce_outside(request)
        return False

    # --- lists -------------------------------------------------------------------------------------------------

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only by what the list offers as filters: nobody finds out about what they are not shown."""
        filters = self.get_list_filter(request) if request else self.list_filter
        names = [_name_of(each) for each in filters]
        is_offered = any(lookup == name or lookup.startswith(f"{name}__") for name in names)
        return is_offered and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def response_action(self, request: HttpRequest, queryset: QuerySet, *args: Any) -> HttpResponse | None:
        """A list action touches what the person sees, however the ids came."""
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        keys = list(_keys(self.model, ticked))
        if len(keys) < len(ticked) or not self.sees(request, keys):
            self.message_user(request, _("Not all that you ticked is there. Choose from the list."), messages.ERROR)
            return None
        return super().response_action(request, queryset, *args)

    # --- forms -------------------------------------------------------------------------------------------------

    def limited(self, request: HttpRequest, form: Form) -> Form:
        """The form, which now offers and accepts only records that the person may see."""
        for name, field in form.fields.items():
            if isinstance(field, forms.ModelChoiceField):
                self._limit(request, form, name, field)
        return form

    def _limit(self, request: HttpRequest, form: forms.BaseForm, name: str, field: forms.ModelChoiceField) -> None:
        of_field = self.admin_site._registry.get(field.queryset.model)  # type: ignore[union-attr]
        if not isinstance(of_field, ScopedAdmin):
            return
        whole = copy.copy(field)
        field.queryset = of_field.seen(request, field.queryset)
        if form.is_bound:
            given = field.widget.value_from_datadict(form.data, form.files, form.add_prefix(name))
            if not _accepts(field, given) and _accepts(whole, given):
                announce_outside(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        model_admin = self

        class Limited(form):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                model_admin.limited(request, self)

        return Limited


def _name_of(list_filter: Any) -> str:
    """The field or the parameter that one of ``list_filter`` goes by."""
    if isinstance(list_filter, (list, tuple)):
        list_filter = list_filter[0]
    return list_filter if isinstance(list_filter, str) else list_filter.parameter_name


def announce_outside(request: HttpRequest) -> None:
    """Somebody asked for what they may not see."""
    signals.access_denied.send(
        sender=ScopedAdmin, actor=actor_of(request), method=request.method, path=request.path, code="out_of_scope"
    )


def _accepts(field: forms.ModelChoiceField, value: Any) -> bool:
    try:
        field.clean(value)
    except ValidationError:
        return False
    return True


def _keys(model: Any, texts: Iterable[Any]) -> Iterable[Any]:
    """Those that can be keys of the model at all."""
    for text in texts:
        try:
            str(text).encode("utf-8")  # a lone surrogate is no text
            key = model._meta.pk.to_python(text)
        except (ValidationError, UnicodeEncodeError):
            continue
        if "\x00" not in str(key):
            yield key
