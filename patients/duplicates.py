"""Who may be registered already: the same person twice, not two people who share a common name."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.likeness import MISSED, SAME_NUMBER, SOUND, Word, digits_of, names_cost, phone_cost
from patients.lookalikes import unmixed
from patients.models import NATIONAL_DIGITS, Patient, phone_is
from patients.names import KEPT, TypedName, all_of, any_of, kept_words
from patients.typed import clean

READ = 60  # patients that are read for each way in which somebody may be the same
SAME = 50  # points from which two records may be of one person
# What speaks for one person, in points. A name and nothing else is not enough, however alike; but where neither a date
# of birth nor a phone is known, the same name is all that can be noticed.
MRN, BORN, NAME, NAME_ALIKE, PART_OF_NAME, PHONE, EMAIL = 100, 35, 35, 25, 10, 25, 25
NAME_ALONE = SAME
BORN_ALIKE = 20  # day and month swapped, or one figure of the date another
OTHERWISE = -10  # both names, or the date of birth


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient who may be the same person. ``score``: ``SAME`` to 100. ``reasons``: for people, strongest first."""

    patient: Patient
    score: int
    reasons: tuple[str | Promise, ...]


def similar_to(
    first_name: str,
    last_name: str,
    dob: date | None = None,
    phone: str = "",
    email: str = "",
    mrn: str | None = None,
    exclude: UUID | None = None,
    limit: int = 5,
) -> list[Candidate]:
    """Patients who may be the person described, most alike first. ``exclude``: the key of the patient themselves.

    Records that were merged into others are left out, closed ones are not. A name of letters that only look like those
    of another is compared as both.
    """
    found = _similar(first_name, last_name, dob, phone, email, mrn, exclude, limit)
    first, last = unmixed(first_name or ""), unmixed(last_name or "")
    if (first, last) == (first_name or "", last_name or ""):
        return found
    found += _similar(first, last, dob, phone, email, mrn, exclude, limit)
    both = {one.patient.pk: one for one in sorted(found, key=lambda one: one.score)}
    return sorted(both.values(), key=lambda one: (-one.score, one.patient.pk))[:limit]


def _similar(
    first_name: str,
    last_name: str,
    dob: date | None,
    phone: str,
    email: str,
    mrn: str | None,
    exclude: UUID | None,
    limit: int,
) -> list[Candidate]:
    first, last, phone, email, mrn = (clean(text or "") for text in (first_name, last_name, phone, email, mrn))
    names = TypedName.of(first), TypedName.of(last)
    patients = Patient.objects.surviving().order_by()
    if exclude is not None:
        patients = patients.exclude(pk=exclude)
    ways = [patients.filter(way).values("pk")[:READ] for way in _ways(names, dob, phone, email, mrn)]
    if not ways:
        return []
    keys = ways[0].union(*ways[1:]) if len(ways) > 1 else ways[0]
    columns = ("pk", "dob", "phone", "email", "mrn")
    rows = patients.filter(pk__in=[row["pk"] for row in keys]).annotate(**KEPT).values(*columns, *KEPT)
    reasons = {
        row["pk"]: sorted(_reasons(row, names, dob, phone, email, mrn), key=lambda reason: -reason[0]) for row in rows
    }
    scores = {key: min(100, sum(points for points, _why in why)) for key, why in reasons.items()}
    best = sorted((key for key in scores if scores[key] >= SAME), key=lambda key: (-scores[key], key))[:limit]
    alike = Patient.objects.in_bulk(best)
    return [
        Candidate(alike[key], scores[key], tuple(why for points, why in reasons[key] if points > 0)) for key in best
    ]


def _ways(names: tuple[TypedName, TypedName], dob: date | None, phone: str, email: str, mrn: str) -> Iterator[Q]:
    """The ways in which somebody may be the same, each with an index of its own."""
    first, last = names
    every = [*first.near, *last.near]
    if mrn:
        yield Q(mrn__istartswith=mrn)
    if email:
        yield Q(email__iexact=email)
    if every and _is_phone(phone):
        yield Q(any_of(every)) & phone_is(phone)
    if every and dob is not None:
        yield Q(any_of(every)) & Q(dob=dob)
        yield Q(all_of(every)) & Q(dob__in=_mistaken(dob))
    if every and dob is None and not _is_phone(phone):
        yield Q(all_of([*first.exact, *last.exact]))


def _reasons(
    row: dict[str, Any], names: tuple[TypedName, TypedName], dob: date | None, phone: str, email: str, mrn: str
) -> Iterator[tuple[int, str | Promise]]:
    """Points, and what they are given for."""
    if mrn and (row["mrn"] or "").upper() == mrn.upper():
        yield MRN, _("same record number")
    yield from _name_reasons(row, *names, NAME_ALONE if dob is None and not _is_phone(phone) else NAME)
    if dob is not None and row["dob"] is not None:
        if row["dob"] == dob:
            yield BORN, _("same date of birth")
        elif row["dob"] in _mistaken(dob):
            yield BORN_ALIKE, _("date of birth alike")
        else:
            yield OTHERWISE, ""
    if phone_cost(phone, row["phone"]) <= SAME_NUMBER:
        yield PHONE, _("same phone")
    if email and row["email"].upper() == email.upper():
        yield EMAIL, _("same e-mail")


def _is_phone(text: str) -> bool:
    """Whether it has digits enough to look for."""
    return len(digits_of(text)) >= NATIONAL_DIGITS


def _name_reasons(
    row: dict[str, Any], first: TypedName, last: TypedName, same: int
) -> Iterator[tuple[int, str | Promise]]:
    """``same``: the points for the same name."""
    kept_first, kept_last = kept_words(row)
    straight = _name_cost(first, kept_first), _name_cost(last, kept_last)
    swapped = _name_cost(first, kept_last), _name_cost(last, kept_first)
    is_swapped = sum(swapped) < sum(straight)
    costs = swapped if is_swapped else straight
    if sum(costs) == 0:
        yield same, _("same name, first and last swapped") if is_swapped else _("same name")
    elif max(costs) < MISSED:
        yield NAME_ALIKE, _("name alike, first and last swapped") if is_swapped else _("name alike")
    elif min(costs) <= SOUND:
        yield PART_OF_NAME, _("one of the names alike")
    else:
        yield OTHERWISE, ""


def _name_cost(typed: TypedName, kept: list[Word]) -> float:
    """``MISSED`` when a word is; of two names none of which is given nothing is known, and nothing against them."""
    if not typed or not kept:
        return 0 if not typed and not kept else MISSED
    cost, missed = names_cost(typed.words, typed.joined, kept)
    return MISSED if missed else cost


def _mistaken(dob: date) -> list[date]:
    """The dates that a slip makes of one: day and month swapped, or one figure another."""
    text = dob.isoformat()
    texts = [f"{dob:%Y-%d-%m}"]
    texts += [text[:n] + figure + text[n + 1 :] for n in (0, 1, 2, 3, 5, 6, 8, 9) for figure in "0123456789"]
    dates = set()
    for other in texts:
        with suppress(ValueError):
            dates.add(date.fromisoformat(other))
    return sorted(dates - {dob})
