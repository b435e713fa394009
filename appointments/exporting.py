"""All that is kept on a patient, as one JSON document: for the patient who asks for it (GDPR, articles 15 and 20).

Complete by construction: starting from the patient's records, every table that refers to them, and every table that
refers to those, is read with all its columns. What no foreign key leads to is asked for by name: the audit log, and
mail in files. The shape is told in ``docs/patient-export.md``; it changes only with ``VERSION``.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import orjson
from django.db.models import Model, Q
from django.utils import timezone

from appointments import mail_files, signals
from appointments.exceptions import PatientNotFound
from appointments.models import Appointment
from booking_site.core.actor import Actor
from booking_site.core.operations import operation
from booking_site.core.trail import log_of
from doctors.models import Department, Doctor
from patients.models import Patient, PatientMerge, answering
from scheduling.models import VisitType

FORMAT, VERSION = "hospital-booking/patient", 1
# Applications and their tokens: how an app of the patient gets in, not what is kept on them. The log tells of those.
DOORS = ("api", "oauth2_provider")
Row = dict[str, Any]


@operation("patient.exported")
def export(*, actor: Actor, patient_id: uuid.UUID) -> bytes:
    """The document, for a patient with the records merged into theirs. That of a merged record is that of the one which
    answers for it. Raises PatientNotFound."""
    patient = Patient.objects.filter(pk=answering(patient_id)).first()
    if patient is None:
        raise PatientNotFound
    tables = tables_of(patient)
    records = [row["id"] for row in tables[Patient._meta.db_table]]
    visits = tables.get(Appointment._meta.db_table, [])
    document = {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": timezone.now(),
        "patient_id": patient.pk,
        "tables": tables,
        "names": _names(visits),
        "mail": [_mail(message) for _path, message in mail_files.files_to(mail_files.addresses_of(records))],
        "audit_log": log_of({Patient: records, Appointment: [row["id"] for row in visits]}),
    }
    signals.patient_exported.send(sender=export, actor=actor, patient=patient, rows=_counts(document))
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def tables_of(patient: Patient) -> dict[str, list[Row]]:
    """The rows of each table, by its name: all columns of all rows that lead to the patient. Tables may lead to each
    other: each way is gone once with the same keys."""
    conditions: dict[type[Model], Q] = {Patient: Q(pk=patient.pk) | Q(merged_into=patient)}
    gone: set[tuple[type[Model], str, frozenset[Any]]] = set()
    tables = {}
    waiting: list[type[Model]] = [Patient]
    while waiting:
        model = waiting.pop(0)
        rows = rows_of(model, conditions[model])
        tables[model._meta.db_table] = rows
        keys = [row[model._meta.pk.attname] for row in rows]
        for other, name in referring_to(model):
            way = (other, name, frozenset(keys))
            if other is not model and way not in gone:
                gone.add(way)
                conditions[other] = conditions.get(other, Q(pk__in=[])) | Q(**{f"{name}__in": keys})
                waiting += [] if other in waiting else [other]
    return tables


def referring_to(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """The models with a foreign key to this one, and its name; without DOORS."""
    for relation in model._meta.get_fields(include_hidden=True):
        if relation.related_model is not None and relation.related_model._meta.app_label in DOORS:
            continue
        if relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one):
            yield relation.related_model, relation.field.name  # type: ignore[union-attr,misc]


def rows_of(model: type[Model], condition: Q) -> list[Row]:
    """With every column but those that only repeat others for the search."""
    columns = [field.attname for field in model._meta.concrete_fields if not field.generated]
    rows = list(model._default_manager.filter(condition).order_by("pk").values(*columns))
    return [_without_others(row) for row in rows] if model is PatientMerge else rows


def _without_others(merge: Row) -> Row:
    """Of a merge that was taken back, the other record is another person's: its values are left out."""
    return merge if merge["undone_at"] is None else merge | {"changed": None, "moved": None, "repointed": None}


def _names(visits: list[Row]) -> dict[str, dict[str, str]]:
    """What the ids in the appointments stand for."""
    found = {}
    for column, model in (("doctor_id", Doctor), ("department_id", Department), ("visit_type", VisitType)):
        keys = {row[column] for row in visits}
        names = model._default_manager.filter(pk__in=keys).values_list("pk", "name")
        found[model._meta.db_table] = {str(key): name for key, name in names}
    return found


def _mail(message: Any) -> Row:
    return {"date": str(message["Date"]), "to": str(message["To"]), "subject": str(message["Subject"])}


def _counts(document: dict[str, Any]) -> dict[str, int]:
    counts = {name: len(rows) for name, rows in document["tables"].items()}
    return counts | {"mail": len(document["mail"]), "audit_log": len(document["audit_log"])}
