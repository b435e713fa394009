"""The pages of those who need a new time: the list with a button per alternative, rebooking all, and its report."""

import hashlib
import re
import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from appointments import operations
from appointments.alternatives import KINDS, Alternative, alternatives
from appointments.idempotency import Idempotency
from appointments.models import Appointment
from appointments.rebooking import AT_ONCE, Left, Move, in_line, propose, rebook_all
from appointments.steps import may_rebook
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.admin import ReadOnlyAdmin, version_in
from booking_site.core.errors import DomainError
from booking_site.core.operations import version_of
from booking_site.core.scope import scope_of
from booking_site.core.wallclock import clock_label, moment_label
from patients.models import Patient
from scheduling.models import AvailableSlot, VisitType

PER_PAGE = 20
REPORT = "rebooked"  # the session's last report: appointments by their id, no patient's data
FILTERS = {"doctor": "doctor_id", "department": "department_id", "because": "needs_new_time_because"}


def delay(before: Any, after: Any) -> str:
    """``3 days, 2 hours later``"""
    if after == before:
        return str(_("at the same time"))
    if after < before:
        return str(_("%s earlier") % timesince(after, before))
    return str(_("%s later") % timesince(before, after))


def when_label(record: Any, zone: str) -> str:
    return clock_label(record.date, record.time, zone, record.starts_at)


def contact(patient: Patient) -> dict[str, Any]:
    """How to tell a patient, and by which ways reminders may come."""
    reminders = [
        label
        for allowed, label in (
            (patient.remind_by_email, _("e-mail")),
            (patient.remind_by_sms, _("SMS")),
            (patient.remind_by_phone, _("phone")),
        )
        if allowed
    ]
    dial = re.sub(r"[^+0-9]", "", patient.phone.partition("x")[0])  # an extension is dialled by hand
    return {"patient": patient, "dial": dial, "reminders": reminders}


class WorklistPages(ReadOnlyAdmin):
    """Pages of the admin of appointments."""

    def get_urls(self) -> list[Any]:
        def page(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(view), name=f"appointments_appointment_{name}")

        return [
            page("worklist/", self.worklist_view, "worklist"),
            page("worklist/rebook-all/", self.rebook_all_view, "rebook_all"),
            page("worklist/report/", self.report_view, "rebooking_report"),
            page("<path:object_id>/rebook/", self.rebook_view, "rebook"),
            page("<path:object_id>/urgent/", self.urgent_view, "urgent"),
            *super().get_urls(),
        ]

    # --- the list ----------------------------------------------------------------------------------------------

    def worklist_view(self, request: HttpRequest) -> HttpResponse:
        _check(request)
        page = Paginator(_chosen(request), PER_PAGE).get_page(request.GET.get("page"))
        listed = list(page.object_list)
        shown.note_list(request, Appointment, listed)
        found = self._seen_alternatives(request, alternatives(listed))
        names = _visit_types()
        return self.own_page(
            request,
            "console/worklist.html",
            title=_("Appointments that need a new time"),
            page=page,
            waiting=[_waiting(one, found.get(one.pk, []), names) for one in listed],
            filters=_filters(request),
            query=_query(request.GET),
            most=AT_ONCE,
        )

    def _seen_alternatives(
        self, request: HttpRequest, found: dict[uuid.UUID, list[Alternative]]
    ) -> dict[uuid.UUID, list[Alternative]]:
        """Without the seats that the doctor has in departments that the person does not see."""
        if scope_of(request.user).everything:
            return found
        keys = [one.slot_id for offered in found.values() for one in offered]
        seen = set(AvailableSlot.objects.filter(scope_of(request.user).q(), pk__in=keys).values_list("pk", flat=True))
        return {key: [one for one in offered if one.slot_id in seen] for key, offered in found.items()}

    def rebook_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Move one appointment to the alternative whose button was pressed."""
        appointment = self._pressed(request, object_id)
        if isinstance(appointment, HttpResponse):
            return appointment
        try:
            slot_id = uuid.UUID(request.POST.get("slot", ""))
        except ValueError:
            self.message_user(request, _("Choose one of the times."), messages.ERROR)
            return _back(request)
        if not self.admin_site.get_model_admin(AvailableSlot).sees(request, [slot_id]):  # type: ignore[attr-defined]
            self.message_user(request, _("Choose one of the times."), messages.ERROR)
            return _back(request)
        version = request.POST.get("version", "")
        fingerprint = hashlib.sha256(f"rebook {appointment.pk} {version} {slot_id}".encode()).hexdigest()
        try:
            moved = operations.reschedule(
                actor=actor_of(request),
                appointment_id=appointment.pk,
                slot_id=slot_id,
                reason=appointment.needs_new_time_because,
                expected_versions=version_in(request),
                # A second click is answered as the first.
                idempotency=Idempotency(
                    client=f"console:{request.user.pk}", key=f"rebook:{fingerprint}", fingerprint=fingerprint
                ),
            )
        except DomainError as error:
            self.message_user(request, f"{appointment.patient}: {error.detail}", messages.ERROR)
        else:
            message = _("Moved: %(patient)s, now %(when)s, %(doctor)s.")
            when = when_label(moved, moved.department.time_zone)
            names = {"patient": appointment.patient, "when": when, "doctor": moved.doctor}
            self.message_user(request, message % names, messages.SUCCESS)
        return _back(request)

    def urgent_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        appointment = self._pressed(request, object_id)
        if isinstance(appointment, HttpResponse):
            return appointment
        is_urgent = request.POST.get("urgent") == "yes"
        try:
            operations.set_urgent(
                actor=actor_of(request),
                appointment_id=appointment.pk,
                is_urgent=is_urgent,
                expected_versions=version_in(request),
            )
        except DomainError as error:
            self.message_user(request, f"{appointment.patient}: {error.detail}", messages.ERROR)
        else:
            message = _("%s is urgent.") if is_urgent else _("%s is not urgent any more.")
            self.message_user(request, message % appointment.patient, messages.SUCCESS)
        return _back(request)

    def _pressed(self, request: HttpRequest, object_id: str) -> Any:
        """The appointment whose button was pressed, or the answer to give instead."""
        _check(request)
        if request.method != "POST":
            return _back(request)
        found = self.get_object(request, object_id)
        return self.not_found(request) if found is None else found

    # --- rebooking all -----------------------------------------------------------------------------------------

    def rebook_all_view(self, request: HttpRequest) -> HttpResponse:
        """First what would be done; then, when it is sent, for the appointments that were shown."""
        _check(request)
        if request.method == "POST":
            keys = _keys(request.POST.get("appointments", ""))
            if not self.sees(request, keys):
                self.message_user(request, _("Not all of these are there. Load the list again."), messages.ERROR)
                return _back(request)
            report = rebook_all(actor=actor_of(request), appointment_ids=keys)
            request.session[REPORT] = {
                "at": timezone.now().isoformat(),
                "moved": [[str(move.appointment.pk), _from_to(move)] for move in report.moved],
                "left": [[str(one.appointment.pk), str(one.why)] for one in report.left],
            }
            return HttpResponseRedirect(reverse("admin:appointments_appointment_rebooking_report"))
        total = _chosen(request).count()
        listed = list(_chosen(request)[:AT_ONCE])
        shown.note_list(request, Appointment, listed)
        moves, left = propose(listed)
        return self.own_page(
            request,
            "console/rebook_all.html",
            title=_("Rebook all"),
            moves=[{"move": move, **_from_to(move)} for move in moves],
            left=[_unmoved(one) for one in left],
            appointments=" ".join(str(one.pk) for one in listed),
            listed=len(listed),
            later=total - len(listed),
            query=_query(request.GET),
        )

    def report_view(self, request: HttpRequest) -> HttpResponse:
        """Who was moved from when to when, with contact details: somebody must tell them."""
        _check(request)
        report = request.session.get(REPORT)
        if report is None:
            self.message_user(request, _("There is no report yet: rebook first."), messages.WARNING)
            return _back(request)
        keys = [key for key, _about in (*report["moved"], *report["left"])]
        seen = self.seen(request, Appointment.objects.select_related("patient", "doctor", "department"))
        known = seen.in_bulk(keys)
        shown.note_list(request, Appointment, known.values())
        by_key = {str(key): appointment for key, appointment in known.items()}
        return self.own_page(
            request,
            "console/rebooking_report.html",
            title=_("Rebooked"),
            at=moment_label(datetime.fromisoformat(report["at"])),
            moved=[{**about, **contact(by_key[key].patient)} for key, about in report["moved"] if key in by_key],
            left=[
                {"why": why, "appointment": by_key[key], **_old(by_key[key]), **contact(by_key[key].patient)}
                for key, why in report["left"]
                if key in by_key
            ],
        )


def _check(request: HttpRequest) -> None:
    if not may_rebook(request.user):
        raise PermissionDenied


def _chosen(request: HttpRequest) -> Any:
    """The worklist as filtered, of what the person sees. What is no doctor, department or reason finds nothing."""
    given, seen = request.GET, in_line().filter(scope_of(request.user).q())
    chosen = {column: str(given[name]) for name, column in FILTERS.items() if given.get(name)}
    try:
        if "department_id" in chosen:
            uuid.UUID(chosen["department_id"])
    except ValueError:
        return seen.none()
    return seen.filter(**chosen)


def _filters(request: HttpRequest) -> list[dict[str, Any]]:
    """The choices that the list has, one select each."""
    given = request.GET
    rows = Appointment.objects.needing_new_time().filter(scope_of(request.user).q()).order_by()
    columns = ("doctor_id", "doctor__name", "department_id", "department__name", "needs_new_time_because")
    found = list(rows.values_list(*columns).distinct())
    choices = {
        "doctor": (_("Doctor"), {(row[0], row[1]) for row in found}),
        "department": (_("Department"), {(str(row[2]), row[3]) for row in found}),
        "because": (_("Reason"), {(row[4], row[4]) for row in found}),
    }
    return [
        {
            "name": name,
            "label": label,
            "selected": given.get(name, ""),
            "choices": sorted(pairs, key=lambda pair: pair[1]),
        }
        for name, (label, pairs) in choices.items()
    ]


def _query(given: QueryDict) -> str:
    """The filters and the page as a query, to come back to."""
    kept = QueryDict(mutable=True)
    for name in (*FILTERS, "page"):
        if given.get(name):
            kept[name] = str(given[name])
    return kept.urlencode()


def _back(request: HttpRequest) -> HttpResponse:
    """To the list, as it was filtered."""
    query = _query(QueryDict(request.POST.get("back", "")))
    return HttpResponseRedirect(reverse("admin:appointments_appointment_worklist") + (f"?{query}" if query else ""))


def _visit_types() -> dict[str, str]:
    return dict(VisitType.objects.order_by().values_list("code", "name"))


def _waiting(appointment: Appointment, found: list[Alternative], names: dict[str, str]) -> dict[str, Any]:
    zone = appointment.department.time_zone
    return {
        "appointment": appointment,
        "version": version_of(appointment),
        "visit_type": names.get(appointment.visit_type, appointment.visit_type),
        **_old(appointment),
        **contact(appointment.patient),
        "alternatives": [
            {
                "slot_id": one.slot_id,
                "when": when_label(one, zone),
                "doctor": one.doctor,
                "delay": delay(appointment.starts_at, one.starts_at),
                "kinds": [KINDS[kind] for kind in one.kinds],
            }
            for one in found
        ],
    }


def _old(appointment: Appointment) -> dict[str, Any]:
    return {"old": when_label(appointment, appointment.department.time_zone), "old_doctor": str(appointment.doctor)}


def _from_to(move: Move) -> dict[str, str]:
    return {
        **_old(move.appointment),
        "new": when_label(move.slot, move.slot.department.time_zone),
        "new_doctor": str(move.slot.doctor),
        "delay": delay(move.appointment.starts_at, move.slot.starts_at),
    }


def _unmoved(one: Left) -> dict[str, Any]:
    return {"why": one.why, "appointment": one.appointment, **_old(one.appointment), **contact(one.appointment.patient)}


def _keys(text: str) -> list[uuid.UUID]:
    """The ids that the page has shown; what is none is left out."""
    found = []
    for word in text.split()[:AT_ONCE]:
        try:
            found.append(uuid.UUID(word))
        except ValueError:
            continue
    return found
