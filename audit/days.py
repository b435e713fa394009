"""The time span of a list of the log: a choice such as "today", a day, or from one day to another, in the hospital's
own zone."""

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.looking import within
from booking_site.core.admin import other_parameters
from scheduling.days import DayFilter, span_of

FROM, TO = "from", "to"  # parameters of the list, beside "day"
PAST = ("today", "week", "past", "all")  # of the choices of days, those that have entries


def moments(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """From which moment on, and before which, for days that are both included."""
    zone = ZoneInfo(settings.TIME_ZONE)
    begin = datetime.combine(first, time(), zone) if first is not None else None
    if last is None or last >= date.max - timedelta(days=1):
        return begin, None
    return begin, datetime.combine(last + timedelta(days=1), time(), zone)


def day_in(text: Any) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(str(text or ""))
    return None


class MomentFilter(DayFilter):
    """Rows by ``timestamp``. ``from`` and ``to`` go before ``day``."""

    template = "console/audit_days.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        self.first, self.last = (day_in(request.GET.get(name)) for name in (FROM, TO))
        for name in (FROM, TO):
            params.pop(name, None)
        super().__init__(request, params, model, model_admin)
        self.others = other_parameters(request, self.parameter_name, FROM, TO)

    @property
    def is_span(self) -> bool:
        return self.first is not None or self.last is not None

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name, FROM, TO]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(value, label) for value, label in super().lookups(request, model_admin) if value in PAST]

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | {"selected": choice["selected"] and not self.is_span}

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        today = timezone.now().astimezone(ZoneInfo(settings.TIME_ZONE)).date()
        return moments(*((self.first, self.last) if self.is_span else span_of(self.choice, today)))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return within(queryset, *self.span)
