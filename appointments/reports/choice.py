"""What a report is about: a period of local dates, perhaps one department or doctor, and what the person may see."""

import calendar
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet, TextChoices
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from appointments.models import Appointment
from booking_site.core.wallclock import day_label
from doctors.models import Doctor
from scheduling.models import AvailableSlot

DAY = timedelta(days=1)
MOST_DAYS = 366
YEARS = (1990, 2190)  # which a period may lie in
# Local dates are a day or so away from those of UTC: the offsets of zones lie between these.
EARLIEST, LATEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))


OFFERED = [status for status in AvailableSlot.Status if status != AvailableSlot.Status.WITHDRAWN]


class Step(TextChoices):
    """The length of the periods that a course in time is shown in. Weeks begin on Monday (ISO 8601)."""

    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")


class Preset(NamedTuple):
    label: Any
    first: date
    last: date


def everything(**fields: str) -> Q:
    """Sees the whole hospital."""
    return Q()


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """``first`` to ``last``: local dates, both included. ``seen(department="...", doctor="...")``: the condition, over
    fields of these names, for what the person may see. ``threshold``: minutes above which a wait is long."""

    first: date
    last: date
    step: Step = Step.WEEK
    department: uuid.UUID | None = None
    doctor: str | None = None
    threshold: int = 30
    seen: Callable[..., Q] = everything

    def narrow(self, rows: QuerySet) -> QuerySet:
        """Those of the department, of the doctor, and of what may be seen."""
        rows = rows.filter(self.seen(department="department", doctor="doctor"))
        if self.department is not None:
            rows = rows.filter(department_id=self.department)
        if self.doctor is not None:
            rows = rows.filter(doctor_id=self.doctor)
        return rows.order_by()

    def appointments(self) -> QuerySet:
        """Those whose day lies in the period. The instants say the same more loosely: they have the indexes."""
        begin, end = self.instants
        return self.narrow(Appointment.objects.filter(date__range=(self.first, self.last))).filter(
            starts_at__gte=begin, starts_at__lt=end
        )

    def seats(self) -> QuerySet:
        """Seats offered on a day of the period."""
        return self.narrow(AvailableSlot.objects.filter(status__in=OFFERED, date__range=(self.first, self.last)))

    def doctors(self) -> QuerySet:
        """Doctors who see patients at present."""
        rows = Doctor.objects.filter(self.seen(department="department", doctor="pk"))
        rows = rows.filter(is_active=True, department__is_active=True).order_by()
        if self.department is not None:
            rows = rows.filter(department_id=self.department)
        return rows if self.doctor is None else rows.filter(pk=self.doctor)

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """From before the period begins anywhere to after it has ended everywhere."""
        return datetime.combine(self.first, time(), EARLIEST), datetime.combine(self.last + DAY, time(), LATEST)

    @property
    def surely(self) -> tuple[datetime, datetime]:
        """From when the period has begun everywhere to before it ends anywhere."""
        return datetime.combine(self.first, time(), LATEST), datetime.combine(self.last + DAY, time(), EARLIEST)

    def periods(self) -> Iterator[tuple[date, date]]:
        """First and last day of each step of the period; the outer ones end where it does."""
        begin = self.first
        while begin <= self.last:
            if self.step == Step.DAY:
                end = begin
            elif self.step == Step.WEEK:
                end = begin + (6 - begin.weekday()) * DAY
            else:
                end = begin.replace(day=calendar.monthrange(begin.year, begin.month)[1])
            yield begin, min(end, self.last)
            begin = end + DAY


def period_label(begin: date, end: date) -> str:
    """``Mon 23 Nov 2026``; ``Mon 23 Nov – Sun 29 Nov 2026``"""
    if begin == end:
        return day_label(begin)
    first = date_format(begin, "MONTH_DAY_FORMAT") if begin.year == end.year else day_label(begin)
    return f"{first} – {day_label(end)}"


def presets(today: date) -> list[Preset]:
    """The periods that managers ask for. All but "this" end before today: of whole days only."""
    yesterday, this_month = today - DAY, today.replace(day=1)
    last_month = (this_month - DAY).replace(day=1)
    this_quarter = date(today.year, 1 + (today.month - 1) // 3 * 3, 1)
    last_quarter = this_quarter - DAY
    return [
        Preset(_("Last 4 weeks"), today - 28 * DAY, yesterday),
        Preset(_("This month"), this_month, today),
        Preset(_("Last month"), last_month, this_month - DAY),
        Preset(_("Last quarter"), date(last_quarter.year, last_quarter.month - 2, 1), last_quarter),
        Preset(_("This year"), date(today.year, 1, 1), today),
        Preset(_("Last year"), date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
    ]
