"""Who looked at a patient, and who changed what: the rows of the log that are about one person."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import TruncDate

from audit.models import AuditLog
from patients.models import Patient

WHO = ("user_kind", "user_id", "user_name", "on_behalf_of")
LOOKS = Q(action__endswith=".viewed") | Q(action__endswith=".listed") | Q(action__endswith=".exported")


def keys_of(patient_id: uuid.UUID) -> list[uuid.UUID]:
    """Of the record and of those that have been merged into it."""
    return [patient_id, *Patient.objects.filter(merged_into=patient_id).order_by("pk").values_list("pk", flat=True)]


def any_of(conditions: Collection[Q]) -> Q:
    """Rows that meet any of the conditions, each of which has an index. Put together by OR they would be looked for
    among all rows, newest first, whenever the newest are wanted: the planner hopes to find some soon."""
    first, *others = [AuditLog.objects.filter(condition).order_by().values("pk") for condition in conditions]
    return Q(pk__in=first.union(*others, all=True) if others else first)


def branches(keys: Collection[uuid.UUID]) -> list[Q]:
    """Rows about any of these patients, and of lists that showed them."""
    return [Q(patient_id__in=keys), Q(patient_ids__overlap=list(keys))]


def about(keys: Collection[uuid.UUID]) -> Q:
    return any_of(branches(keys))


@dataclass(frozen=True, slots=True)
class Looks:
    """All looks of one person at one patient on one day of the hospital. ``times``: how often, ``of_lists`` of these in
    lists with others; ``ways``: names of pages, and "api"."""

    day: date
    who: str
    kind: str
    on_behalf_of: str
    first: datetime
    last: datetime
    times: int
    of_lists: int
    refused: int
    ways: tuple[str, ...]


def looks_at(keys: Collection[uuid.UUID], first: datetime | None = None, last: datetime | None = None) -> QuerySet:
    """A row for each person and day, newest first; see ``read``. ``first``, ``last``: from and before which moment."""
    denied = Q(action="access.denied")
    return (
        within(AuditLog.objects.filter(about(keys)), first, last)
        .filter(LOOKS | denied)
        .values(*WHO, day=TruncDate("timestamp", tzinfo=ZoneInfo(settings.TIME_ZONE)))
        .annotate(
            times=Count("pk", filter=~denied),
            of_lists=Count("pk", filter=Q(action__endswith=".listed")),
            refused=Count("pk", filter=denied),
            began=Min("timestamp"),
            ended=Max("timestamp"),
            ways=ArrayAgg(KT("details__page"), distinct=True, default=[]),
        )
        .order_by("-day", "-ended", *WHO)
    )


def read(row: dict[str, Any]) -> Looks:
    who = AuditLog(**{name: row[name] for name in WHO})
    return Looks(
        day=row["day"],
        who=who.who,
        kind=who.user_kind,
        on_behalf_of=who.on_behalf_of,
        first=row["began"],
        last=row["ended"],
        times=row["times"],
        of_lists=row["of_lists"],
        refused=row["refused"],
        ways=tuple(sorted(filter(None, row["ways"]))),
    )


def changes_of(keys: Collection[uuid.UUID], first: datetime | None = None, last: datetime | None = None) -> QuerySet:
    """All other rows about the patient: what was done, or tried, newest first."""
    rows = within(AuditLog.objects.filter(about(keys)), first, last)
    return rows.exclude(LOOKS | Q(action="access.denied")).order_by("-timestamp", "-id")


def within(rows: QuerySet, first: datetime | None, last: datetime | None) -> QuerySet:
    if first is not None:
        rows = rows.filter(timestamp__gte=first)
    return rows if last is None else rows.filter(timestamp__lt=last)
