"""Charts as plain geometry, for the template that draws them as SVG. Whatever they show stands in a table beside them.

Lengths are in units of the drawing, which is scaled to the room that it has. Bars for things side by side, lines for a
course in time; several lines differ in their dashes and in the shape of their marks, not by colour alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from appointments.reports.figures import Ratio, Row, Table, Value, shown

WIDTH = 640
MOST_BARS = 25
ROW, BAR, LABELS, VALUES = 22, 14, 190, 90  # of bars: height of a row and of its bar, room for labels and values
TOP, HEIGHT, LEFT, RIGHT, BOTTOM = 30, 200, 50, 16, 46  # of lines: the room around them, and their own height
SHAPES = ("circle", "square", "triangle")
MOST_MARKS, LABELS_BELOW, LETTERS = 40, 8, 30
LETTER, MARK, GAP = 6.5, 32, 24  # of a legend: width of a letter on average, room for the mark, space to the next


class Tick(NamedTuple):
    at: float
    label: str


class Bar(NamedTuple):
    top: float
    middle: float
    length: float
    label: str
    text: str
    text_at: float
    is_few: bool


class Line(NamedTuple):
    name: str
    shape: str
    points: list[list[str]]  # of each unbroken piece; a period without a figure breaks the line
    marks: list[tuple[float, float]]
    legend_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    key: str
    title: Any
    description: str
    axis: Any
    height: float
    ticks: list[Tick]
    bars: list[Bar] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    below: list[Tick] = field(default_factory=list)
    note: str = ""
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: float = 0


def chart_of(table: Table) -> Chart | None:
    """None for a table with nothing to draw."""
    if not table.drawn or not any(_number(row.values[n]) is not None for row in table.rows for n in table.drawn):
        return None
    return _lines(table) if table.is_course else _bars(table)


def _number(value: Value) -> float | None:
    if isinstance(value, Ratio):
        return value.rate
    return float(value) if isinstance(value, (int, float)) else None


def _weight(row: Row, column: int) -> float:
    """How much a row matters where there is no room for all: its cases, or the figure itself."""
    value = row.values[column]
    return value.whole if isinstance(value, Ratio) else _number(value) or 0


def _scale(values: Sequence[float], is_rate: bool) -> tuple[float, list[tuple[float, str]]]:
    """The end of an axis from 0, and its ticks: at most six, at 1, 2 or 5 times a power of ten."""
    most = max(values, default=0) or (0.1 if is_rate else 1)
    step = 10 ** math.floor(math.log10(most / 5))
    step = next(step * factor for factor in (1, 2, 5, 10) if step * factor * 5 >= most * 0.999)
    if not is_rate:
        step = max(step, 1)
    count = math.ceil(most / step - 0.001)
    decimals = 1 if is_rate and step < 0.0099 else 0

    def label(at: float) -> str:
        if is_rate:
            return f"{number_format(round(100 * at, decimals), decimals)}\u202f%"
        return number_format(round(at), force_grouping=True)

    return step * count, [(step * n, label(step * n)) for n in range(count + 1)]


def _bars(table: Table) -> Chart:
    column = table.drawn[0]
    rows, note = list(table.rows), ""
    if len(rows) > MOST_BARS:
        most = sorted(rows, key=lambda row: -_weight(row, column))[:MOST_BARS]
        rows = [row for row in rows if row in most]
        note = _("Drawn are the %(drawn)d largest of %(all)d.") % {
            "drawn": len(rows),
            "all": len(table.rows),
        }
    numbers = [_number(row.values[column]) for row in rows]
    is_rate = any(isinstance(row.values[column], Ratio) for row in rows)
    end, ticks = _scale([number for number in numbers if number is not None], is_rate)
    room = WIDTH - LABELS - VALUES
    bottom = TOP + ROW * len(rows)
    bars = []
    for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        cell = shown(row.values[column], table.columns[column].nothing)
        length, top = room * (number or 0) / end, TOP + ROW * place + (ROW - BAR) / 2
        text = f"{cell.text} *" if cell.is_few else cell.text
        at = LABELS + length + 6
        bars.append(Bar(top, top + BAR / 2, length, _short(str(row.label)), text, at, cell.is_few))
    if any(bar.is_few for bar in bars):
        note = " ".join([note, _("* of fewer than 5 cases")]).strip()
    return Chart(
        key=table.key,
        title=table.title,
        description=_description(table),
        axis=table.axis,
        height=bottom + BOTTOM - 4,
        ticks=[Tick(LABELS + room * at / end, label) for at, label in ticks],
        bars=bars,
        note=note,
        left=LABELS,
        right=LABELS + room,
        bottom=bottom,
    )


def _lines(table: Table) -> Chart:
    numbers = {column: [_number(row.values[column]) for row in table.rows] for column in table.drawn}
    is_rate = any(isinstance(row.values[table.drawn[0]], Ratio) for row in table.rows)
    end, ticks = _scale([n for column in numbers.values() for n in column if n is not None], is_rate)
    bottom = TOP + HEIGHT
    between = (WIDTH - LEFT - RIGHT) / max(len(table.rows), 1)

    def at(place: int) -> float:
        return round(LEFT + between * (place + 0.5), 1)

    lines: list[Line] = []
    legend_at: float = LEFT
    for number, (column, values) in enumerate(numbers.items()):
        pieces: list[list[str]] = [[]]
        marks = []
        for place, value in enumerate(values):
            if value is None:
                pieces.append([])
                continue
            height = round(bottom - HEIGHT * value / end, 1)
            pieces[-1].append(f"{at(place)},{height}")
            if len(values) <= MOST_MARKS:
                marks.append((at(place), height))
        name = str(table.columns[column].label)
        lines.append(Line(name, SHAPES[number], [piece for piece in pieces if piece], marks, legend_at))
        legend_at += MARK + LETTER * len(name) + GAP
    every = math.ceil(len(table.rows) / LABELS_BELOW)
    below = [Tick(at(place), row.short or row.key) for place, row in enumerate(table.rows) if place % every == 0]
    return Chart(
        key=table.key,
        title=table.title,
        description=_description(table),
        axis=table.axis,
        height=bottom + BOTTOM,
        ticks=[Tick(bottom - HEIGHT * at_value / end, label) for at_value, label in ticks],
        lines=lines,
        below=below,
        bottom=bottom,
    )


def _description(table: Table) -> str:
    """What there is to see, in words: the extremes of what is drawn first."""
    column = table.drawn[0]
    known = [(number, row) for row in table.rows if (number := _number(row.values[column])) is not None]
    lowest, highest = min(known, key=lambda pair: pair[0]), max(known, key=lambda pair: pair[0])
    return _("%(figure)s: least %(least)s (%(where_least)s), most %(most)s (%(where_most)s). The table has all.") % {
        "figure": table.columns[column].label,
        "least": shown(lowest[1].values[column]).text,
        "where_least": lowest[1].label,
        "most": shown(highest[1].values[column]).text,
        "where_most": highest[1].label,
    }


def _short(label: str) -> str:
    return label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…"
