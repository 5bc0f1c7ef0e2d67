"""The letter: address window (DIN 5008 B), date and time, QR code, short address and code. One page, large print."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import urlsplit

import segno

from telemed.notices.content import Content, Method
from telemed.notices.paper import LEFT, WIDTH, Paper, Style
from telemed.notices.wording import Words

MODULE = 1.4  # millimetres; a QR code of version 3 is then about 5 cm wide, for old phones
GAP = 8.0
BOTTOM = 12.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on a letter beside its words: to whom, when it was made, and the code, if it carries one."""

    to: tuple[str, ...]
    made: datetime
    code: str
    language: str


def letter(content: Content, *, words: Words, link: str) -> bytes:
    """The letter as PDF. Its file properties name nobody."""
    code = content.code if content.method is Method.REQUEST else ""
    sheet = Sheet((content.name, *content.address), content.made, code, content.language)
    return drawn(sheet, words=words, link=link)


def drawn(sheet: Sheet, *, words: Words, link: str) -> bytes:
    """The sheet as PDF. Its file properties name nobody."""
    said = (words.subject, words.greeting, *words.paragraphs, words.short_way, words.last, words.help, words.unreviewed)
    page = Paper((*sheet.to, *said), language=sheet.language)
    page.set_compression(False)
    page.set_title(words.subject)
    page.set_creation_date(sheet.made)
    page.add_page()
    page.set_auto_page_break(auto=True, margin=BOTTOM)
    if words.sender:
        page.set_y(45)
        page.put(words.sender, size=8, height=4, at=LEFT, align="L")
    page.set_y(50)
    for line in sheet.to:  # the window is on the left, whatever the language
        page.put(line, size=11, height=5.5, at=LEFT, align="L")
    page.set_y(100)
    _line(page, words.subject, size=16, style="B")
    _line(page, words.greeting)
    for paragraph in words.paragraphs:
        _line(page, paragraph)
    if sheet.code:
        _entrance(page, words, code=sheet.code, link=link)
    for text, size in ((words.last, 11), (words.help, 11), (words.unreviewed, 9)):
        if text:
            _line(page, text, size=size)
    return bytes(page.output())


def _entrance(page: Paper, words: Words, *, code: str, link: str) -> None:
    parts, top, size = urlsplit(link), page.get_y() + 2, len(_matrix(link)) * MODULE
    beside = WIDTH - size - GAP
    # The picture stands where a line begins, the words where it goes on.
    picture, text = (page.start + beside + GAP, page.start) if page.is_mirrored else (LEFT, LEFT + size + GAP)
    _qr(page, link, left=picture, top=top)
    page.set_y(top)
    page.put(words.short_way, size=12, height=6.5, width=beside, at=text)
    page.put(f"{parts.netloc}{parts.path}", size=16, style="B", height=8, width=beside, at=text)
    page.set_font("Courier", "B", 20)
    page.set_x(text)
    page.cell(w=beside, text=code, new_x="LEFT", new_y="NEXT", h=12, align="R" if page.is_mirrored else "L")
    page.set_y(max(top + size, page.get_y()) + 6)


def _qr(page: Paper, link: str, *, left: float, top: float) -> None:
    # Drawn as squares: sharp at any size, and nothing to embed.
    page.set_fill_color(0)
    for row, modules in enumerate(_matrix(link)):
        for column, dark in enumerate(modules):
            if dark:
                page.rect(left + column * MODULE, top + row * MODULE, MODULE, MODULE, style="F")


@cache
def _matrix(link: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in segno.make_qr(link, error="m").matrix)


def _line(page: Paper, text: str, *, size: int = 12, style: Style = "") -> None:
    page.put(text, size=size, style=style, height=6.5)
    page.ln(2.5)
