"""The figures of calls: what forwarding costs beside its floors and the library's own relay, and what waiting costs."""

import shutil
from statistics import median
from typing import Final

from tests.bench import bars, killed, unit, unit_relay, waiting
from tests.bench.figures import Figure, compared, limited, unmeasured

WHAT: Final = "a packet forwarded by the unit"


def run(*, calls: int = 12, seconds: float = 6.0, people: int = 2000, rounds: int = 3, kills: int = 5) -> list[Figure]:
    """The lines, the median of so many rounds; the floors and ours take turns."""
    found = [unit.run(calls, seconds=seconds) for _ in range(rounds)]
    ours = median(load.cost for load, _ in found)
    floor, bare = median(load.floor for load, _ in found), median(alone for _, alone in found)
    core = median(load.core for load, _ in found)
    load = f"{calls} calls of two at 1 Mbit/s on {100 * core:.0f} % of a core"
    waited = waiting.run(people, admitted=min(people, 100))
    return [
        compared(
            WHAT,
            ours=ours,
            against="decrypt, encrypt, send in a loop",
            other=floor,
            unit="us",
            note=load,
            bar=bars.FLOOR,
        ),
        compared(WHAT, ours=ours, against="receive, decrypt, encrypt, send", other=bare, unit="us", bar=bars.BARE),
        compared(
            WHAT,
            ours=ours,
            against="aiortc's relay, decoding",
            other=unit_relay.run(seconds=seconds),
            unit="us",
            bar=bars.RELAY,
        ),
        unmeasured(WHAT, against="Janus videoroom", why="there is no caller that speaks its protocol yet"),
        limited(f"memory of {people} people who wait", waited.megabytes, "MB", most=bars.WAITING),
        limited("from admit to notice, slowest hundredth", 1000 * waited.notice, "ms", most=bars.NOTICE),
        *_killed(kills),
    ]


def _killed(kills: int) -> list[Figure]:
    """The line about killed workers; none where none are to be killed."""
    what = "without new sound after a media worker was killed"
    if kills and not (shutil.which("redis-server") and shutil.which("chromium")):
        return [unmeasured(what, against="two pages", why="redis-server or chromium is not installed")]
    found = killed.run(kills) if kills else []
    return (
        [limited(f"{what}, worst of {len(found)}", max(found), "s", most=bars.KILLED, note=killed.told(found))]
        if found
        else []
    )
