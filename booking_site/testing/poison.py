"""Markup in every text that the database keeps, and the eye that finds it where it has come through a page.

``poison`` writes into every text column of every model, found by walking the models: a new one is poisoned unasked.
What a constraint refuses, and what the program alone writes in words of its own, must be named here.
"""

import re
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any

from django.apps import apps
from django.db import DataError, IntegrityError, connection, models, transaction

MARK = "xss"
REFUSED = -1
PAYLOADS = [  # the longest that fits is taken
    "'\"></textarea></title></select></script><script>xss(1)</script><img src=xss onerror=xss(2)>"
    "<svg/onload=xss(3)><i id=xss>{{7*7}}${7*7}javascript:xss(4)",
    "'\"></script><img src=xss onerror=xss(2)><i id=xss>{{7*7}}",
    "'\"><img src=xss onerror=xss(5)>",
    "'\"><i id=xss>",
]
RAW = re.compile(r"<img src=xss|<svg/onload=xss|<script>xss|<i id=xss|'\"></?[a-z]|xss-49")
# Of the program's own words, shapes and keys: what is read back from them decides what happens.
OWN = {
    *("auth.User.password", "auth.Permission.codename", "auth.Group.name"),
    *("api.ApiClient.client_id", "api.ApiClient.client_secret", "api.ApiClient.scopes", "api.ApiClient.algorithm"),
    *("api.ApiClient.client_type", "api.ApiClient.authorization_grant_type", "api.ApiClient.registration_source"),
    *("doctors.Department.time_zone", "scheduling.Schedule.recurrence", "scheduling.VisitType.code"),
    *("scheduling.AvailableSlot.hold_digest", "doctors.Doctor.id", "scheduling.AvailableSlot.held_by"),
    *("audit.AuditLog.user_kind", "patients.PatientMerge.moved", "patients.PatientMerge.repointed"),
    *("patients.PatientMerge.changed", "appointments.Appointment.visit_type"),
    *("api.ApiClient.allowed_origins", "api.ApiClient.post_logout_redirect_uris"),
}
APPEND_ONLY = {"audit.AuditLog"}
CHAIN = {"audit.AuditEpoch", "audit.AuditSeal"}  # hashes, and words of commands
APPS = ("auth", "api", "doctors", "patients", "scheduling", "appointments", "audit")


def payload(length: int | None) -> str:
    return next(text for text in PAYLOADS if length is None or len(text) <= length)


def texts_of(model: type[models.Model]) -> list[Any]:
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, (models.CharField, models.TextField, models.JSONField))
        and not field.choices
        and not field.generated
        and f"{model._meta.label}.{field.name}" not in OWN
    ]


def poison() -> dict[str, int]:
    """Every text column of every row there is; gives the number of rows by column. Rows that the database does not let
    anybody change (the audit log) get a poisoned one beside them."""
    found = {}
    for label in APPS:
        for model in apps.get_app_config(label).get_models():
            if model._meta.label in CHAIN:
                continue
            fields = texts_of(model)
            written = _add(model, fields) if model._meta.label in APPEND_ONLY else None
            for field in fields:
                found[f"{model._meta.label}.{field.name}"] = _write(model, field) if written is None else written
    return found


def _add(model: type[models.Model], fields: list[Any]) -> int:
    """One more row: the newest again, poisoned."""
    row = model._default_manager.first()
    if row is None:
        return 0
    row.pk = model._meta.pk.get_default()
    for field in fields:
        text = payload(field.max_length)
        setattr(row, field.name, {"new": {text: text}} if isinstance(field, models.JSONField) else text)
    row.save(force_insert=True)
    return 1


def _write(model: type[models.Model], field: Any) -> int:
    table, column = model._meta.db_table, field.column
    if isinstance(field, models.JSONField):
        value, parameters = "jsonb_build_object(%s::text, %s::text)", [payload(None), payload(None)]
    elif field.unique or any(field.name in rule.fields for rule in _unique(model)):
        value, parameters = (
            "left(%s || row_number, %s)",
            [payload((field.max_length or 255) - 4), field.max_length or 255],
        )
    else:
        value, parameters = "%s", [payload(field.max_length)]
    statement = (
        f"UPDATE {table} SET {column} = {value} FROM (SELECT ctid, row_number() OVER () FROM {table}) AS numbered "
        f"WHERE {table}.ctid = numbered.ctid"
    )
    for only in ("", f" AND {table}.{column}::text <> ''"):  # some say something only where there is something to say
        with suppress(IntegrityError, DataError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement + only, parameters)
            return cursor.rowcount
    return REFUSED


def _unique(model: type[models.Model]) -> list[models.UniqueConstraint]:
    return [rule for rule in model._meta.constraints if isinstance(rule, models.UniqueConstraint)]


class _Eye(HTMLParser):
    """Elements and attributes that only a payload makes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            text = (value or "").strip().lower()
            if name.startswith("on") or (name == "id" and value == MARK) or (name == "src" and value == MARK):
                self.found.append(f"<{tag} {name}={value}>")
            if name in ("href", "src", "action", "formaction", "data", "xlink:href") and text.startswith(
                ("javascript:", "data:", "vbscript:", "'\">")
            ):
                self.found.append(f"<{tag} {name}={value}>")


def come_through(html: str) -> list[str]:
    """What of the payloads stands in a page as markup, or nearly."""
    eye = _Eye()
    eye.feed(html)
    eye.close()
    return eye.found + [html[max(0, hit.start() - 80) : hit.end() + 80] for hit in RAW.finditer(html)]
