"""The page of a doctor's week: what is planned, what is free and who comes, and what can be done about it."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from booking_site.core import shown
from booking_site.core.admin import ChoiceByAutocomplete, ConsoleAdmin
from booking_site.core.scope import scope_of
from booking_site.core.wallclock import day_label
from doctors.models import Doctor
from scheduling import operations
from scheduling.models import AvailableSlot
from scheduling.week import WEEK, monday_of, week_of

STEPS = {"withdraw": operations.withdraw, "reinstate": operations.reinstate}
YEARS = (1990, 2190)  # what the week picker leafs through


class WeekForm(forms.Form):
    date = forms.DateField(
        label=_("Any day of the week"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, model_admin: ConsoleAdmin, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["doctor"] = ChoiceByAutocomplete(
            AvailableSlot._meta.get_field("doctor"),
            model_admin.admin_site,
            Doctor.objects.select_related("department"),
            label=_("Doctor"),
        )

    def clean_date(self) -> Any:
        day = self.cleaned_data["date"]
        if day is not None and not YEARS[0] <= day.year <= YEARS[1]:
            raise ValidationError(_("Choose a day from %d to %d.") % YEARS)
        return day


class ChosenForm(forms.Form):
    """Seats that are ticked, and why."""

    slots = forms.ModelMultipleChoiceField(
        queryset=AvailableSlot.objects.select_related("doctor", "department").order_by("starts_at", "seat"),
        error_messages={"required": _("Tick the seats first.")},
    )
    note = forms.CharField(required=False, max_length=200)


def week_url(doctor_id: str, day: date | None = None) -> str:
    query = urlencode({"doctor": doctor_id} | ({"date": f"{day}"} if day else {}))
    return f"{reverse('admin:scheduling_week')}?{query}"


def week_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Query: ``doctor`` (code) and ``date`` (any day of the week; this week without it)."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    given = request.POST if request.method == "POST" else request.GET
    form = model_admin.limited(request, WeekForm(given if "doctor" in given else None, model_admin=model_admin))
    form.full_clean()
    found = form.cleaned_data if form.is_bound else {}  # a date that makes no sense: this week, and what is wrong
    doctor, day = found.get("doctor"), found.get("date")
    if request.method == "POST":
        return _step(model_admin, request, doctor, day)
    context: dict[str, Any] = {
        "title": _("Week of %s") % doctor.name if doctor else _("Week of a doctor"),
        "form": form,
        "media": model_admin.media + form.media,
    }
    if doctor is not None:
        today = timezone.now().astimezone(doctor.department.tz).date()
        monday = monday_of(day or today)
        form.initial["date"] = day or today
        user = request.user
        see_appointments = user.has_perm("appointments.view_appointment")
        see_patients = user.has_perm("patients.view_patient")
        week = week_of(
            doctor,
            monday,
            seen=scope_of(user).q(),
            with_appointments=see_appointments,
            with_patients=see_patients,
        )
        if booked := week.appointments:
            shown.note_list(request, type(booked[0]), booked)
        context |= {
            "week": week,
            "see_appointments": see_appointments,
            "see_patients": see_patients,
            "may_book": user.has_perm("appointments.add_appointment"),
            # asked once, not for each of some hundred seats
            "slots_at": reverse("admin:scheduling_availableslot_changelist"),
            "appointments_at": reverse("admin:appointments_appointment_changelist"),
            "span": f"{day_label(monday)} – {day_label(monday + timedelta(days=6))}",
            "today": today,
            "previous": week_url(doctor.pk, monday - WEEK),
            "this": week_url(doctor.pk),
            "next": week_url(doctor.pk, monday + WEEK),
            "is_this_week": monday == monday_of(today),
            "may_add": model_admin.has_add_permission(request) and doctor.is_active,
            "may_step": model_admin.has_withdraw_permission(request),
        }
    return model_admin.own_page(request, "console/week.html", **context)


def _step(model_admin: Any, request: HttpRequest, doctor: Doctor | None, day: date | None) -> HttpResponse:
    """Withdraw or offer again what was ticked; back to the same week."""
    if not model_admin.has_withdraw_permission(request):
        raise PermissionDenied
    chosen, step = model_admin.limited(request, ChosenForm(request.POST)), STEPS.get(request.POST.get("step", ""))
    if step is None:
        model_admin.message_user(request, _("Choose what to do."), messages.ERROR)
    elif chosen.is_valid():
        model_admin.step(request, chosen.cleaned_data["slots"], step, chosen.cleaned_data["note"])
    else:
        for problem in [text for texts in chosen.errors.values() for text in texts]:
            model_admin.message_user(request, problem, messages.ERROR)
    return HttpResponseRedirect(week_url(doctor.pk, day) if doctor else reverse("admin:scheduling_week"))
