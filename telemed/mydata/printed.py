"""The own record on paper: the same chapters as on the page, in letters that a printer has."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fpdf import FPDF

from telemed.mydata.export import Chapter, Readable
from telemed.notices.letter import printable
from telemed.pages.languages import N_, translate
from telemed.pages.times import day_and_time, short_day

TITLE: Final = N_("Your record")
MADE: Final = N_("Made on %(moment)s. The file in FHIR format has more: every code and every reference.")
MARGIN: Final = 20
HEIGHT: Final = 5.5


def printed(chapters: Sequence[Chapter], *, language: str, made: datetime) -> bytes:
    """The record as PDF. Its file properties name nobody."""
    page = FPDF(format="A4")
    page.set_title(printable(translate(language, TITLE)))
    page.set_lang(language)
    page.set_creation_date(made)
    page.set_margins(MARGIN, MARGIN, MARGIN)
    page.add_page()
    _line(page, translate(language, TITLE), size=18, style="B")
    _line(page, translate(language, MADE) % {"moment": day_and_time(made, language=language)}, size=10)
    for chapter in chapters:
        page.ln(4)
        _line(page, chapter.title, size=14, style="B")
        for entry in chapter.entries:
            _entry(page, entry, language=language)
    return bytes(page.output())


def _entry(page: FPDF, entry: Readable, *, language: str) -> None:
    day = short_day(entry.day, language=language) if entry.day else ""
    _line(page, " - ".join(filter(None, (day, entry.title, entry.status))), size=11, style="B")
    for line in entry.lines:
        _line(page, line, size=11)
    page.ln(1.5)


def _line(page: FPDF, text: str, *, size: int, style: str = "") -> None:
    page.set_font("Helvetica", style, size)
    page.multi_cell(0, HEIGHT if size < 14 else HEIGHT * 1.5, printable(text), align="L", new_x="LMARGIN", new_y="NEXT")
