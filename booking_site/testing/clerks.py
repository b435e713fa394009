"""Patients with the names of the shared lists, and what a clerk types to find one of them: right, in part, or wrong.

Everything is drawn from a seed, so that each run asks the same. Used by the test and by the benchmark of finding.
"""

import csv
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

LATIN = ("cs_CZ", "de_DE", "en_GB", "en_IE", "es_MX", "fr_FR", "hu_HU", "pl_PL", "pt_BR", "tr_TR", "vi_VN")
COLUMNS = (
    *("id", "first_name", "last_name", "email", "phone", "dob", "insurance_provider", "insurance_id", "mrn"),
    *("preferred_language", "remind_by_email", "remind_by_sms", "remind_by_phone", "is_active"),
    *("created_at", "updated_at"),
)
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
HEARD = (
    *(
        ("ph", "f"),
        ("f", "ph"),
        ("ck", "k"),
        ("c", "k"),
        ("k", "c"),
        ("y", "i"),
        ("i", "y"),
        ("ie", "ei"),
        ("ei", "ie"),
    ),
    *(("s", "z"), ("z", "s"), ("w", "v"), ("v", "w"), ("th", "t"), ("ll", "l"), ("nn", "n"), ("tt", "t"), ("ss", "s")),
)
WHOLE_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ı": "i", "ß": "ss", "đ": "d", "Đ": "D", "æ": "ae", "œ": "oe"}
)


@dataclass(frozen=True, slots=True)
class Person:
    key: uuid.UUID
    first: str
    last: str
    dob: date
    phone: str  # as kept
    other_phone: str  # the same number as others write it
    mrn: str

    def row(self) -> tuple[object, ...]:
        """For ``COLUMNS``."""
        email = f"{self.mrn.lower()}@mail.example"
        closed = self.key.int % 50 == 0
        rest = ("", False, False, False, not closed, "2026-01-01T00:00Z", "2026-01-01T00:00Z")
        return (self.key, self.first, self.last, email, self.phone, self.dob, "", "", self.mrn, *rest)


@dataclass(frozen=True, slots=True)
class Question:
    """``text`` is typed to find ``person``; ``by`` says what else makes a patient as good an answer: the same "name",
    the same "surname and year", or nothing else ("person")."""

    kind: str
    text: str
    person: Person
    by: str


# --- patients ------------------------------------------------------------------------------------------------------


def population(shared: Path, many: int, seed: int = 1) -> list[Person]:
    """Given and family names of the lists, combined within a language, the first of each far more common than the last.
    Four in five have names in Latin letters."""
    rng = Random(seed)
    names = _names(shared)
    phones = _phones(shared)
    locales = list(names)
    weights = [4 if locale in LATIN else 8 if locale == "tricky" else 1 for locale in locales]
    cumulated = {key: [_common(pool) for pool in pools] for key, pools in names.items()}
    people = []
    for number, locale in enumerate(rng.choices(locales, weights, k=many)):
        (first,), (last,) = (
            rng.choices(pool, cum_weights=cumulated[locale][n]) for n, pool in enumerate(names[locale])
        )
        kept, other = _number(rng.choice(phones), rng)
        born = date(1930, 1, 1) + timedelta(days=rng.randrange(92 * 365))
        key = uuid.UUID(int=rng.getrandbits(128), version=4)
        people.append(Person(key, first, last, born, kept, other, f"H{number:07d}"))
    return people


def _names(shared: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Given and family names by locale, and those of the register of awkward surnames, written as people write them."""
    names: dict[str, tuple[list[str], list[str]]] = {}
    with open(shared / "names" / "faker_names.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            given, family = names.setdefault(row["locale"], ([], []))
            given.append(row["given_name"])
            family.append(row["family_name"])
    given, family = names.setdefault("tricky", ([], []))
    for number, line in enumerate((shared / "names" / "tricky_surname_first.txt").read_text("utf-8").splitlines()):
        last, first = (part.strip().title() for part in line.strip('"').partition(",")[::2])
        last = re.sub(r"\b(Mc|Mac) (\w)", lambda match: match[1] + match[2].upper(), re.sub(r"\bO'? ", "O'", last))
        family.append(last.replace(" ", "-") if number % 3 == 0 and len(last.split()) == 2 else last)
        given.append(re.sub(r" \w$", "", first))
    return {key: (list(dict.fromkeys(a)), list(dict.fromkeys(b))) for key, (a, b) in names.items()}


def _common(pool: list[str]) -> list[float]:
    total = 0.0
    return [total := total + 1 / (place + 5) for place in range(len(pool))]


def _phones(shared: Path) -> list[tuple[str, str, str]]:
    with open(shared / "phones" / "phone_examples.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["valid"] == "True"]
    return [(row["e164"], row["international"], row["national"]) for row in rows if len(row["e164"]) >= 10]


def _number(formats: tuple[str, str, str], rng: Random) -> tuple[str, str]:
    """One number in two ways of writing it, its last five digits drawn."""
    digits = f"{rng.randrange(100_000):05d}"
    e164, international, national = (_with_end(text, digits) for text in formats)
    written = [e164, international, national, "00" + e164[1:]]
    kept, other = rng.sample(written, 2)
    return kept, other


def _with_end(text: str, digits: str) -> str:
    letters, left = list(text), list(digits)
    for place in range(len(letters) - 1, -1, -1):
        if letters[place].isdigit() and left:
            letters[place] = left.pop()
    return "".join(letters)


# --- what is typed -------------------------------------------------------------------------------------------------


def questions(people: list[Person], each: int, seed: int = 2) -> Iterator[Question]:
    """``each`` questions of every kind, about people of whom that kind can be asked."""
    for kind, (by, ask) in KINDS.items():
        rng = Random(f"{seed} {kind}")
        asked = 0
        for _ in range(each * 400):
            person = rng.choice(people)
            text = ask(person, rng)
            if text:
                yield Question(kind, text, person, by)
                asked += 1
                if asked == each:
                    break


def answers(question: Question, found: list) -> bool:
    """Whether one of the patients found is the one, or as good."""
    person = question.person
    for patient in found:
        if patient.pk == person.key:
            return True
        if question.by == "name" and (patient.first_name, patient.last_name) == (person.first, person.last):
            return True
        same_year = patient.dob.year == person.dob.year
        if question.by == "surname and year" and same_year and patient.last_name == person.last:
            return True
    return False


Slip = Callable[[str, Random], str]  # gives "" where it cannot be made


def _letter(word: str, rng: Random, least: int = 5) -> int:
    """Somewhere behind the first letter of a word that is long enough, else -1."""
    return rng.randrange(1, len(word)) if len(word) >= least and word.isalpha() else -1


def dropped(word: str, rng: Random) -> str:
    return word[:n] + word[n + 1 :] if (n := _letter(word, rng)) > 0 else ""


def doubled(word: str, rng: Random) -> str:
    return word[:n] + word[n] + word[n:] if (n := _letter(word, rng)) > 0 else ""


def transposed(word: str, rng: Random) -> str:
    if (n := _letter(word, rng)) < 0:
        return ""
    swapped = word[: n - 1] + word[n] + word[n - 1] + word[n + 1 :]
    return swapped if swapped != word else ""


def neighbouring_key(word: str, rng: Random) -> str:
    n = _letter(word, rng)
    row = next((row for row in KEYBOARD if word[n : n + 1].lower() in row), "") if n > 0 else ""
    if not row:
        return ""
    place = row.index(word[n].lower())
    return (
        word[:n]
        + row[place + 1 if place == 0 or (place < len(row) - 1 and rng.random() < 0.5) else place - 1]
        + word[n + 1 :]
    )


def misheard(word: str, rng: Random) -> str:
    lower = word.lower()
    pairs = [pair for pair in HEARD if pair[0] in lower]
    if len(word) < 4 or not pairs:
        return ""
    heard, written = rng.choice(pairs)
    return lower.replace(heard, written, 1)


def two_slips(word: str, rng: Random) -> str:
    if len(word) < 8:
        return ""
    once = rng.choice((dropped, doubled, transposed, neighbouring_key))(word, rng)
    twice = rng.choice((dropped, doubled, transposed, neighbouring_key))(once, rng) if once else ""
    return "" if twice == word else twice


def plain(text: str) -> str:
    """Without accents."""
    letters = unicodedata.normalize("NFKD", text.translate(WHOLE_LETTERS))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _slip(slip: Slip) -> Callable[[Person, Random], str]:
    """In the last name; in one of two cases with the names swapped, in one of three without accents."""

    def ask(person: Person, rng: Random) -> str:
        wrong = slip(plain(person.last) if rng.random() < 0.33 else person.last, rng)
        both = f"{person.first} {wrong}" if rng.random() < 0.5 else f"{wrong} {person.first}"
        return both if wrong else ""

    return ask


def _in_first_name(person: Person, rng: Random) -> str:
    wrong = rng.choice((dropped, doubled, transposed, neighbouring_key, misheard))(person.first, rng)
    return f"{person.last} {wrong}" if wrong else ""


def _without_accents(person: Person, rng: Random) -> str:
    bare = plain(f"{person.first} {person.last}")
    latin = re.fullmatch(r"[A-Za-z' \-]+", bare)
    return bare.lower() if latin and bare != f"{person.first} {person.last}" else ""


def _joints(person: Person, rng: Random) -> str:
    """Another apostrophe or hyphen, or none, or a space."""
    changed = re.sub(r"['’\- ]", rng.choice(("", " ", "’", "`", "'", "-", "–")), person.last)
    return f"{person.first} {changed}" if changed != person.last else ""


def _beginnings(person: Person, rng: Random) -> str:
    return f"{person.last[:5]} {person.first[:4]}" if min(len(person.last), len(person.first)) > 5 else ""


def _day(person: Person, rng: Random) -> str:
    born = person.dob
    return rng.choice(
        (f"{born:%Y-%m-%d}", f"{born:%d.%m.%Y}", f"{born.day}/{born.month}/{born:%y}", f"{born.day} {born:%b %Y}")
    )


def _latin_slip(person: Person, rng: Random) -> str:
    return rng.choice((dropped, doubled, transposed, neighbouring_key, misheard))(person.last, rng)


def _with(
    part: Callable[[Person, Random], str], rest: Callable[[Person, Random], str]
) -> Callable[[Person, Random], str]:
    def ask(person: Person, rng: Random) -> str:
        text = part(person, rng)
        return f"{text} {rest(person, rng)}" if text else ""

    return ask


def _phone(person: Person, rng: Random) -> str:
    return person.other_phone


KINDS: dict[str, tuple[str, Callable[[Person, Random], str]]] = {
    "as kept": ("name", lambda person, rng: f"{person.first} {person.last}"),
    "swapped": ("name", lambda person, rng: f"{person.last}, {person.first}"),
    "capitals, decomposed": (
        "name",
        lambda person, rng: unicodedata.normalize("NFD", f"{person.first} {person.last}".upper()),
    ),
    "without accents": ("name", _without_accents),
    "beginnings": ("name", _beginnings),
    "apostrophe or hyphen": ("name", _joints),
    "letter dropped": ("name", _slip(dropped)),
    "letter doubled": ("name", _slip(doubled)),
    "letters swapped": ("name", _slip(transposed)),
    "neighbouring key": ("name", _slip(neighbouring_key)),
    "as heard": ("name", _slip(misheard)),
    "two mistakes": ("name", _slip(two_slips)),
    "mistake in the first name": ("name", _in_first_name),
    "surname, year": ("surname and year", lambda person, rng: f"{person.last} {person.dob.year}"),
    "misspelt surname, year": ("surname and year", _with(_latin_slip, lambda person, rng: str(person.dob.year))),
    "misspelt surname, date": ("person", _with(_latin_slip, _day)),
    "date of birth, first name": ("person", _with(_day, lambda person, rng: person.first)),
    "phone": ("person", _phone),
    "phone, extension": ("person", lambda person, rng: f"{person.other_phone} ext. {rng.randrange(1000)}"),
    "misspelt surname, phone": ("person", _with(_latin_slip, _phone)),
    "record number": ("person", lambda person, rng: person.mrn.lower()),
}
