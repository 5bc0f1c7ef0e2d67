"""Printed pages as somebody reads them: PDFium draws them and says which letters stand where."""

from dataclasses import dataclass
from typing import Final

import pypdfium2
from PIL import Image

SCALE: Final = 3
"""Dots of the picture for each point."""


@dataclass(frozen=True)
class Printed:
    """A PDF of one page: its text, its picture, and where a piece of text begins and ends."""

    pages: int
    text: str
    picture: Image.Image
    _pdf: pypdfium2.PdfDocument

    def edges(self, words: str) -> tuple[float, float]:
        """How far from the left edge these words begin and end, in points."""
        page = self._pdf[0].get_textpage()
        start = page.get_text_range().index(words)
        boxes = [page.get_charbox(start + n) for n in range(len(words))]
        return min(box[0] for box in boxes), max(box[2] for box in boxes)


def read(pdf: bytes) -> Printed:
    """What a viewer makes of the file."""
    document = pypdfium2.PdfDocument(pdf)
    text = document[0].get_textpage().get_text_range()
    return Printed(len(document), text, document[0].render(scale=SCALE).to_pil(), document)
