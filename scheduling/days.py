"""Lists by day, as the hospital's sites date their days: "today" in Lisbon may be "tomorrow" in Auckland."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking_site.core.admin import other_parameters
from booking_site.core.found import FOUND
from booking_site.core.wallclock import day_label
from doctors.models import Department

Span = tuple[date | None, date | None]  # first and last day, both included; None for no limit

DAYS = {
    "today": _("Today"),
    "tomorrow": _("Tomorrow"),
    "week": _("This week"),
    "next_week": _("Next week"),
    "future": _("From today on"),
    "past": _("Before today"),
    "all": _("Any day"),
}


def span_of(choice: str, today: date) -> Span:
    """The days that a choice of the filter means, where it is now ``today``. Weeks begin on Monday.

    Raises ValueError for what is neither a choice nor a date such as 2026-11-23.
    """
    monday = today - timedelta(days=today.weekday())
    named: dict[str, Span] = {
        "today": (today, today),
        "tomorrow": (today + timedelta(days=1), today + timedelta(days=1)),
        "week": (monday, monday + timedelta(days=6)),
        "next_week": (monday + timedelta(days=7), monday + timedelta(days=13)),
        "future": (today, None),
        "past": (None, today - timedelta(days=1)),
        "all": (None, None),
    }
    if choice in named:
        return named[choice]
    day = date.fromisoformat(choice)
    return (day, day)


def zones_by_today() -> dict[date, list[str]]:
    """The zones of all departments (the hospital's own when there is none) by the date that it is there now."""
    found: dict[date, list[str]] = defaultdict(list)
    zones = set(Department.objects.order_by().values_list("time_zone", flat=True).distinct()) or {settings.TIME_ZONE}
    for zone in sorted(zones):
        found[timezone.now().astimezone(ZoneInfo(zone)).date()].append(zone)
    return found


class DayFilter(admin.SimpleListFilter):
    """Rows with ``date``, ``starts_at`` and ``department``, by local date. Without a choice: ``default``, or any day
    when a text is searched for."""

    title = _("day")
    parameter_name = "day"
    template = "console/day_filter.html"
    default = "today"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.others = other_parameters(request, self.parameter_name)
        self.choice = self._choice(request)

    def _choice(self, request: HttpRequest) -> str:
        given = self.value() or ("all" if request.GET.get("q") or request.GET.get(FOUND) else self.default)
        try:
            span_of(given, date.today())  # noqa: DTZ011 - only to see whether it is a choice
        except (ValueError, OverflowError):
            return self.default
        return given

    @property
    def day(self) -> str:
        """The chosen date, for the date field; empty for a named choice."""
        return "" if self.choice in DAYS else self.choice

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return list(DAYS.items())

    def choices(self, changelist: Any) -> Any:
        if self.day:
            yield {"selected": True, "query_string": "?", "display": day_label(date.fromisoformat(self.day))}
        for value, label in self.lookup_choices:
            yield {
                "selected": self.choice == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(on(self.choice))


def on(choice: str) -> Q:
    """The condition that a row with ``date``, ``starts_at`` and ``department`` lies in these days, at its own site."""
    if choice == "all":
        return Q()
    by_today = zones_by_today()
    spans = [(zones, *span_of(choice, today)) for today, zones in by_today.items()]
    wanted = Q()
    for zones, first, last in spans:
        there = Q() if len(by_today) == 1 else Q(department__time_zone__in=zones)
        wanted |= there & _dated(first, last)
    return wanted & coarse([(first, last) for _zones, first, last in spans])


def _dated(first: date | None, last: date | None) -> Q:
    found = Q()
    if first is not None:
        found &= Q(date__gte=first)
    if last is not None:
        found &= Q(date__lte=last)
    return found


def coarse(limits: list[Span]) -> Q:
    """The same days by ``starts_at``, a day wider at both ends (no zone is further off): this is what is indexed."""
    firsts = [first for first, _last in limits if first is not None]
    lasts = [last for _first, last in limits if last is not None]
    found = Q()
    if firsts and min(firsts) > date.min + timedelta(days=1):
        found &= Q(starts_at__gte=_midnight(min(firsts) - timedelta(days=1)))
    if lasts and max(lasts) < date.max - timedelta(days=2):
        found &= Q(starts_at__lt=_midnight(max(lasts) + timedelta(days=2)))
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
