"""What a report is made of: tables of figures, each of them fit for a page, a chart and a file alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from appointments.reports.choice import Choice
from booking_site.core.wallclock import day_label

FEW = 5  # cases; a rate of fewer is shown, but marked: one person more or less would change it by a quarter


class Ratio(NamedTuple):
    """``part`` of ``whole`` cases."""

    part: int
    whole: int

    @property
    def rate(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def is_few(self) -> bool:
        return 0 < self.whole < FEW


Value = Ratio | int | float | date | str | None


class Column(NamedTuple):
    """``names``: its columns in a file; three for ratios (part, whole, rate), else one. ``nothing``: what people are
    told where there is no value. ``is_text``: no figures."""

    label: Any
    names: tuple[str, ...]
    nothing: Any = "–"
    is_text: bool = False


class Row(NamedTuple):
    """``key``: what the row is about, for programs; ``label``: the same for people, ``short`` where room is little (the
    key, if not given); a value for each column."""

    key: str
    label: Any
    values: tuple[Value, ...]
    short: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """``key`` names it in files. ``drawn``: columns to draw beside it, as lines for a course in time; else the first of
    them, as bars. ``axis`` says what they count."""

    key: str
    title: Any
    head: Any  # of the first column
    columns: Sequence[Column]
    rows: Sequence[Row]
    drawn: Sequence[int] = ()
    axis: Any = ""
    is_course: bool = False


class Report(NamedTuple):
    """``definitions``: (figure, how it is counted), shown on the page. ``has_period``: not those that tell of now."""

    key: str
    title: Any
    definitions: Sequence[tuple[Any, Any]]
    tables: Callable[[Choice], list[Table]]
    has_period: bool = True
    has_step: bool = True
    has_threshold: bool = False


class Shown(NamedTuple):
    """A value as people read it."""

    text: str
    counts: str = ""
    is_few: bool = False


def shown(value: Value, nothing: Any = "–") -> Shown:
    """``21.0 %`` with ``15,782 of 75,283``; ``nothing`` where there is nothing to tell."""
    if isinstance(value, Ratio):
        counts = _("%(part)s of %(whole)s") % {
            "part": number_format(value.part, force_grouping=True),
            "whole": number_format(value.whole, force_grouping=True),
        }
        return Shown(str(nothing) if value.rate is None else percent(value.rate), counts, value.is_few)
    if value is None:
        return Shown(str(nothing))
    if isinstance(value, date):
        return Shown(day_label(value))
    if isinstance(value, float):
        return Shown(number_format(round(value, 1), 1, force_grouping=True))
    return Shown(number_format(value, force_grouping=True) if isinstance(value, int) else value)


def percent(rate: float) -> str:
    return f"{number_format(round(100 * rate, 1), 1)}\u202f%"
