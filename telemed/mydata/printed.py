"""The own record on paper: the same chapters as on the page, in letters that a printer has."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from telemed.mydata.export import Chapter, Readable
from telemed.notices.paper import LEFT, RIGHT, Paper, Style
from telemed.pages.languages import N_, translate
from telemed.pages.times import day_and_time, short_day

TITLE: Final = N_("Your record")
MADE: Final = N_("Made on %(moment)s. The file in FHIR format has more: every code and every reference.")
HEIGHT: Final = 5.5


def printed(chapters: Sequence[Chapter], *, language: str, made: datetime) -> bytes:
    """The record as PDF. Its file properties name nobody."""
    title = translate(language, TITLE)
    about = translate(language, MADE) % {"moment": day_and_time(made, language=language)}
    page = Paper((title, about, *_texts(chapters)), language=language)
    page.set_title(title)
    page.set_creation_date(made)
    page.add_page()
    _line(page, title, size=18, style="B")
    _line(page, about, size=10)
    for chapter in chapters:
        page.ln(4)
        _line(page, chapter.title, size=14, style="B")
        for entry in chapter.entries:
            _entry(page, entry, language=language)
    return bytes(page.output())


def _texts(chapters: Sequence[Chapter]) -> Iterator[str]:
    for chapter in chapters:
        yield chapter.title
        for entry in chapter.entries:
            yield from (entry.title, entry.status, *entry.lines)


def _entry(page: Paper, entry: Readable, *, language: str) -> None:
    day = short_day(entry.day, language=language) if entry.day else ""
    _line(page, " - ".join(filter(None, (day, entry.title, entry.status))), size=11, style="B")
    for line in entry.lines:
        _line(page, line, size=11)
    page.ln(1.5)


def _line(page: Paper, text: str, *, size: int, style: Style = "") -> None:
    height = HEIGHT if size < 14 else HEIGHT * 1.5
    page.put(text, size=size, style=style, height=height, width=page.w - LEFT - RIGHT, at=LEFT)
