"""Limits against guessing that live in memory: per address and overall. The limit per code stands in the database."""

from collections import OrderedDict, deque
from datetime import timedelta

from infra.problems import TooMany
from infra.rates import network_of

# A care home or a practice shares one address; five people may each mistype four times.
ADDRESS_FAILURES = 20
ADDRESS_PERIOD = timedelta(minutes=10)
# Above this many failures a minute somebody guesses at scale; addresses without a failure of their own stay served.
OVERALL_FAILURES = 300
OVERALL_PERIOD = timedelta(minutes=1)
# Memory stays bounded however many addresses an attacker owns.
MOST_KEYS = 20_000


class TooManyAttempts(TooMany):
    """Too many attempts. Please wait ten minutes or call us."""


class SlidingWindow:
    """Counts events per key over a period; old events and the least recent keys are forgotten."""

    def __init__(self, *, limit: int, period: timedelta) -> None:
        self._limit = limit
        self._period = period.total_seconds()
        self._events: OrderedDict[str, deque[float]] = OrderedDict()

    def is_full(self, key: str, *, now: float) -> bool:
        """True when the key reached its limit within the period."""
        return self.count(key, now=now) >= self._limit

    def count(self, key: str, *, now: float) -> int:
        """How many events of the key lie within the period."""
        events = self._events.get(key, deque())
        while events and events[0] <= now - self._period:
            events.popleft()
        return len(events)

    def add(self, key: str, *, now: float) -> None:
        """Nothing; one more event of the key."""
        self._events.setdefault(key, deque(maxlen=self._limit)).append(now)
        self._events.move_to_end(key)
        if len(self._events) > MOST_KEYS:
            self._events.popitem(last=False)


class GuessingGuard:
    """Refuses addresses that guess at join codes. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._addresses = SlidingWindow(limit=ADDRESS_FAILURES, period=ADDRESS_PERIOD)
        self._overall = SlidingWindow(limit=OVERALL_FAILURES, period=OVERALL_PERIOD)

    def admit(self, address: str, *, now: float) -> None:
        """Nothing, or `TooManyAttempts`. Nobody can lock out an address that has not failed itself."""
        key = network_of(address)
        stormy = self._overall.is_full("", now=now) and self._addresses.count(key, now=now) > 0
        if stormy or self._addresses.is_full(key, now=now):
            raise TooManyAttempts(headers={"Retry-After": str(int(ADDRESS_PERIOD.total_seconds()))})

    def note_failure(self, address: str, *, now: float) -> None:
        """Nothing; the failure counts for the address and overall."""
        self._addresses.add(network_of(address), now=now)
        self._overall.add("", now=now)
