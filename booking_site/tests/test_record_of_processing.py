"""Every column of the database is classified in ``docs/record-of-processing.md``: a new one cannot escape it."""

import re

import pytest
from django.apps import apps
from django.conf import settings

from appointments.models import Appointment
from patients.models import PERSONAL, Patient

OURS = ("patients", "appointments", "scheduling", "doctors", "audit", "api", "console", "booking_site")
RECORD = settings.BASE_DIR / "docs" / "record-of-processing.md"
KINDS = ("identity", "contact", "insurance", "health", "consent", "staff", "link", "none")
NAME = re.compile(r"`([a-z0-9_]+)`")


def rows(text: str) -> list[list[str]]:
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return found[2:]  # without the heading and the line under it


def classified() -> dict[str, dict[str, list[str]]]:
    """``{table: {column: [kind, what erasing does]}}``"""
    text = RECORD.read_text().partition("## Columns")[2].partition("## Tables of other packages")[0]
    found: dict[str, dict[str, list[str]]] = {}
    for part in text.split("\n### ")[1:]:
        table = found.setdefault(NAME.match(part)[1], {})
        for columns, *about in rows(part):
            for column in NAME.findall(columns):
                assert column not in table, f"{part[:30]}: {column} twice"
                table[column] = about
    return found


def models(ours: bool) -> list:
    return [each for each in apps.get_models(include_auto_created=True) if (each._meta.app_label in OURS) == ours]


def test_every_column_of_our_tables_is_classified_and_no_other():
    told = {table: set(columns) for table, columns in classified().items()}
    assert told == {
        model._meta.db_table: {field.column for field in model._meta.concrete_fields} for model in models(ours=True)
    }


def test_every_table_of_other_packages_is_told():
    told = {name for names, _what in rows(RECORD.read_text().partition("## Tables of other packages")[2])
            for name in NAME.findall(names)}  # fmt: skip
    assert told == {model._meta.db_table for model in models(ours=False)}


def test_every_kind_is_one_of_those_that_are_explained():
    kinds = {kind for columns in classified().values() for kind, _erased in columns.values()}
    assert [kind for kind in kinds if not kind.startswith(KINDS)] == []


@pytest.mark.parametrize("model", [Patient, Appointment])
def test_what_tells_of_a_person_is_emptied_when_they_are_erased(model):
    """All but links and what the numbers are made of."""
    columns = classified()[model._meta.db_table]
    stays = {name for name, (kind, erased) in columns.items() if erased.startswith("stays")}
    emptied = {
        name for name, (kind, _erased) in columns.items() if not kind.startswith(("link", "none", "staff"))
    } - stays
    done = set(PERSONAL) - {"is_active"} | {"search_text", "phone_digits"}
    if model is Appointment:
        from appointments.erasing import TEXTS

        done = set(TEXTS)
    assert emptied == done
