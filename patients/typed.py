"""What somebody typed to find a patient, taken apart: dates, numbers, codes, e-mails and the words that are left."""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.translation import override

from booking_site.core.validators import EARLIEST_BIRTH

LONGEST = 200  # letters of a text that are read at all
# A date in figures; between its parts always the same sign. By spaces only with the year in full: phones have pairs.
FIGURES = re.compile(
    r"(?<![\d+])(\d{1,4})([-./])(\d{1,2})\2(\d{4}|\d{1,2})(?!\d)|(?<![\d+])(\d\d?) (\d\d?) ()(\d{4})(?!\d)"
)
DAY_MONTH = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.)?[ \-]*([^\W\d_]{3,})\.?,?[ \-]*(\d{4}|\d\d)(?!\d)")
MONTH_DAY = re.compile(r"(?<![^\W\d_])([^\W\d_]{3,})\.? *(\d{1,2})(?:st|nd|rd|th)?,? +(\d{4})(?!\d)")
YEAR = re.compile(r"(?<![\d+(./\-])(1[89]\d\d|20\d\d)(?![\d)./\-])")
EXTENSION = re.compile(r"(?<=\d)\s*(?:x|ext\.?)\s*\d{1,6}(?!\d)", re.IGNORECASE)
# Where they stand: first, or after a comma. One before a comma is a last name.
TITLES = re.compile(
    r"(^|,)(?:\s*(?:(?:mr|mrs|ms|miss|mx|dra?|doctor|doktor|prof|professor|herrn?|frau|fräulein|sra?|srta|mme|mlle)"
    r"(?![\w'’\-])\.?|m\.))+(?!\s*,)",
    re.IGNORECASE,
)
NUMBER = re.compile(r"[+(]{0,4}\d[\d ()./\-]*")


@dataclass(frozen=True, slots=True)
class Typed:
    """``dates``: the days of birth that it may mean; ``year``: of birth, where only that is given. ``numbers``: a phone
    or a record number each, as typed. ``codes``: words with digits, maybe record numbers. ``words``: the rest, without
    titles. ``titled``: the rest with them, where there are any: names may look so."""

    dates: tuple[date, ...] = ()
    year: int | None = None
    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    words: str = ""
    titled: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing but words."""
        return not (self.dates or self.year or self.numbers or self.codes or self.emails)


def read(text: str) -> Typed:
    """Take ``text`` apart. Whatever it is, there is no error."""
    text = clean(text)
    dates: list[date] = []

    def note(*days: date) -> str:
        dates.extend(day for day in days if day not in dates)
        return " "

    rest = DAY_MONTH.sub(
        lambda match: note(*_named(match[1], match[2], match[3])) if _month(match[2]) else match[0], text
    )
    rest = MONTH_DAY.sub(
        lambda match: note(*_named(match[2], match[1], match[3])) if _month(match[1]) else match[0], rest
    )
    rest = FIGURES.sub(lambda match: note(*days) if (days := _in_figures(match)) else match[0], rest)
    rest = EXTENSION.sub(" ", rest)
    emails = tuple(token for token in rest.split() if "@" in token and len(token) > 2)
    tokens = [token for token in rest.split() if token not in emails]
    codes = tuple(token for token in tokens if re.search(r"\d", token) and re.search(r"[^\W\d_]", token))
    rest = " ".join(token for token in tokens if token not in codes)
    year = None
    if re.search(r"[^\W\d_]", rest) and (match := YEAR.search(rest)) and int(match[1]) <= timezone.now().year:
        year = int(match[1])
        rest = f"{rest[: match.start()]} {rest[match.end() :]}"
    numbers = tuple(match[0].strip() for match in NUMBER.finditer(rest) if _digits(match[0]) >= 3 or not dates)
    if not dates and len(numbers) == 1 and not NUMBER.sub("", rest).strip():
        note(*_run_together(numbers[0]))
    words = NUMBER.sub(" ", rest).strip()
    plain = without_titles(words)
    return Typed(tuple(dates), year, numbers, codes[:4], emails[:2], plain, words if plain != words else "")


def without_titles(text: str) -> str:
    """``text`` without titles such as Mr and Frau; as it is, when it has no other words."""
    plain = TITLES.sub(r"\1 ", text).strip()
    return plain if re.search(r"[^\W\d_]", plain) else text


def clean(text: str) -> str:
    """Storable text with figures of every script as 0 to 9, single spaces, ``LONGEST`` letters at most."""
    text = unicodedata.normalize("NFKC", text[:LONGEST].encode("utf-8", "ignore").decode())[:LONGEST]
    letters = (str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)
    return " ".join("".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in letters).split())


def _digits(text: str) -> int:
    return sum(letter.isdigit() for letter in text)


def _in_figures(match: re.Match[str]) -> list[date]:
    first, second, third = match[1] or match[5], match[3] or match[6], match[4] or match[8]
    if len(first) == 4:
        return _days([(first, second, third)])
    if len(first) > 2 or len(third) in (1, 3):
        return []
    return _days([(third, second, first), (third, first, second)])


def _run_together(number: str) -> list[date]:
    """19800229, 29021980 and 02291980."""
    if not re.fullmatch(r"\d{8}", number):
        return []
    year_last = number[4:], number[2:4], number[:2]
    return _days([(number[:4], number[4:6], number[6:]), year_last, (year_last[0], year_last[2], year_last[1])])


def _named(day: str, name: str, year: str) -> list[date]:
    return _days([(year, str(_month(name)), day)])


def _month(name: str) -> int | None:
    """By the beginning of its name, three letters or more, in English or in the language of the page."""
    with override("en"):
        english = {number: str(month) for number, month in MONTHS.items()}
    for months in (english, MONTHS):
        begins = [number for number, month in months.items() if str(month).lower().startswith(name.lower())]
        if len(begins) == 1:
            return begins[0]
    return None


def _days(parts: list[tuple[str, str, str]]) -> list[date]:
    """Of years, months and days those dates on which somebody can be born. Of 80, both 1980 and 2080 are tried."""
    days: list[date] = []
    today = timezone.now().date()
    for year, month, day in parts:
        for full in (int(year),) if len(year) == 4 else (2000 + int(year), 1900 + int(year)):
            with suppress(ValueError):
                born = date(full, int(month), int(day))
                if EARLIEST_BIRTH <= born <= today and born not in days:
                    days.append(born)
    return days
