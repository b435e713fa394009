"""The pages of the console in words, by the names that the log keeps of them. Of others the name itself is shown."""

from typing import Any

from django.utils.translation import gettext_lazy as _

WAYS: dict[str, Any] = {
    "api": _("API"),
    "index": _("board of the day"),
    "today_data": _("board of the day"),
    "today_panel": _("board of the day"),
    "day_sheet": _("day sheet"),
    "autocomplete": _("search box"),
    "booking_find": _("search box"),
    "patients_patient_changelist": _("list of patients"),
    "patients_patient_change": _("form of the record"),
    "patient": _("page of the patient"),
    "patient_merge": _("merging records"),
    "appointments_appointment_changelist": _("list of appointments"),
    "appointments_appointment_change": _("page of an appointment"),
    "appointments_appointment_add": _("booking"),
    "appointments_appointment_move": _("moving an appointment"),
    "appointments_appointment_cancel": _("cancelling an appointment"),
    "appointments_appointment_slip": _("slip"),
    "appointments_appointment_slip_pdf": _("slip"),
    "appointments_appointment_slip_ics": _("slip"),
    "appointments_appointment_worklist": _("list of those who need a new time"),
    "appointments_appointment_rebook_all": _("list of those who need a new time"),
    "appointments_appointment_rebooking_report": _("list of those who need a new time"),
    "scheduling_week": _("week of a doctor"),
    "walk_in": _("walk-in"),
    "walk_in_live": _("walk-in"),
    "audit_auditlog_changelist": _("audit log"),
    "audit_auditlog_change": _("audit log"),
    "audit_patient": _("audit log"),
    "audit_patients": _("audit log"),
}
