"""Two records of one person become one; and, when that was a mistake, two again.

The record that stays (the survivor) gets all appointments of the other (the duplicate), which is closed and from then
on answers with the survivor, whatever it is asked for. Nothing is deleted, so that it can be taken back.

Locks: the appointments of both by key, then the patients by key. Those of the patients are ``FOR UPDATE``: a booking
holds ``FOR KEY SHARE``, so the one waits for the other (see ``operations.BOOK``).
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments import signals
from appointments.exceptions import (
    MergeNotFound,
    MergeNotUndoable,
    PatientNotFound,
    PatientsDoubleBooked,
)
from appointments.models import LIVE, Appointment
from booking_site.core.actor import Actor
from booking_site.core.errors import Invalid
from booking_site.core.operations import check_version, operation
from patients import consents
from patients.exceptions import PatientErased, PatientMerged
from patients.models import ConsentSource, Patient, PatientMerge

SURVIVOR, DUPLICATE, BOTH = "survivor", "duplicate", "both"
# What belongs together is taken from one record together: never one company's number beside another's name.
GROUPS = (
    *(("first_name", "last_name"), ("dob",), ("mrn",), ("phone",), ("email",), ("preferred_language",)),
    *(("remind_by_email",), ("remind_by_sms",), ("remind_by_phone",), ("insurance_provider", "insurance_id")),
    ("notes",),
)
FIELDS = tuple(name for group in GROUPS for name in group)
NOTHING = (None, "")


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking a merge back did. ``kept``: fields that somebody has changed since, and that stay as they are.

    ``changed``: as of ``PatientMerge``. ``made_since``: how many appointments have been made for the survivor since the
    merge, and stay with it. ``numbers``: record numbers that neither of the two has any more.
    """

    merge: PatientMerge
    moved: int = 0
    kept: tuple[str, ...] = ()
    changed: dict[str, Any] = field(default_factory=dict)
    made_since: int = 0
    numbers: tuple[str, ...] = ()


@operation("patient.merged")
def merge(
    *,
    actor: Actor,
    survivor_id: uuid.UUID,
    duplicate_id: uuid.UUID,
    choices: Mapping[str, str] | None = None,
    expected_versions: frozenset[str] | None = None,
) -> PatientMerge:
    """Merge the duplicate into the survivor. Merging them again is harmless.

    ``choices``: for a field of FIELDS and those of its group, whose value the survivor has afterwards (``survivor``,
    ``duplicate``; for notes also ``both``); without one, what ``chosen_by_default`` says. The survivor is open when
    either of the two was. A record number is never lost: when the duplicate's is taken, the closed record gets the
    survivor's. ``expected_versions``: of both records.

    Raises PatientNotFound, PatientMerged, PatientErased, PatientsDoubleBooked, Invalid, PreconditionFailed.
    """
    if survivor_id == duplicate_id:
        raise Invalid(_("A record cannot be merged into itself."), code="merged_into_itself")
    pair = [survivor_id, duplicate_id]
    _lock_appointments(Q(patient__in=pair))
    records = _lock_patients(Q(pk__in=pair))
    if not {survivor_id, duplicate_id} <= records.keys():
        raise PatientNotFound
    survivor, duplicate = records[survivor_id], records[duplicate_id]
    if duplicate.merged_into_id == survivor.pk and survivor.erased_at is None:
        return PatientMerge.objects.get(duplicate=duplicate, undone_at__isnull=True)
    for record in (survivor, duplicate):
        if record.erased_at is not None:
            raise PatientErased(record.pk)
        if record.merged_into_id is not None:
            raise PatientMerged(record.pk, record.merged_into_id)
        check_version(record, expected_versions)
    if clash := next(iter(clashes(survivor.pk, duplicate.pk)), None):
        raise PatientsDoubleBooked(*clash)
    values = merged_values(survivor, duplicate, choices or {})
    followers = _lock_patients(Q(merged_into=duplicate))  # none can come any more: the duplicate is locked
    made = PatientMerge(survivor=survivor, duplicate=duplicate, merged_by=str(actor), repointed=_keys(followers))
    made.moved = _give(Appointment.objects.filter(patient=duplicate), survivor)
    Patient.objects.filter(pk__in=followers).update(merged_into=survivor, updated_at=timezone.now())
    closed: dict[str, Any] = {"is_active": False}
    if values.get("mrn", survivor.mrn) != survivor.mrn:
        closed["mrn"] = survivor.mrn
    made.changed = {DUPLICATE: _changes(duplicate, closed), SURVIVOR: _changes(survivor, values)}
    _write(duplicate, closed | {"mrn": None} if "mrn" in closed else closed, merged_into=survivor)
    _write(survivor, values)
    if closed.get("mrn"):
        _write(duplicate, {"mrn": closed["mrn"]})
    made.save(force_insert=True)
    _attribute(actor, survivor, made.changed[SURVIVOR])
    signals.patients_merged.send(sender=merge, actor=actor, merge=made)
    return made


@operation("patient.unmerged")
def unmerge(*, actor: Actor, merge_id: uuid.UUID) -> Undone:
    """Take a merge back: reopen the duplicate, and give it those of its appointments that the survivor still has.

    Fields that the merge has changed become what they were, unless somebody has changed them since. The record numbers
    go back together; when the survivor's has been changed, the duplicate gets its own back if nobody has it. Undoing
    twice is harmless. Raises MergeNotFound; PatientErased; MergeNotUndoable when the survivor has itself been merged
    since.
    """
    found = PatientMerge.objects.filter(pk=merge_id).first()
    if found is None:
        raise MergeNotFound
    _lock_appointments(Q(pk__in=found.moved))
    records = _lock_patients(Q(pk__in=[found.survivor_id, found.duplicate_id, *found.repointed]))
    made = PatientMerge.objects.select_for_update(no_key=True).get(pk=merge_id)
    if made.undone_at is not None:
        return Undone(made)
    survivor, duplicate = records[made.survivor_id], records[made.duplicate_id]
    if survivor.erased_at is not None:
        raise PatientErased(survivor.pk)
    if survivor.merged_into_id is not None:
        raise MergeNotUndoable(survivor.merged_into_id)
    values, kept = _as_before(survivor, made.changed[SURVIVOR])
    closed, others = _as_before(duplicate, made.changed[DUPLICATE])
    if "mrn" in others or ("mrn" in kept and not _is_free(closed.get("mrn"))):
        values.pop("mrn", None)
        closed.pop("mrn", None)
    changed = {DUPLICATE: _changes(duplicate, closed), SURVIVOR: _changes(survivor, values)}
    if "mrn" in values:
        _write(survivor, {"mrn": None})
    _write(duplicate, closed, merged_into=None)
    _write(survivor, values)
    repointed = Patient.objects.filter(pk__in=made.repointed, merged_into=survivor)
    repointed.update(merged_into=duplicate, updated_at=timezone.now())
    moved = _give(Appointment.objects.filter(pk__in=made.moved, patient=survivor), duplicate)
    made.undone_at, made.undone_by = timezone.now(), str(actor)
    made.save(update_fields=["undone_at", "undone_by"])
    before = {fields["mrn"][0] for fields in made.changed.values() if "mrn" in fields}
    undone = Undone(
        merge=made,
        moved=len(moved),
        kept=tuple(name for name in (*FIELDS, "is_active") if name in {*kept, *others}),
        changed=changed,
        made_since=Appointment.objects.filter(patient=survivor, created_at__gt=made.merged_at).count(),
        numbers=tuple(sorted(before - {None, survivor.mrn, duplicate.mrn})),
    )
    _attribute(actor, survivor, changed[SURVIVOR])
    _attribute(actor, duplicate, changed[DUPLICATE])
    signals.patients_unmerged.send(sender=unmerge, actor=actor, undone=undone)
    return undone


def clashes(one: uuid.UUID, other: uuid.UUID) -> list[tuple[Appointment, Appointment]]:
    """Pairs of live appointments, one of each patient, that the same person could not both keep. In order of time."""
    live = Appointment.objects.filter(patient__in=[one, other], status__in=LIVE).select_related("doctor", "department")
    visits = list(live.order_by("starts_at", "id"))
    return [
        (first, second)
        for position, first in enumerate(visits)
        for second in visits[position + 1 :]
        if second.patient_id != first.patient_id and second.starts_at < first.ends_at
    ]


def chosen_by_default(survivor: Patient, duplicate: Patient) -> dict[str, str]:
    """Whose value each field has after the merge unless somebody chooses: the survivor's, if there is any. Notes of
    both are kept, where there is room."""
    chosen: dict[str, str] = {}
    for group in GROUPS:
        is_empty = all(getattr(survivor, name) in NOTHING for name in group)
        chosen |= dict.fromkeys(group, DUPLICATE if is_empty else SURVIVOR)
    if survivor.notes and duplicate.notes and len(_notes_of_both(survivor, duplicate)) <= _room("notes"):
        chosen["notes"] = BOTH
    return chosen


def merged_values(survivor: Patient, duplicate: Patient, choices: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the survivor that the merge changes. Raises Invalid for a choice that there is not, and for choices
    that differ within a group."""
    chosen = chosen_by_default(survivor, duplicate) | dict(choices)
    for group in GROUPS:
        given = {choices[name] for name in group if name in choices}
        if len(given) > 1:
            labels = ", ".join(str(_field(name).verbose_name) for name in group)
            raise Invalid(_("These belong together, take them from one record: %s.") % labels, code="invalid_choice")
        for choice in given:
            chosen |= dict.fromkeys(group, choice)
    values: dict[str, Any] = {"is_active": survivor.is_active or duplicate.is_active}
    for name, choice in chosen.items():
        if name not in FIELDS or choice not in (
            (SURVIVOR, DUPLICATE, BOTH) if name == "notes" else (SURVIVOR, DUPLICATE)
        ):
            raise Invalid(_("Choose for each field which of the two records it is taken from."), code="invalid_choice")
        values[name] = (
            _notes_of_both(survivor, duplicate)
            if choice == BOTH
            else getattr(duplicate if choice == DUPLICATE else survivor, name)
        )
    if len(values["notes"]) > _room("notes"):
        raise Invalid(_("The notes of both are too long for one record. Choose those of one."), code="max_length")
    return {name: value for name, value in values.items() if value != getattr(survivor, name)}


def _notes_of_both(survivor: Patient, duplicate: Patient) -> str:
    return "\n\n".join(dict.fromkeys(filter(None, [survivor.notes, duplicate.notes])))


def _room(name: str) -> int:
    return _field(name).max_length


def _field(name: str) -> Any:
    return Patient._meta.get_field(name)


def _lock_appointments(condition: Q) -> None:
    list(Appointment.objects.select_for_update(no_key=True).filter(condition).order_by("pk").values_list("pk"))


def _lock_patients(condition: Q) -> dict[uuid.UUID, Patient]:
    return {record.pk: record for record in Patient.objects.select_for_update().filter(condition).order_by("pk")}


def _give(appointments: Any, to: Patient) -> list[str]:
    """Hand the appointments over; their ids."""
    keys = list(appointments.values_list("pk", flat=True))
    Appointment.objects.filter(pk__in=keys).update(patient=to, updated_at=timezone.now())
    return _keys(keys)


def _keys(keys: Iterable[uuid.UUID]) -> list[str]:
    return [str(key) for key in keys]


def _changes(record: Patient, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Each field that changes: what it was and what it becomes, as JSON has it."""
    changed = {name: (getattr(record, name), value) for name, value in values.items() if getattr(record, name) != value}
    return {name: [_plain(old), _plain(new)] for name, (old, new) in changed.items()}


def _as_before(record: Patient, changed: Mapping[str, list[Any]]) -> tuple[dict[str, Any], list[str]]:
    """The values to restore; and the names of fields that are no longer as the merge has left them."""
    since = [name for name, (_, left) in changed.items() if _plain(getattr(record, name)) != left]
    return {name: _field(name).to_python(old) for name, (old, _) in changed.items() if name not in since}, since


def _is_free(mrn: str | None) -> bool:
    return mrn is not None and not Patient.objects.filter(mrn=mrn).exists()


def _attribute(actor: Actor, record: Patient, changes: Mapping[str, list[Any]]) -> None:
    consents.attribute(actor=actor, patient_id=record.pk, changes=changes, source=ConsentSource.MERGE)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, str)) else value.isoformat()


def _write(record: Patient, values: Mapping[str, Any], **more: Any) -> None:
    names = {**values, **more}
    for name, value in names.items():
        setattr(record, name, value)
    if names:
        record.save(update_fields=[*names, "updated_at"])
