"""The slip as a PDF file: one page, readable in black and white, with the calendar file attached.

Names are set in the font of their script, joined and ordered as it wants. Which fonts a slip needs is found by the
characters in it, so that a slip costs the reading of one or two.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from appointments.calendar_file import calendar_file
from appointments.slips import Slip

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = Path(__file__).parent / "fonts"
MAIN, BOLD = FONTS / "NotoSans-Regular.ttf", FONTS / "NotoSans-Bold.ttf"
MARGIN = 12  # mm
A5, A4 = (148, 210), (210, 297)  # mm
TRIES = ((A5, 10.0), (A5, 8.5), (A4, 10.0), (A4, 8.0))  # paper and size of letters (points): the first that fits
LINE = 0.5  # mm of height a point
GREY, BLACK = 90, 0


def slip_pdf(slip: Slip) -> bytes:
    """The PDF file. More than one page only where the instructions fill more than a sheet of A4."""
    for paper, size in TRIES:
        pdf = _drawn(slip, paper, size)
        if pdf.pages_count == 1:
            break
    return bytes(pdf.output())


def _drawn(slip: Slip, paper: tuple[int, int], size: float) -> "FPDF":
    from fpdf import FPDF  # takes a second: nobody waits for it who prints nothing

    pdf = FPDF(format=paper)
    pdf.str_alias_nb_pages = ""  # a text is a text, whatever it looks like
    pdf.set_margins(MARGIN, MARGIN)
    pdf.set_auto_page_break(True, MARGIN)
    pdf.set_lang(get_language() or "en")
    pdf.set_title(_("Appointment %(number)s") % {"number": slip.number})
    pdf.set_creation_date(slip.changed_at)
    _set_fonts(pdf, slip)
    pdf.add_page()
    _Sheet(pdf, size).draw(slip)
    pdf.embed_file(
        bytes=calendar_file(slip),
        basename=f"{slip.file_name}.ics",
        mime_type="text/calendar",
        desc=_("The appointment for your calendar"),
        modification_date=slip.changed_at,
        compress=True,
    )
    return pdf


class _Sheet:
    """One slip on paper, from top to bottom."""

    def __init__(self, pdf: "FPDF", size: float) -> None:
        self.pdf, self.size = pdf, size
        self.labels = pdf.epw * 0.24

    def draw(self, slip: Slip) -> None:
        self.text(_("Appointment %(number)s") % {"number": slip.number}, grey=True)
        if slip.notice:
            self.text(slip.notice, scale=1.3, bold=True, border="TRBL")
        self.text(slip.patient, scale=1.7, bold=True)
        born = _("born %(date)s") % {"date": slip.born.isoformat()} if slip.born else ""
        record = _("record number %(number)s") % {"number": slip.record_number} if slip.record_number else ""
        self.text(", ".join(text for text in (born, record) if text))
        self.rule()
        self.text(slip.day, scale=1.7, bold=True)
        if slip.clock:
            self.text(slip.clock, scale=2.4, bold=True)
            self.text(_("by the clock of %(zone)s") % {"zone": slip.zone}, grey=True)
        self.rule()
        self.row(_("With"), ", ".join(text for text in (slip.doctor, slip.specialization) if text))
        self.row(_("For"), ", ".join(text for text in (slip.visit_type, slip.length) if text))
        self.row(_("Where"), slip.place)
        if slip.instructions:
            self.row(_("Please note"), slip.instructions)
        self.row(_("Please bring"), "\n".join(f"– {thing}" for thing in slip.bring))
        self.rule()
        self.text(slip.to_change)
        self.text(_("Printed %(moment)s") % {"moment": slip.printed}, scale=0.8, grey=True)

    def text(self, text: str, *, scale: float = 1.0, bold: bool = False, grey: bool = False, border: str = "") -> None:
        if not text:
            return
        size = self.size * scale
        self.pdf.set_font("main", "B" if bold else "", size)
        self.pdf.set_text_color(GREY if grey else BLACK)
        self.pdf.multi_cell(0, size * LINE, text, align="L", border=border, new_x="LMARGIN", new_y="NEXT")

    def row(self, label: str, text: str) -> None:
        """A label, and what it labels beside it, however many lines that takes."""
        pdf = self.pdf
        pdf.set_font("main", "", self.size)
        pdf.set_text_color(GREY)
        pdf.cell(self.labels, self.size * LINE, label)
        pdf.set_left_margin(MARGIN + self.labels)
        pdf.set_x(MARGIN + self.labels)
        self.text(text)
        pdf.set_left_margin(MARGIN)
        pdf.set_xy(MARGIN, pdf.get_y() + self.size * LINE * 0.3)

    def rule(self) -> None:
        y = self.pdf.get_y() + self.size * LINE * 0.6
        self.pdf.set_draw_color(GREY)
        self.pdf.line(MARGIN, y, MARGIN + self.pdf.epw, y)
        self.pdf.set_y(y + self.size * LINE * 0.6)


# --- fonts ---------------------------------------------------------------------------------------------------


def _set_fonts(pdf: "FPDF", slip: Slip) -> None:
    pdf.add_font("main", "", MAIN)
    pdf.add_font("main", "B", BOLD)
    fonts = fonts_for(_all_of(slip))
    for font in fonts:
        pdf.add_font(font.stem, "", font)
    pdf.set_fallback_fonts([font.stem for font in fonts], exact_match=False)
    pdf.set_text_shaping(True)


def _all_of(slip: Slip) -> str:
    texts = [slip.notice, slip.patient, slip.record_number, slip.doctor, slip.specialization, slip.visit_type]
    return "\n".join([*texts, slip.place, slip.day, slip.instructions, slip.to_change, *slip.bring])


def fonts_for(text: str) -> list[Path]:
    """The fonts beside the main one that this text needs. Characters that none has are printed as boxes."""
    missing = {ord(character) for character in text} - _characters(MAIN)
    needed = []
    for font in _others():
        if found := missing & _characters(font):
            needed.append(font)
            missing -= found
    return needed


@cache
def _others() -> tuple[Path, ...]:
    """From the smallest on: the largest, for Chinese, Japanese and Korean, is opened for these only."""
    others = (font for font in FONTS.glob("*.ttf") if font not in (MAIN, BOLD))
    return tuple(sorted(others, key=lambda font: (font.stat().st_size, font.name)))


@cache
def _characters(font: Path) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(font, lazy=True) as opened:
        return frozenset(opened.getBestCmap())
