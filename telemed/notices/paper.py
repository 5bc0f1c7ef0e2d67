"""Sheets that are printed: in letters that reach everybody who reads them, from the side where their language begins.

A sheet of Western European letters keeps the PDF's built-in Helvetica. Any other is set in DejaVu Sans, part of which
lies in `fonts/`: Latin, Greek, Cyrillic and Arabic letters, joined by HarfBuzz and ordered by UAX #9.
"""

import unicodedata
from collections.abc import Iterable
from importlib.resources import as_file, files
from typing import Final, Literal

from fpdf import FPDF
from fpdf.fonts import TTFFont

from telemed.pages.languages import RIGHT_TO_LEFT

Style = Literal["", "B"]

LEFT, RIGHT, TOP = 25.0, 20.0, 20.0
# Narrower than the page: printers and viewers put wider fonts in place of Helvetica, which is not embedded.
WIDTH: Final = 140.0
BUILT_IN, OWN = "Helvetica", "DejaVu"
FONTS: Final = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
# DejaVu is drawn larger than Helvetica of the same size.
SMALLER: Final = 0.9
MARKS: Final = str.maketrans({"\u2019": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2013": "-",
                              "\u2026": "..."})  # fmt: skip


class Paper(FPDF):
    """An A4 page on which lines are written one beneath the other. Its file properties name nobody."""

    def __init__(self, texts: Iterable[str], *, language: str) -> None:
        super().__init__(format="A4")
        self.set_lang(language)
        self.is_mirrored = language in RIGHT_TO_LEFT
        self._known: frozenset[int] | None = None
        if not all(map(is_western, texts)):
            self._known = self._take_own_font()
        self.set_margins(LEFT, TOP, RIGHT)

    @property
    def start(self) -> float:
        """Where a narrow column begins, from the left edge."""
        return self.w - RIGHT - WIDTH if self.is_mirrored else LEFT

    def put(
        self,
        text: str,
        *,
        size: float,
        style: Style = "",
        height: float,
        width: float = WIDTH,
        at: float | None = None,
        align: Literal["L", "R"] | None = None,
    ) -> None:
        """Write a paragraph, `at` from the left edge, where the language's lines begin; what follows stands beneath."""
        own = self._known is not None
        self.set_font(OWN if own else BUILT_IN, style, size * SMALLER if own else size)
        self.set_x(self.start if at is None else at)
        align = align or ("R" if self.is_mirrored else "L")
        self.multi_cell(width, height, self.printable(text), align=align, new_x="LMARGIN", new_y="NEXT")

    def printable(self, text: str) -> str:
        """The text in letters that this sheet's font has: of others the base letter stays, so that the post arrives."""
        if self._known is None:
            return text.translate(MARKS).encode("latin-1", "replace").decode("latin-1")
        return "".join(letter if ord(letter) in self._known else self._plain(letter) for letter in text)

    def _plain(self, letter: str) -> str:
        bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if ord(part) in (self._known or ()))
        return bare or "?"

    def _take_own_font(self) -> frozenset[int]:
        folder = files("telemed.notices") / "fonts"
        for style, name in FONTS.items():
            with as_file(folder / name) as path:
                self.add_font(OWN, style, path)
        self.set_text_shaping(True)
        font = self.fonts[OWN.lower()]
        assert isinstance(font, TTFFont)
        return frozenset(font.cmap)


def is_western(text: str) -> bool:
    """True for what the built-in fonts of a PDF can show: Western European letters and plain marks."""
    return all(ord(letter) < 256 for letter in text.translate(MARKS))
