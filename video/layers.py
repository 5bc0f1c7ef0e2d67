"""Which layer of whose picture fits into a participant's line. Pure.

Sound first, then a small picture of everybody, then larger ones, the screen before faces: a document that can't be read
is worth nothing, a face in 320x180 is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from video.messages import Want

SOUND: Final = 60_000
"""Bits a second of one voice with its repetition and its headers."""

ROOM_TO_MOVE: Final = 1.1


@dataclass(frozen=True, slots=True)
class Picture:
    """What could be forwarded of one sender: bits a second of both layers; `low` is None where there is only one."""

    want: Want
    high: float
    low: float | None


class Hope:
    """When a larger picture is tried again on one line: after 5 seconds of calm, then after twice as long each time."""

    SHORTEST: Final = 5.0
    LONGEST: Final = 60.0

    def __init__(self) -> None:
        self._wait = self.SHORTEST
        self._from = 0.0

    def failed(self, now: float) -> None:
        """The line did not carry it."""
        self._from = now + self._wait
        self._wait = min(2 * self._wait, self.LONGEST)

    def allows(self, now: float) -> bool:
        """True when it may be tried."""
        return now >= self._from

    def held(self) -> None:
        """The line carries it."""
        self._wait = self.SHORTEST


def choose(pictures: Sequence[Picture], budget: float, *, voices: int) -> list[str | None]:
    """For each picture `h`, `l` or None, so that their sum fits; one without layers is always sent if it is wanted."""
    wanted = [picture.want is not Want.OFF for picture in pictures]
    # Who sends one picture alone is told to send less of it instead.
    chosen = ["h" if want and one.low is None else None for one, want in zip(pictures, wanted, strict=True)]
    left = budget - voices * SOUND - sum(one.high for one, key in zip(pictures, chosen, strict=True) if key)
    for place, picture in enumerate(pictures):
        if wanted[place] and picture.low is not None and picture.low * ROOM_TO_MOVE <= left:
            chosen[place] = "l"
            left -= picture.low
    for place, picture in enumerate(pictures):
        if chosen[place] == "l" and picture.want is Want.HIGH and picture.low is not None:
            more = picture.high * ROOM_TO_MOVE - picture.low
            if more <= left:
                chosen[place] = "h"
                left -= more
    return chosen
