"""A rate as an operator writes it: `1000/second;30000/minute`, every part of which must hold."""

from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, parse_many

# A process takes so much of a window at once, so that counting costs a request next to nothing.
SHARE: Final = 20
LARGEST_BLOCK: Final = 100
LONGEST_HOLD: Final = 1.0
LONGEST_PAUSE: Final = 30


@dataclass(frozen=True, slots=True)
class Rate:
    """The windows that must all have room; none at all lets everything pass."""

    windows: tuple[RateLimitItem, ...]

    @property
    def block(self) -> int:
        """How many permits a process takes at once."""
        return max(1, min(LARGEST_BLOCK, min(window.amount for window in self.windows) // SHARE))

    @property
    def hold(self) -> float:
        """How many seconds a permit that was taken may lie unused."""
        return LONGEST_HOLD

    def pause(self, window: RateLimitItem) -> int:
        """How many seconds nobody asks again after a window was full: a twelfth of it, as some room is there then."""
        return max(1, min(LONGEST_PAUSE, window.get_expiry() // 12))


def rate(text: str) -> Rate:
    """The rate that a text means; `none` is no limit. ValueError where it means nothing."""
    if text.strip().lower() == "none":
        return Rate(())
    windows = tuple(parse_many(text))
    if not windows or any(window.amount < 1 for window in windows):
        raise ValueError(f"{text!r} is no rate; write for example 600/minute, several with a semicolon, or none.")
    return Rate(windows)
