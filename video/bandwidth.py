"""How much one participant's line carries down to it, from what it acknowledges. Pure: the caller says what time it is.

A simple relative of Google's congestion control (draft-ietf-rmcat-gcc): less at once when packets queue or many are
lost, slowly more while all is well and the line is used.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

START: Final = 2_000_000
LEAST: Final = 50_000
MOST: Final = 8_000_000
LEAST_FOR_LOSS: Final = 150_000
"""Loss without queueing is a bad radio link: sending less does not help it below this."""

QUEUE: Final = 0.1
"""Seconds of queueing from which a line counts as full."""

LOSS: Final = 0.10
CALM_LOSS: Final = 0.02
DOWN: Final = 0.85
UP_A_SECOND: Final = 1.08
DOWN_EVERY: Final = 0.3
WINDOW: Final = 1.0
BASE_WINDOW: Final = 15.0
RING: Final = 4096
FORGOTTEN: Final = -1, 0.0, 0


class Sent:
    """When the last 4096 packets left and how large they were, by their numbers."""

    def __init__(self) -> None:
        self.ring: list[tuple[int, float, int]] = [FORGOTTEN] * RING
        """Number, seconds, bytes."""

    def note(self, number: int, now: float, size: int) -> None:
        """A packet left."""
        self.ring[number % RING] = number, now, size


class Bandwidth:
    """The estimate for one participant, in bits a second; `sent` holds what left."""

    def __init__(self, sent: Sent) -> None:
        self.estimate = float(START)
        self.loss = 0.0
        self.queue = 0.0
        self._sent = sent
        self._acked: deque[tuple[float, int, int, int]] = deque()
        self._base = [float("inf"), float("inf")]
        self._base_since = 0.0
        self._changed = self._lowered = 0.0

    def limited(self, bits: int) -> None:
        """The receiver named a limit itself (REMB); for those who acknowledge nothing."""
        self.estimate = float(max(LEAST, min(MOST, bits)))

    def acknowledged(self, arrivals: Iterable[tuple[int, float | None]], now: float) -> None:
        """Take in a feedback message (`twcc.read`)."""
        ring = self._sent.ring
        total = lost = 0
        delays = []
        for number, when in arrivals:
            sent, left, size = ring[number % RING]
            if sent != number:
                continue
            if when is None:
                lost += 1
            else:
                ring[number % RING] = FORGOTTEN
                total += size
                delays.append(when - left)
        self._acked.append((now, total, len(delays), lost))
        while now - self._acked[0][0] > WINDOW:
            self._acked.popleft()
        if delays:
            self._measure(min(delays), sum(delays) / len(delays), now=now)
        self._adapt(now)

    @property
    def delivered(self) -> float:
        """Bits a second that came through lately."""
        return 8 * sum(size for _, size, _, _ in self._acked) / WINDOW

    def _measure(self, least: float, mean: float, *, now: float) -> None:
        # The smallest delay of the last 15 to 30 seconds is the line without a queue; clocks drift less than that.
        if now - self._base_since > BASE_WINDOW:
            self._base = [float("inf"), self._base[0]]
            self._base_since = now
        self._base[0] = min(self._base[0], least)
        self.queue = mean - min(self._base)

    def _adapt(self, now: float) -> None:
        came, lost = (sum(one[place] for one in self._acked) for place in (2, 3))
        self.loss = lost / (came + lost) if came + lost else 0.0
        elapsed = min(now - self._changed, 1.0) if self._changed else 0.0
        self._changed = now
        if self.queue > QUEUE:
            self._lower(max(LEAST, DOWN * min(self.delivered, self.estimate)), now)
        elif self.loss > LOSS:
            self._lower(max(LEAST_FOR_LOSS, self.estimate * (1 - 0.5 * self.loss)), now)
        elif self.loss < CALM_LOSS:
            ceiling = 1.5 * self.delivered + 100_000
            grown = min(self.estimate * UP_A_SECOND**elapsed, MOST)
            self.estimate = max(self.estimate, min(grown, ceiling)) if self.estimate < ceiling else self.estimate

    def _lower(self, to: float, now: float) -> None:
        if now - self._lowered >= DOWN_EVERY:
            self._lowered = now
            self.estimate = min(self.estimate, to)
