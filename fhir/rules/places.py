"""Line and column of what is wrong in the text that was sent. Looked for only then."""

from typing import Final

from fhir.spans import Span, items, members
from infra.problems import Place

MOST_BYTES: Final = 1_048_576
# Each step inwards scans what it steps into, so a deep text is scanned again and again: then the place stays further out.
MOST_SCANNED: Final = 4 * MOST_BYTES
MOST_ITEMS: Final = 5000


class Places:
    """The places in one text; the containers that were opened on the way are remembered."""

    def __init__(self, raw: bytes) -> None:
        self._text = raw.decode() if len(raw) <= MOST_BYTES else ""
        self._scanned = 0
        self._members: dict[int, dict[str, Span]] = {}
        self._items: dict[int, list[Span]] = {}

    def of(self, way: tuple[int | str, ...]) -> Place | None:
        """Where the value at the end of this way begins, or the nearest one around it that was found."""
        if not self._text:
            return None
        at = len(self._text) - len(self._text.lstrip())
        for step in way:
            found = self._step(at, step)
            if found is None:
                break
            at = found.start
        line_start = self._text.rfind("\n", 0, at) + 1
        return Place(self._text.count("\n", 0, at) + 1, at - line_start + 1)

    def _step(self, at: int, step: int | str) -> Span | None:
        opening = self._text[at]
        if isinstance(step, str) and opening == "{":
            if at not in self._members and self._may_scan():
                self._members[at] = members(self._text, at=at)
                self._count(at, list(self._members[at].values()))
            return self._members.get(at, {}).get(step)
        if isinstance(step, int) and opening == "[":
            if at not in self._items and self._may_scan():
                self._items[at] = items(self._text, at=at, most=MOST_ITEMS)
                self._count(at, self._items[at])
            held = self._items.get(at, [])
            return held[step] if step < len(held) else None
        return None

    def _may_scan(self) -> bool:
        return self._scanned < MOST_SCANNED

    def _count(self, at: int, spans: list[Span]) -> None:
        self._scanned += spans[-1].end - at if spans else 0
