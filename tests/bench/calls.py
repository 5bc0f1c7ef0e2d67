"""The figures of calls: what forwarding costs beside its floors and two other forwarders, and what waiting costs."""

import asyncio
import shutil
from statistics import median
from typing import Final

from tests.bench import bars, joins, killed, unit, unit_janus, unit_relay, waiting
from tests.bench.figures import Figure, compared, limited, unmeasured
from tests.bench.unit import Load

WHAT: Final = "a packet forwarded by the unit"


def run(
    *,
    calls: int = 12,
    many: int = bars.CONSULTATIONS,
    seconds: float = 6.0,
    people: int = 2000,
    rounds: int = 3,
    times: int = joins.TIMES,
    kills: int = 5,
) -> list[Figure]:
    """The lines, the median of so many rounds; the floors, Janus and ours take turns."""
    found, theirs = list[tuple[Load, float]](), list[Figure | float]()
    for _ in range(rounds):
        found.append(unit.run(calls, seconds=seconds))
        theirs.append(_janus(calls, seconds=seconds))
    ours = median(load.cost for load, _ in found)
    floor, bare = median(load.floor for load, _ in found), median(alone for _, alone in found)
    return [
        compared(
            WHAT,
            ours=ours,
            against="decrypt, encrypt, send in a loop",
            other=floor,
            unit="us",
            note=str(found[-1][0]),
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
        *_beside_janus(ours, theirs),
        _delay(unit.alone(many, seconds=seconds)),
        *_waiting(people),
        *joins.figures(asyncio.run(joins.measure(times))),
        *_killed(kills),
    ]


def _janus(calls: int, *, seconds: float) -> Figure | float:
    try:
        return unit_janus.run(calls, seconds=seconds)
    except unit_janus.MissingError as missing:
        return unmeasured(WHAT, against="Janus videoroom", why=str(missing))


def _beside_janus(ours: float, theirs: list[Figure | float]) -> list[Figure]:
    measured = [one for one in theirs if isinstance(one, float)]
    if not measured:
        return [one for one in theirs[:1] if isinstance(one, Figure)]
    return [
        compared(WHAT, ours=ours, against="Janus videoroom", other=median(measured), unit="us", bar=bars.JANUS),
    ]


def _delay(load: Load) -> Figure:
    what = f"delay that the unit adds to {load.calls} calls on one core, slowest hundredth"
    return limited(what, 1000 * load.driven.late, "ms", most=bars.DELAY, note=str(load))


def _waiting(people: int) -> list[Figure]:
    waited = waiting.run(people, admitted=min(people, 100))
    return [
        limited(f"memory of {people} people who wait", waited.megabytes, "MB", most=bars.WAITING),
        limited("from admit to notice, slowest hundredth", 1000 * waited.notice, "ms", most=bars.NOTICE),
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
