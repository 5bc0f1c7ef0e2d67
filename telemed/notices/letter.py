"""The letter: address window (DIN 5008 B), date and time, QR code, short address and code. One page, large print."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import urlsplit

import segno
from fpdf import FPDF

from telemed.notices.content import Content, Method
from telemed.notices.wording import Words

MODULE = 1.4  # millimetres; a QR code of version 3 is then about 5 cm wide, for old phones
# Narrower than the page: printers and viewers put wider fonts in place of Helvetica, which is not embedded.
WIDTH = 140.0
# Letters that Unicode does not take apart into a base letter and an accent.
PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ı": "i", "đ": "d", "Đ": "D", "ħ": "h", "ŋ": "n", "\u2019": "'",
                       "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2013": "-", "\u2026": "..."})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on a letter beside its words: to whom, when it was made, and the code, if it carries one."""

    to: tuple[str, ...]
    made: datetime
    code: str


def letter(content: Content, *, words: Words, link: str) -> bytes:
    """The letter as PDF. Its file properties name nobody."""
    code = content.code if content.method is Method.REQUEST else ""
    return drawn(Sheet((content.name, *content.address), content.made, code), words=words, link=link)


def drawn(sheet: Sheet, *, words: Words, link: str) -> bytes:
    """The sheet as PDF. Its file properties name nobody."""
    page = FPDF(format="A4")
    page.set_compression(False)
    page.set_title(words.subject)
    page.set_creation_date(sheet.made)
    page.set_margins(25, 20, 20)
    page.add_page()
    page.set_y(50)
    for line in sheet.to:
        _line(page, line, size=11, height=5.5)
    page.set_y(100)
    _line(page, words.subject, size=16, style="B")
    _line(page, words.greeting)
    for paragraph in words.paragraphs:
        _line(page, paragraph)
    if sheet.code:
        _entrance(page, words, code=sheet.code, link=link)
    _line(page, words.help, size=11)
    return bytes(page.output())


def _entrance(page: FPDF, words: Words, *, code: str, link: str) -> None:
    parts = urlsplit(link)
    top = page.get_y() + 2
    side = _qr(page, link, left=25, top=top)
    page.set_xy(25 + side + 8, top)
    page.set_font("Helvetica", size=12)
    page.multi_cell(WIDTH - side - 8, 6.5, printable(words.short_way), align="L", new_x="LEFT", new_y="NEXT")
    page.set_font("Helvetica", "B", 16)
    page.multi_cell(
        WIDTH - side - 8, 8, printable(f"{parts.netloc}{parts.path}"), align="L", new_x="LEFT", new_y="NEXT"
    )
    page.set_font("Courier", "B", 20)
    page.cell(text=code, new_x="LEFT", new_y="NEXT", h=12)
    page.set_xy(25, max(top + side, page.get_y()) + 6)


def _qr(page: FPDF, link: str, *, left: float, top: float) -> float:
    # Drawn as squares: sharp at any size, and nothing to embed.
    matrix = _matrix(link)
    page.set_fill_color(0)
    for row, modules in enumerate(matrix):
        for column, dark in enumerate(modules):
            if dark:
                page.rect(left + column * MODULE, top + row * MODULE, MODULE, MODULE, style="F")
    return len(matrix) * MODULE


@cache
def _matrix(link: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in segno.make_qr(link, error="m").matrix)


def _line(page: FPDF, text: str, *, size: int = 12, style: str = "", height: float = 6.5) -> None:
    page.set_font("Helvetica", style, size)
    page.multi_cell(WIDTH, height, printable(text), align="L", new_x="LMARGIN", new_y="NEXT")
    if height > 6:
        page.ln(3)


def printable(text: str) -> str:
    """The text in letters that the PDF's built-in fonts have."""
    # The PDF's built-in fonts know Western European letters; of others the base letter stays, so the post arrives.
    out = []
    for letter in text.translate(PLAIN):
        if letter.encode("latin-1", "ignore"):
            out.append(letter)
        else:
            bare = unicodedata.normalize("NFKD", letter).encode("latin-1", "ignore").decode("latin-1")
            out.append(bare or "?")
    return "".join(out)
