from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db import models
from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.translation import gettext_lazy as _

from booking_site.core.admin import RecordAdmin
from booking_site.core.found import PostedList, PostedSearch
from booking_site.core.scope import scope_of
from booking_site.core.wallclock import moment_html, short_day_label
from patients import consents
from patients.finding import MOST, find
from patients.forms import RegistrationForm
from patients.models import Patient


class PatientList(PostedList):
    """Leads to the pages of patients, not to the forms that change their records."""

    def url_for_result(self, result: Any) -> str:
        return reverse("admin:patient", args=[result.pk])


@admin.register(Patient)
class PatientAdmin(PostedSearch, RecordAdmin):
    list_display = ["name", "dob_iso", "mrn", "phone", "email", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["search_text"]  # what makes Django show the search box; see get_search_results
    search_help_text = _(
        "Any of: name in any order or spelling, date of birth, phone number, e-mail, record number; beside a name, the "
        "year of birth."
    )
    sortable_by = ()  # in the one order that has an index
    fieldsets = [
        (None, {"fields": ["first_name", "last_name", "dob", "mrn"]}),
        (_("Contact"), {"fields": ["phone", "email", "preferred_language"]}),
        (_("Reminders"), {"fields": ["remind_by_email", "remind_by_sms", "remind_by_phone"]}),
        (_("Insurance"), {"fields": ["insurance_provider", "insurance_id"]}),
        (_("Record"), {"fields": ["is_active", "registered", "changed"]}),
    ]
    readonly_fields = ["registered", "changed"]
    formfield_overrides = {
        models.DateField: {"widget": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})},
    }

    def seen(self, request: HttpRequest, rows: Any) -> Any:
        """Patients are the whole hospital's; a clinician sees those who have, or have had, an appointment with them."""
        return rows.seen_by(scope_of(request.user))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return PatientList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Consents of a registered patient are written down on a page of their own, with how they were given."""
        shown: Any = super().get_fieldsets(request, obj)
        return shown if obj is None else [one for one in shown if not consents.FIELDS.keys() & set(one[1]["fields"])]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A merged record leads to the one it became, one that has been erased to what is left of it."""
        patient = self.get_object(request, unquote(object_id))
        is_elsewhere = patient is not None and (patient.merged_into_id is not None or patient.erased_at is not None)
        if is_elsewhere and self.has_view_permission(request, patient):
            return HttpResponseRedirect(reverse("admin:patient", args=[patient.pk]))
        return super().change_view(request, object_id, form_url, extra_context)

    def get_list_display(self, request: HttpRequest) -> Any:
        book = ["book"] if request.user.has_perm("appointments.add_appointment") else []
        return [*self.list_display, *book]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The best first. Autocomplete offers patients for booking: only open records."""
        queryset = queryset.filter(erased_at__isnull=True)
        if "field_name" in request.GET:
            queryset = queryset.surviving().active()
        if not search_term.strip():
            return queryset, False
        found = find(search_term, limit=MOST, among=queryset)
        places = [When(pk=patient.pk, then=place) for place, patient in enumerate(found)]
        return queryset.filter(pk__in=[patient.pk for patient in found]).order_by(Case(*places, default=MOST)), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"most_found": MOST, **(extra_context or {})})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs.setdefault("form", RegistrationForm)
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and "preferred_language" in form.base_fields and obj.language != obj.preferred_language:
            form.base_fields["preferred_language"].help_text = escape(obj.language)
        return form

    def option_label(self, obj: Patient) -> str:
        born = f"{_('born')} {short_day_label(obj.dob)}" if obj.dob else ""
        return ", ".join(filter(None, [str(obj), born, obj.mrn or "", obj.phone]))

    @admin.display(description=_("name"))
    def name(self, patient: Patient) -> str:
        name = ", ".join(filter(None, [patient.last_name, patient.first_name]))
        name = format_html("<bdi>{}</bdi>", name)
        return name if patient.merged_into_id is None else format_html(_("%s (merged)") % "{}", name)

    @admin.display(description=_("date of birth"))
    def dob_iso(self, patient: Patient) -> str:
        return short_day_label(patient.dob) if patient.dob else "-"

    @admin.display(description=_("book"))
    def book(self, patient: Patient) -> str:
        if not patient.is_active:
            return ""
        url = f"{reverse('admin:appointments_appointment_add')}?patient={patient.pk}"
        return format_html('<a class="step" href="{}">{}</a>', url, _("Book"))

    @admin.display(description=_("registered"))
    def registered(self, patient: Patient) -> str:
        return moment_html(patient.created_at)

    @admin.display(description=_("last changed"))
    def changed(self, patient: Patient) -> str:
        return moment_html(patient.updated_at)
