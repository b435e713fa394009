"""Finding patients for people who type: the right ones first, misspelt or not.

The index holds the words of each name and keys that misspellings share (migration 0004). What was typed is asked for
in steps, each wider than the last, and the next is taken only as long as there is room for more: the words themselves,
their beginnings, words that are nearly the same, and last what is left when one of the facts given is wrong. A step
reads so many patients at most, of however many that match; Python puts them in order.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q

from booking_site.core.sql import contains
from patients.likeness import BEGINNING, SUBSCRIBER, WRONG, digits_of, names_cost, phone_cost
from patients.lookalikes import unmixed
from patients.models import Patient, PatientQuerySet, phone_is
from patients.names import (
    KEPT,
    KEPT_AS_WRITTEN,
    TypedName,
    all_but_one_of,
    all_of,
    any_of,
    as_one,
    kept_words,
    one_of_each,
)
from patients.typed import Typed, clean, read

READ, READ_ALIKE = 60, 150  # patients that a step reads at most, of however many that match as typed, or nearly so
MOST = 100  # patients that are found at most
Rank = tuple[Any, ...]  # less is better; ends with last name, first name and key
TITLE_LEFT_OUT = 0.5  # the cost of taking a word for a title: more than that of one that begins a word of the name
COLUMNS = ("pk", "first_name", "last_name", "dob", "phone_digits", "mrn", "email", "is_active", "merged_into_id")


def find(text: str, limit: int = 10, among: PatientQuerySet | None = None) -> list[Patient]:
    """The patients that ``text`` most likely means, best first: ``limit`` of them at most, and ``MOST`` at that.

    ``text`` has words of the name in any order and however misspelt, a date of birth or, beside a name, the year, a
    phone number in any format, an e-mail, a record number or the beginning of one, or several of these. Those with the
    words and their beginnings come before those with words nearly the same, and open records before closed ones.
    ``among`` are the patients to choose from: all when it is not given. A record that has been merged stands for the
    one that answers for it: that one is found by the names and numbers of both.
    """
    if (alike := unmixed(text)) != text:  # as it was typed first
        both = _found(text, limit, among) + _found(alike, limit, among)
        return list(dict.fromkeys(both))[: max(1, min(limit, MOST))]
    return _found(text, limit, among)


def _found(text: str, limit: int, among: PatientQuerySet | None) -> list[Patient]:
    among = Patient.objects.all() if among is None else among
    patients = among | Patient.objects.filter(merged_into__isnull=False)
    limit = max(1, min(limit, MOST))
    typed = read(text)
    name = TypedName.of(typed.words)
    if typed.is_blank and not name:
        return list(patients.search(clean(text))[:limit]) if clean(text) else []
    ranked: dict[Any, Rank] = {}
    for step, words, extra in _tries(typed, name):
        if len(ranked) >= limit or (step.is_last_resort and ranked):
            continue
        most = READ_ALIKE if step.is_fuzzy else max(READ, limit)
        rows = _rows(patients, step, step.condition, most)
        if len(rows) == most and step.narrower is not None:
            rows += _rows(patients, step, step.narrower, most)
        for row in rows:
            cost, missed, is_certain = _cost(row, typed, words)
            if missed <= step.may_miss:
                key = row["merged_into_id"] or row["pk"]
                rank = (not is_certain, not row["is_active"], cost + extra, row["last_name"], row["first_name"], key)
                ranked[key] = min(ranked.get(key, rank), rank)
    best = _in_order(ranked)[:limit]
    found = among.surviving().in_bulk(best)
    return [found[key] for key in best if key in found]


def _tries(typed: Typed, name: TypedName) -> Iterator[tuple["Step", TypedName, float]]:
    """The steps, each with the words that it goes by and what is added to the cost of those whom it finds. Words that
    look like titles may be names all the same: whoever has them comes first."""
    if typed.titled:
        titled = TypedName.of(typed.titled)
        yield next(steps(typed, titled)), titled, 0
    for step in steps(typed, name):
        yield step, name, TITLE_LEFT_OUT if typed.titled else 0


def _rows(patients: PatientQuerySet, step: "Step", condition: Q, most: int) -> list[dict[str, Any]]:
    columns = KEPT if step.is_fuzzy else KEPT_AS_WRITTEN
    return list(patients.filter(condition).order_by().annotate(**columns).values(*COLUMNS, *columns)[:most])


def _in_order(ranked: dict[Any, Rank]) -> list[Any]:
    """Keys by rank. Of those that fit equally well, people of different names first: ten of one name, who can only be
    told apart by a date of birth, do not crowd out another name that may be meant as well."""
    seen: Counter[Any] = Counter()
    order = []
    for key in sorted(ranked, key=ranked.__getitem__):
        *fit, last_name, first_name, _ = ranked[key]
        seen[(*fit, last_name, first_name)] += 1
        order.append((*fit, seen[(*fit, last_name, first_name)], last_name, first_name, key))
    return [rank[-1] for rank in sorted(order)]


@dataclass(frozen=True, slots=True)
class Step:
    """Patients to look at. ``narrower``: the best of them, read by themselves too when there are more than are read.
    ``may_miss``: the words of the name that need not fit. ``is_fuzzy``: words may be misspelt. ``is_last_resort``: only
    when nobody is found."""

    condition: Q
    narrower: Q | None = None
    may_miss: int = 0
    is_fuzzy: bool = True
    is_last_resort: bool = False


def steps(typed: Typed, name: TypedName) -> Iterator[Step]:
    facts = list(_facts(typed))
    all_facts = Q()
    for fact in facts:
        all_facts &= fact
    if not name:
        yield Step(all_facts, is_fuzzy=False)
    else:
        yield Step(Q(all_of(name.begun)) & all_facts, Q(all_of(name.exact)) & all_facts, is_fuzzy=False)
        yield Step(Q(one_of_each(name.near, name.begun)) & all_facts, Q(all_of(name.heard)) & all_facts)
        if len(name.words) > 1:
            yield Step(Q(all_of(name.near)) & all_facts, is_last_resort=True)
        if len(name.words) > 2:
            yield Step(Q(all_but_one_of(name.near)) & all_facts, may_miss=1, is_last_resort=True)
    wider = list(_wider(typed))
    if wider:
        one_fact = Q()
        for fact in wider:
            one_fact |= fact
        if name:
            yield Step(Q(any_of(name.near)) & one_fact, may_miss=len(name.words) - 1, is_last_resort=True)
        yield Step(one_fact, may_miss=len(name.words), is_last_resort=True)
    if name and facts:
        yield Step(Q(all_of(name.near)), is_last_resort=True)


def _facts(typed: Typed) -> Iterator[Q]:
    if typed.dates or typed.year:
        yield Q(dob__in=typed.dates) if typed.dates else Q(dob__year=typed.year)
    for number in typed.numbers:
        yield phone_is(number) | Q(mrn__istartswith=number)
    for code in typed.codes:
        yield Q(mrn__istartswith=code) | Q(contains(F("search_text"), code))
    for email in typed.emails:
        yield Q(contains(F("search_text"), email))


def _wider(typed: Typed) -> Iterator[Q]:
    """The facts that tell a person by themselves; of phone numbers only the digits that are the same everywhere."""
    if typed.dates:
        yield Q(dob__in=typed.dates)
    for number in typed.numbers:
        digits = digits_of(number)
        yield Q(mrn__istartswith=number)
        if len(digits) >= SUBSCRIBER:
            yield Q(phone_digits__contains=digits[-SUBSCRIBER:])
    for email in typed.emails:
        yield Q(contains(F("search_text"), email))


def _cost(row: dict[str, Any], typed: Typed, name: TypedName) -> tuple[float, int, bool]:
    """How far the patient is from what was typed, how many words of the name are missed, and whether all fits as typed
    or as the beginning of what is kept."""
    first, last = kept_words(row)
    words, missed = names_cost(name.words, name.joined, [*first, *last, *as_one(first, last)])
    facts = list(_fact_costs(row, typed))
    unsaid = 0.02 * max(0, len(row["first_name"].split()) + len(row["last_name"].split()) - len(name.words))
    is_certain = words <= BEGINNING * len(name.words) and all(cost < WRONG for cost in facts)
    return round(words + sum(facts) + unsaid, 2), missed, is_certain


def _fact_costs(row: dict[str, Any], typed: Typed) -> Iterable[float]:
    born = row["dob"]
    if typed.dates or typed.year:
        fits = born is not None and (born in typed.dates or born.year == typed.year)
        yield 0 if fits else WRONG
    for number in typed.numbers:
        yield min(_beginning_cost(number, row["mrn"]), phone_cost(number, row["phone_digits"]))
    for code in typed.codes:
        yield min(_beginning_cost(code, row["mrn"]), 1)
    for email in typed.emails:
        yield 0 if email.lower() in row["email"].lower() else WRONG


def _beginning_cost(typed: str, kept: str | None) -> float:
    kept, typed = (kept or "").upper(), typed.upper()
    return 0 if kept == typed else BEGINNING if kept.startswith(typed) else WRONG
