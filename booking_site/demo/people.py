"""Departments, doctors and patients: a stream of rows each, written by COPY."""

import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from django.db import connection

from booking_site.demo.hospital import INSURERS, SITES, UNITS, Size, Unit
from booking_site.demo.names import CULTURES, STAFF, Culture

# Latin letters that Unicode does not take apart into a letter and an accent.
WHOLE_LETTERS = str.maketrans(
    {"ł": "l", "ð": "d", "þ": "th", "ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ı": "i"}
)
ADULT = 16  # years; younger ones are seen by the paediatricians
# Ranges set aside for fiction: Ofcom (UK), ARCEP (France), NANP 555-01xx (North America).
PHONES = (
    lambda rng: f"+44 7700 900{rng.randrange(1000):03d}",
    lambda rng: f"020 7946 0{rng.randrange(1000):03d}",
    lambda rng: f"+33 6 39 98 {rng.randrange(100):02d} {rng.randrange(100):02d}",
    lambda rng: f"01 99 00 {rng.randrange(100):02d} {rng.randrange(100):02d}",
    lambda rng: f"+1 ({rng.choice((212, 305, 415, 617, 808))}) 555-01{rng.randrange(100):02d}",
)


class Identifiers:
    """UUIDs of version 7 that the seed decides: their moments count up to ``now``, their other bits are drawn."""

    def __init__(self, rng: Random, now: datetime, expected: int) -> None:
        self.rng = rng
        self.milliseconds = int(now.timestamp() * 1000) - expected

    def __call__(self) -> uuid.UUID:
        self.milliseconds += 1
        bits = self.rng.getrandbits(74)
        return uuid.UUID(int=self.milliseconds << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1)


@dataclass(frozen=True, slots=True)
class Clinician:
    """A doctor, or the team of a walk-in department."""

    code: str
    department_id: uuid.UUID
    unit: Unit
    leaves: bool  # gone since yesterday: history, and no future


@dataclass(slots=True)
class Pools:
    """The active patients, by who sees them."""

    children: list[uuid.UUID] = field(default_factory=list)
    adults: list[uuid.UUID] = field(default_factory=list)


def copy_rows(table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def write_departments(size: Size, identify: Identifiers, now: datetime) -> dict[uuid.UUID, Unit]:
    """By key, in the order of UNITS."""
    units = {identify(): unit for unit in UNITS[: size.departments]}
    copy_rows(
        "departments",
        ("id", "name", "code", "site", "time_zone", "phone", "is_active", "created_at", "updated_at"),
        (
            (key, unit.name, f"D{number:02d}", *SITES[unit.site], f"020 7946 0{number:03d}", True, now, now)
            for number, (key, unit) in enumerate(units.items(), 1)
        ),
    )
    return units


def write_doctors(size: Size, departments: dict[uuid.UUID, Unit], rng: Random, now: datetime) -> list[Clinician]:
    """The walk-in teams first, then doctors over all other departments in turn; the last one has just left."""
    walk_in = [item for item in departments.items() if item[1].walk_in]
    others = [item for item in departments.items() if not item[1].walk_in]
    posts = [*walk_in, *(others[number % len(others)] for number in range(size.doctors - len(walk_in)))]
    clinicians, rows, taken = [], [], set[str]()
    for number, (key, unit) in enumerate(posts, 1):
        clinician = Clinician(f"DOC-{number:04d}", key, unit, leaves=number == len(posts))
        specialization = rng.choice(unit.specializations)
        experience: int | None = None
        if unit.walk_in:
            name, email = f"{unit.name} team", f"{_ascii(unit.name.split()[0])}@hospital.example"
        else:
            while True:
                culture = rng.choice(CULTURES[:STAFF])
                given, family = rng.choice(culture.given), rng.choice(culture.family)
                if (name := f"Dr {given} {family}") not in taken:
                    break
            taken.add(name)
            email = f"{_ascii(given)}.{_ascii(family)}@hospital.example"
            experience = rng.randint(2, 38)
        phone = f"020 7946 0{number:03d} ext. {4000 + number}"
        rows.append(
            (clinician.code, name, email, phone, key, specialization, experience, not clinician.leaves, now, now)
        )
        clinicians.append(clinician)
    copy_rows(
        "doctors",
        (
            *("id", "name", "email", "phone", "department_id", "specialization", "experience", "is_active"),
            *("created_at", "updated_at"),
        ),
        rows,
    )
    with connection.cursor() as cursor:  # codes made later go on from here
        cursor.execute("SELECT setval('doctor_code_seq', %s)", [len(posts)])
    return clinicians


def write_patients(size: Size, identify: Identifiers, rng: Random, now: datetime) -> Pools:
    """Stream the patients; what stays in memory is their keys."""
    pools = Pools()
    copy_rows(
        "patients",
        (
            *("id", "first_name", "last_name", "email", "phone", "dob", "insurance_provider", "insurance_id", "mrn"),
            *("preferred_language", "remind_by_email", "remind_by_sms", "remind_by_phone", "is_active"),
            *("created_at", "updated_at"),
        ),
        _patients(size, identify, rng, now, pools),
    )
    return pools


def _patients(size: Size, identify: Identifiers, rng: Random, now: datetime, pools: Pools) -> Iterator[tuple[Any, ...]]:
    today = now.date()
    cultures = rng.choices(CULTURES, [culture.weight for culture in CULTURES], k=size.patients)
    cultures[: len(CULTURES)] = CULTURES  # every script is there, however few the patients
    for number, culture in enumerate(cultures, 1):
        key = identify()
        child = rng.random() < 0.2
        dob = (
            _birth(today, 0, ADULT, rng) if child else _birth(today, ADULT, min(97, rng.choice((45, 70, 90, 97))), rng)
        )
        active = number <= len(CULTURES) or rng.random() > 0.02
        if active:
            (pools.children if child else pools.adults).append(key)
        first_name, last_name = rng.choice(culture.given), rng.choice(culture.family or ("",))
        email = _email(first_name, last_name, number) if rng.random() < 0.8 else ""
        phone = rng.choice(PHONES)(rng) if rng.random() < 0.95 else ""
        insurer = rng.choice(INSURERS) if rng.random() < 0.85 else ""
        insurance_id = f"{insurer[0]}{rng.randrange(10**9):09d}" if insurer else ""
        language = _language(culture, rng)
        consents = (bool(email) and rng.random() < 0.7, bool(phone) and rng.random() < 0.6, rng.random() < 0.2)
        registered = now - timedelta(days=rng.randint(60, 2000))
        yield (
            *(key, first_name, last_name, email, phone, dob, insurer, insurance_id, f"H{number:07d}"),
            *(language, *consents, active, registered, registered),
        )


def _birth(today: date, youngest: int, oldest: int, rng: Random) -> date:
    """Somebody ``youngest`` or more years old, and not yet ``oldest``."""
    return today - timedelta(days=rng.randint(int(youngest * 365.25) + 1, int(oldest * 365.25) - 1))


def _language(culture: Culture, rng: Random) -> str:
    """Most speak the language of their name, some that of the hospital; some were never asked."""
    draw = rng.random()
    return culture.language if draw < 0.7 else "pt-PT" if draw < 0.85 else ""


def _email(first_name: str, last_name: str, number: int) -> str:
    local = ".".join(part for part in (_ascii(first_name), _ascii(last_name)) if part) or "patient"
    return f"{local}.{number}@mail.example"


def _ascii(text: str) -> str:
    """The Latin letters of a name, without accents; nothing is left of other scripts."""
    letters = unicodedata.normalize("NFKD", text.lower().translate(WHOLE_LETTERS))
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())
