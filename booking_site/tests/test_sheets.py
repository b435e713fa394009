"""No cell of a file is a formula, and every text comes back as it was written."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_site.core.sheets import as_written, safe_cell, write_rows

FORMULAS = [
    *("=1+1", "+49 30 5550", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0", '=HYPERLINK("//x")'),
    *("  =1", '"=1', "'=1", "' \"=1", "\u00a0=1", "\ufeff=1", "＝1", "＋1", "－1", "＠x", " \t1", "''=1"),
]
PLAIN = ["", "a=b", "x-1", "O'Brien", "'s-Hertogenbosch", '"Bo"', " a", "名", "1-2", "mail@x.example", "'n Kerk"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_a_text(text):
    assert safe_cell(text) == "'" + text
    assert as_written("'" + text) == text


@pytest.mark.parametrize("text", PLAIN)
def test_any_other_text_stays_as_it_is(text):
    assert safe_cell(text) == text
    assert as_written(text) == text


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell():
    values = [-1, 0.5, Decimal("-0.25"), True, None, date(2026, 11, 23)]
    [_, line] = write_rows(["n"] * 6, [values])
    assert line == '-1,0.5,-0.25,"True","","2026-11-23"\r\n'


def test_lines_come_one_at_a_time_and_headers_are_guarded_too():
    def endless():
        while True:
            yield ["=1", "a;=1", 'say "x"']

    lines = write_rows(["a", "=b", "c,d"], endless())
    assert next(lines) == 'a,\'=b,"c,d"\r\n'
    assert next(lines) == '"\'=1","a;=1","say ""x"""\r\n'


@given(
    st.lists(
        st.text(st.one_of(st.sampled_from("=+-@\t\r\n\"', ;"), st.characters(codec="utf-8", exclude_characters="\0")))
    )
)
def test_every_text_comes_back(texts):
    header = [f"c{number}" for number in range(len(texts))]
    written = "".join(write_rows(header, [texts]))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert [[as_written(cell) for cell in row] for row in rows[1:]] == [texts]
    starts = {cell.lstrip(" \"'\u00a0\ufeff")[:1] for cell in rows[1] if not cell.startswith("'")}
    assert not starts & set("=+-@\t\r\n")
