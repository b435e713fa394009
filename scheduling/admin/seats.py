"""The page that adds a seat by hand. What may be added is decided by the operation alone."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from booking_site.core.actor import actor_of
from booking_site.core.admin import ChoiceByAutocomplete, ConsoleAdmin, submitted
from booking_site.core.errors import DomainError, KeyReused
from booking_site.core.ids import uuid7
from booking_site.core.scope import scope_of
from booking_site.core.wallclock import duration_label
from doctors.models import Department, Doctor
from scheduling.exceptions import SeatOverbooks
from scheduling.models import MOST_MINUTES, AvailableSlot, VisitType
from scheduling.seats import add_seat

OVERBOOK = "scheduling.overbook_availableslot"


class VisitTypeChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: VisitType) -> str:
        return f"{obj.name}, {duration_label(obj.duration_minutes)}"


class SeatForm(forms.Form):
    """``slot_id`` is the id of the seat to be: so the form adds one, however often it is sent."""

    slot_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    date = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}))
    time = forms.TimeField(
        label=_("Time"), widget=forms.TimeInput(attrs={"type": "time"}), help_text=_("By the clock of the department.")
    )
    visit_type = VisitTypeChoice(label=_("Visit type"), queryset=VisitType.objects.filter(is_active=True))
    duration_minutes = forms.IntegerField(
        label=_("Length"),
        required=False,
        min_value=1,
        max_value=MOST_MINUTES,
        help_text=_("Minutes. Empty: as long as the visit type says."),
    )
    is_public = forms.BooleanField(
        label=_("Public"), required=False, initial=True, help_text=_("No: booked by staff only.")
    )
    overbook = forms.BooleanField(
        label=_("Overbook"),
        required=False,
        help_text=_("Add the seat even though the doctor has a slot then already. Say why."),
    )
    note = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        widget=AdminTextInputWidget,
        help_text=_("About the time, not about a patient."),
    )
    field_order = ["doctor", "department", "date", "time", "visit_type"]

    def __init__(
        self, *args: Any, model_admin: ConsoleAdmin, request: HttpRequest, may_overbook: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        site, of_slot = model_admin.admin_site, AvailableSlot._meta.get_field
        self.fields["doctor"] = ChoiceByAutocomplete(
            of_slot("doctor"), site, Doctor.objects.select_related("department"), label=_("Doctor")
        )
        self.fields["department"] = ChoiceByAutocomplete(
            of_slot("department"),
            site,
            Department.objects.all(),
            label=_("Department"),
            required=False,
            nothing=_("The doctor's own"),
        )
        if not may_overbook:
            del self.fields["overbook"]
        self.order_fields(self.field_order)
        model_admin.limited(request, self)
        self.scope = scope_of(request.user)
        if (place := self._chosen("department") or getattr(self._chosen("doctor"), "department", None)) is not None:
            zone = {"department": place.name, "zone": place.time_zone}
            self.fields["time"].help_text = _("By the clock of %(department)s, %(zone)s.") % zone

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        doctor, place = given.get("doctor"), given.get("department")
        if doctor and "department" in given and not place:
            if self.scope.allows(department_id=doctor.department_id, doctor_id=doctor.pk):
                given["department"] = doctor.department
            else:
                self.add_error("department", _("Choose one of your departments: the doctor's own is none of them."))
        return given

    def _chosen(self, name: str) -> Any:
        try:
            return self.fields[name].to_python(self[name].value())
        except ValidationError:
            return None

    def refuse(self, error: DomainError, instead: str) -> None:
        """Show a refusal at the field that it is about; ``instead`` says what can be done where there is a slot."""
        at = [found["field"] for found in error.errors if found["field"] in self.fields]
        self.add_error(at[0] if at else None, f"{error.detail} {instead if isinstance(error, SeatOverbooks) else ''}")
        if isinstance(error, KeyReused):
            self.data: Any = self.data.copy()
            self.data["slot_id"] = str(uuid7())


def who_may_overbook() -> str:
    app, codename = OVERBOOK.split(".")
    roles = Group.objects.filter(permissions__codename=codename, permissions__content_type__app_label=app)
    return ", ".join(roles.order_by("name").values_list("name", flat=True)) or str(_("nobody"))


def add_seat_page(model_admin: ConsoleAdmin, request: HttpRequest) -> HttpResponse:
    """Query: what is filled in already, by the names of the fields."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    may_overbook = request.user.has_perm(OVERBOOK)
    if may_overbook:
        instead = str(_("Or tick “Overbook” and say why."))
    else:
        instead = str(_("Who may overbook: %s.") % who_may_overbook())
    form: Any = SeatForm(
        submitted(request),
        initial={"visit_type": "consultation"}
        | {name: request.GET[name] for name in SeatForm.field_order if name in request.GET},
        model_admin=model_admin,
        request=request,
        may_overbook=may_overbook,
    )
    if form.is_valid():
        chosen = form.cleaned_data
        kind = chosen["visit_type"]
        try:
            slot = add_seat(
                actor=actor_of(request),
                doctor_id=chosen["doctor"].pk,
                department_id=chosen["department"].pk,
                local=datetime.combine(chosen["date"], chosen["time"]),
                duration_minutes=chosen["duration_minutes"] or kind.duration_minutes,
                visit_type=kind.pk,
                is_public=chosen["is_public"],
                note=chosen["note"],
                allow_overbooking=chosen.get("overbook", False),
                slot_id=chosen["slot_id"],
            )
        except DomainError as error:
            form.refuse(error, instead)
        else:
            model_admin.message_user(request, _("Added: %s.") % model_admin.option_label(slot))
            if not model_admin.has_view_permission(request):
                return HttpResponseRedirect(reverse("admin:index"))
            week = f"?doctor={slot.doctor_id}&date={slot.date}#day-{slot.date}"
            return HttpResponseRedirect(reverse("admin:scheduling_week") + week)
    return model_admin.form_page(
        request, form, title=_("Add a seat"), button=_("Add the seat"), note="" if may_overbook else instead
    )
