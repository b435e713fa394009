"""Charts: the geometry of bars and lines says what the table says."""

from itertools import pairwise

import pytest
from django.utils.translation import override

from appointments.reports.charts import MOST_BARS, chart_of
from appointments.reports.figures import Column, Ratio, Row, Table
from appointments.reports.tally import course
from appointments.tests.reporting import WEEK


def table(*values, is_course=False) -> Table:
    rows = [Row(str(number), f"Row {number}", value) for number, value in enumerate(values)]
    columns = [Column(f"Figure {number}", (f"figure_{number}",)) for number in range(len(values[0]) if values else 1)]
    drawn = range(len(columns))
    return Table(key="t", title="T", head="", columns=columns, rows=rows, drawn=drawn, is_course=is_course)


def test_bars_are_as_long_as_their_figures():
    chart = chart_of(table((10,), (5,), (0,)))
    lengths = [bar.length for bar in chart.bars]
    assert lengths == [lengths[0], lengths[0] / 2, 0]
    assert [bar.text for bar in chart.bars] == ["10", "5", "0"]
    assert [tick.label for tick in chart.ticks] == ["0", "2", "4", "6", "8", "10"]
    assert chart.ticks[-1].at == chart.left + lengths[0] == chart.right


@pytest.mark.parametrize(
    ("figures", "last"),
    [
        ([Ratio(1, 3)], "40\u202f%"),
        ([Ratio(1, 1)], "100\u202f%"),
        ([Ratio(1, 1000)], "0.1\u202f%"),
        ([7], "8"),
        ([1], "1"),
        ([0], "1"),
        ([123_456], "150,000"),
        ([0.4], "1"),
    ],
)
def test_axis_ends_at_a_round_number_not_below_the_most(figures, last):
    chart = chart_of(table(*((figure,) for figure in figures)))
    assert chart.ticks[-1].label == last
    assert len(chart.ticks) <= 6
    assert chart.left + chart.bars[0].length <= chart.right + 0.01


def test_of_many_bars_those_with_most_cases_are_drawn_in_their_order_and_it_is_said():
    chart = chart_of(table(*((Ratio(1, 10 + number % 30),) for number in range(60))))
    assert len(chart.bars) == MOST_BARS
    labels = [int(bar.label.split()[1]) for bar in chart.bars]
    assert labels == sorted(labels)
    assert min(number % 30 for number in labels) == 17
    assert chart.note == "Drawn are the 25 largest of 60."


def test_few_cases_are_marked_in_words():
    chart = chart_of(table((Ratio(1, 4),), (Ratio(1, 5),)))
    assert [(bar.is_few, bar.text) for bar in chart.bars] == [(True, "25.0\u202f% *"), (False, "20.0\u202f%")]
    assert chart.note == "* of fewer than 5 cases"


def test_lines_break_where_there_is_no_figure():
    chart = chart_of(table((Ratio(1, 2), 3), (Ratio(0, 0), 3), (Ratio(2, 2), 0), is_course=True))
    first, second = chart.lines
    assert [len(piece) for piece in first.points] == [1, 1]
    assert [len(piece) for piece in second.points] == [3]
    assert (first.shape, second.shape) == ("circle", "square")
    assert first.marks[1][1] < first.marks[0][1]  # more is higher up
    assert [tick.label for tick in chart.below] == ["0", "1", "2"]


@pytest.mark.parametrize(("language", "first"), [("en", "2026-03-02"), ("de", "02.03.2026")])
def test_periods_are_named_by_their_first_day_as_people_write_it(language, first):
    with override(language):
        chart = chart_of(course({}, WEEK, [Column("", ("",))], lambda row: (1,), drawn=[0]))
    assert [tick.label for tick in chart.below] == [first]


@pytest.mark.parametrize(
    "names",
    [("Made", "Moved", "Cancelled"), ("Wartezeit, Median (Min.)", "90. Perzentil (Min.)"), ("i", "W" * 30, "i")],
)
def test_names_of_lines_stand_beside_each_other_without_touching(names):
    columns = [Column(name, (name,)) for name in names]
    chart = chart_of(course({}, WEEK, columns, lambda row: (1,) * len(names), drawn=range(len(names))))
    room = [after.legend_at - line.legend_at - 32 for line, after in pairwise(chart.lines)]
    assert all(width > 6.4 * len(name) for name, width in zip(names, room, strict=False))


def test_of_many_periods_some_are_named():
    chart = chart_of(table(*((number,) for number in range(366)), is_course=True))
    assert len(chart.lines[0].points[0]) == 366
    assert len(chart.below) == 8
    assert chart.lines[0].marks == []


def test_description_names_the_extremes():
    chart = chart_of(table((Ratio(1, 2),), (Ratio(1, 4),), (Ratio(0, 0),)))
    assert chart.description == ("Figure 0: least 25.0\u202f% (Row 1), most 50.0\u202f% (Row 0). The table has all.")


def test_nothing_to_draw():
    assert chart_of(table()) is None
    assert chart_of(table((None,), (None,))) is None
    assert chart_of(table((Ratio(0, 0),), is_course=True)) is None
