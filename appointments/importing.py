"""Past appointments from files: known by their number at the source, together with the profile's name."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from appointments import history
from appointments.models import FINISHED, Appointment, Status
from booking_site.core.actor import Actor
from booking_site.core.localtime import NoSuchTime, day_bounds, instant
from booking_site.core.operations import save_record
from booking_site.importing.errors import ImportRefused, RowRejected
from booking_site.importing.profile import Table
from booking_site.importing.staging import Staging, execute, literal
from booking_site.importing.target import Target, fields_of
from doctors.models import Department, Doctor
from patients.models import Patient

TEXTS = ("reason", "visit_type", "booked_by", "cancellation_reason")
MOMENTS = {Status.COMPLETED: "completed_at", Status.CANCELLED: "cancelled_at", Status.NO_SHOW: "no_show_at"}


class AppointmentTarget(Target):
    """Finished appointments: completed, cancelled, or the patient did not come. They take no seat.

    Dates and times are the wall clock of the doctor's department, as written. Without a time the appointment has the
    whole local day: from its first instant to the next day's. The moment at which it was completed, cancelled or
    missed is ``finished_at`` or, when the source does not tell, its end.

    Option ``placeholder``: a doctor, in a department of his own, for sources that name none; made when missing.
    """

    entity = "appointments"
    model = Appointment
    keys = ("external_id",)
    required = ("patient", "doctor", "status", "date", "booked_at")
    fields = {
        **fields_of(Appointment, "external_id", "status", "date", "time", "booked_at", *TEXTS),
        "patient": Patient._meta.get_field("mrn"),
        "doctor": Doctor._meta.get_field("id"),
        "duration_minutes": models.PositiveSmallIntegerField(null=True, blank=True),
        "finished_at": models.DateTimeField(null=True, blank=True),
    }
    options = frozenset({"placeholder"})

    def __init__(self, table: Table, actor: Actor) -> None:
        super().__init__(table, actor)
        where = f"Profile {table.profile}, [{table.entity}]"
        self.source = f"import:{table.profile}"
        self.now = timezone.now()
        self.doctors: dict[str, tuple[Any, str]] = {}  # code: (department_id, time zone)
        if "time" in self.mapped and "duration_minutes" not in self.mapped:
            raise ImportRefused(f"{where}: map duration_minutes as well; with a time there must be an end.")
        placeholder = table.options.get("placeholder")
        self.placeholder: tuple[Department, Doctor] | None = None
        if placeholder is not None:
            self.placeholder = _placeholder(f"{where}, placeholder", placeholder)

    def prepare(self) -> None:
        if self.placeholder is not None:
            department, doctor = self.placeholder
            if not Doctor.objects.filter(pk=doctor.pk).exists():
                existing = Department.objects.filter(name=department.name).first()
                if existing is None:
                    save_record(actor=self.actor, instance=department)
                doctor.department = existing or department
                save_record(actor=self.actor, instance=doctor)
        rows = Doctor.objects.values_list("id", "department_id", "department__time_zone")
        self.doctors = {code: (department, zone) for code, department, zone in rows}

    def staged(self) -> dict[str, str]:
        texts = {name: "text" for name in TEXTS if name in self.mapped}
        return {
            **dict.fromkeys(("external_id", "patient", "doctor_id", "status"), "text"),
            **dict.fromkeys(("patient_id", "department_id"), "uuid"),
            "date": "date",
            "time": "time",
            **dict.fromkeys(("starts_at", "ends_at", "booked_at", "finished_at"), "timestamptz"),
            **texts,
        }

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        if values["patient"] is None:
            raise RowRejected("patient: is blank")
        if values["doctor"] not in self.doctors:
            raise RowRejected(f"doctor: no doctor has the code {values['doctor']}")
        if values["status"] not in FINISHED:
            known = ", ".join(FINISHED)
            raise RowRejected(f"status: {values['status']} is not finished; what is past is one of {known}")
        department_id, zone = self.doctors[values["doctor"]]
        starts_at, ends_at = _times(values, zone)
        if values["status"] != Status.CANCELLED and starts_at > self.now:
            raise RowRejected(f"status: {values['status']}, although the appointment lies ahead")
        return {
            **values,
            "doctor_id": values["doctor"],
            "department_id": department_id,
            "patient_id": None,
            "time": values.get("time"),
            "starts_at": starts_at,
            "ends_at": ends_at,
            "booked_at": _moment("booked_at", values["booked_at"], zone),
            "finished_at": _moment("finished_at", values.get("finished_at"), zone) or ends_at,
        }

    def resolve(self, staging: Staging) -> None:
        execute(
            "UPDATE import_rows SET patient_id = coalesce(known.merged_into_id, known.id) FROM patients AS known "
            "WHERE row_outcome IS NULL AND known.mrn = import_rows.patient"
        )
        staging.reject("patient_id IS NULL", "'patient: no patient has the record number ' || import_rows.patient")

    def compared(self) -> dict[str, str]:
        return {name: column for name, (column, _) in self.stored().items()}

    def stored(self) -> dict[str, tuple[str, str]]:
        columns = {"patient": "patient_id", "doctor": "doctor_id", "duration_minutes": "ends_at"}
        found = {name: (columns.get(name, name),) * 2 for name in self.mapped if name not in (self.key, "finished_at")}
        if "finished_at" in self.mapped:
            found["finished_at"] = ("finished_at", "finished_at")
        return found

    def known(self) -> str:
        """The moment at which it ended is in one of three columns."""
        moments = ", ".join(f"known.{column}" for column in MOMENTS.values())
        return (
            f"SELECT known.*, coalesce({moments}) AS finished_at FROM appointments AS known "
            f"WHERE known.source = {literal(self.source)}"
        )

    def write(self, staging: Staging) -> int:
        given = {name: f'"{name}"' for name in history.COLUMNS if name in staging.columns}
        moments = {
            column: f"CASE status WHEN '{status.value}' THEN finished_at END" for status, column in MOMENTS.items()
        }
        texts = {"reason": "''", "visit_type": "'consultation'", "booked_by": "''", "cancellation_reason": "''"}
        nulls = {
            "slot_id": "NULL::uuid",
            **dict.fromkeys(("requested_datetime", "checked_in_at", "started_at"), "NULL::timestamptz"),
        }
        columns = {"id": "row_id", **texts, **nulls, **given, **moments}
        selected = ", ".join(f"{columns[name]} AS {name}" for name in history.COLUMNS)
        query = f"SELECT {selected} FROM import_rows WHERE row_outcome IS NULL ORDER BY row_line"
        return history.load_query(actor=self.actor, source=self.source, query=query)


def _times(values: dict[str, Any], zone: str) -> tuple[datetime, datetime]:
    """First and last instant of an appointment whose local date and, perhaps, time are known."""
    try:
        if values.get("time") is None:
            return day_bounds(values["date"], zone)
        minutes = values["duration_minutes"]
        if not minutes:
            raise RowRejected("duration_minutes: is needed with a time, and more than 0")
        starts_at = instant(datetime.combine(values["date"], values["time"]), zone)
        return starts_at, starts_at + timedelta(minutes=minutes)
    except NoSuchTime as error:
        raise RowRejected(f"date: {error}") from error


def _moment(name: str, moment: datetime | None, zone: str) -> datetime | None:
    """A date-time of the source as an instant: with its own offset, if it has one, or by the department's clock."""
    if moment is None or moment.tzinfo is not None:
        return moment
    try:
        return instant(moment, zone)
    except NoSuchTime as error:
        raise RowRejected(f"{name}: {error}") from error


def _placeholder(where: str, given: Any) -> tuple[Department, Doctor]:
    tables = {"department": {"name", "code", "site", "time_zone", "phone"}, "doctor": {"id", "name", "specialization"}}
    shape = isinstance(given, dict) and set(given) == set(tables)
    if not shape or any(not isinstance(given[key], dict) or set(given[key]) - known for key, known in tables.items()):
        rules = "; ".join(f"{key} (with {', '.join(sorted(known))})" for key, known in tables.items())
        raise ImportRefused(f"{where} is a table of two: {rules}.")
    department, doctor = Department(**given["department"]), Doctor(**given["doctor"])
    try:
        department.clean_fields()
        doctor.clean_fields(exclude=["department"])
    except ValidationError as error:
        raise ImportRefused(f"{where}: {' '.join(error.messages)}") from error
    if not doctor.pk or not doctor.name:
        raise ImportRefused(f"{where}: the doctor needs an id and a name.")
    return department, doctor
