"""Whose data an answer shows. Pages and calls note it while the answer is made; it is announced once, by one signal for
each record or list, before the answer is sent (``booking_site.readings.ShownMiddleware``).

A model whose rows are about patients says where the patient's key is: ``of_patient``, the name of a column.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from booking_site.core import signals
from booking_site.core.actor import actor_of

# Parameters of lists whose values are kept: keys, dates and states. Of others only the name is; they may hold names.
OF_PATIENTS = ("patient", "patient__id__exact", "other", "stays")  # keys, or nothing
KEPT = frozenset(
    [
        *("action", "appointment", "by", "count", "cursor", "date", "date_from", "date_to", "day", "department"),
        *("department__id__exact", "doctor", "doctor__id__exact", "first", "is_active", "is_active__exact", "kind"),
        *("last", "needs_new_time", "object_type", "ordering", "outcome", "page", "page_size", "report", "show"),
        *("status", "status__exact", "user_kind", "view", "visit_type"),
        *OF_PATIENTS,
    ]
)
UUID = re.compile(r"[0-9a-fA-F-]{32,36}")
PLAIN_NAME = re.compile(r"[a-z_]{1,40}")
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_.,:+-]{1,200}")
MOST_FILTERS = 20
NOT_KEPT = "..."


@dataclass
class Shown:
    """``records``: by model and key. ``lists``: the patients by the model of the list."""

    records: dict[tuple[type[Model], Any], "Record"] = field(default_factory=dict)
    lists: dict[type[Model], set[uuid.UUID]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    patient_id: uuid.UUID | None
    is_answer: bool


def note_record(request: Any, model: type[Model], row: Any, *, is_answer: bool = False) -> None:
    """The answer shows this record (an instance, or a row of ``values()``). ``is_answer``: to something that was done
    with it, which has told of it already unless nothing changed."""
    if is_about_patients(model):
        key = row["id"] if isinstance(row, dict) else row.pk
        _shown(request).records.setdefault((model, key), Record(patient_of(model, row), is_answer))


def note_list(request: Any, model: type[Model], rows: Iterable[Any]) -> None:
    """The answer is a list of this model, perhaps an empty one. For models about no patient, nothing is noted."""
    if is_about_patients(model):
        note_patients(request, model, (patient_of(model, row) for row in rows), although_none=True)


def note_patients(request: Any, model: type[Model], keys: Iterable[Any], *, although_none: bool = False) -> None:
    """The answer shows these patients, by rows of the model. ``although_none``: it would be told if it showed none."""
    found = {key for key in keys if key is not None}
    if found or although_none:
        _shown(request).lists.setdefault(model, set()).update(found)


def is_about_patients(model: type[Model]) -> bool:
    return hasattr(model, "of_patient")


def patient_of(model: type[Model], row: Any) -> uuid.UUID | None:
    """Whom a row is about, if anybody."""
    column = model.of_patient  # type: ignore[attr-defined]
    return row[column] if isinstance(row, dict) else getattr(row, column)


def announce(request: HttpRequest) -> None:
    """Tell of all that has been noted since the last time. Patients shown beside a record are told of with it."""
    shown: Shown | None = getattr(request, "shown", None)
    if shown is None:
        return
    del request.shown  # type: ignore[attr-defined]
    actor, page = actor_of(request), page_of(request)
    listed = shown.lists
    subjects = {record.patient_id for record in shown.records.values()}
    for (model, key), record in shown.records.items():
        beside: set[uuid.UUID] = set().union(*listed.values()) - subjects
        listed = {}
        signals.record_viewed.send(
            sender=model,
            actor=actor,
            pk=key,
            patient_id=record.patient_id,
            patient_ids=beside,
            page=page,
            is_answer=record.is_answer,
        )
    for model, keys in listed.items():
        signals.records_listed.send(sender=model, actor=actor, patient_ids=keys, page=page, filters=filters_of(request))


def page_of(request: HttpRequest) -> str:
    """The name of the page, or ``api``."""
    match = request.resolver_match
    return (match.url_name if match else None) or "api"


def filters_of(request: HttpRequest) -> dict[str, str]:
    """What the list was asked for, as far as it may be kept: nobody's name."""
    given: dict[str, str] = {}
    for name, value in request.GET.items():
        if PLAIN_NAME.fullmatch(name) and len(given) < MOST_FILTERS:
            shape = UUID if name in OF_PATIENTS else PLAIN_VALUE
            given[name] = str(value) if name in KEPT and shape.fullmatch(str(value)) else NOT_KEPT
    return given


def _shown(request: Any) -> Shown:
    whole: Any = getattr(request, "_request", request)  # DRF's request stands around Django's
    if not hasattr(whole, "shown"):
        whole.shown = Shown()
    return whole.shown
