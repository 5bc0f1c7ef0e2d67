"""The stretches of last update that are left to a search by all it says about `_lastUpdated`.

One after the other each is a stretch of the index on type and last update, so that nothing beside them is read.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from fhir.search.dates import EARLIEST, LATEST
from fhir.search.query import Bounds


def left(updated: Iterable[Sequence[Bounds]]) -> list[Bounds]:
    """The stretches that meet each of these ORs, without overlaps, the earliest first; everything if there is none."""
    found = [Bounds(None, None)]
    for either in updated:
        found = _apart(both for one in found for other in either if (both := _both(one, other)) is not None)
    return found


def _both(one: Bounds, other: Bounds) -> Bounds | None:
    """What two stretches have in common; None if that is nothing."""
    since = max((bound for bound in (one.since, other.since) if bound is not None), default=None)
    before = min((bound for bound in (one.before, other.before) if bound is not None), default=None)
    return Bounds(since, before) if since is None or before is None or since < before else None


def _apart(stretches: Iterable[Bounds]) -> list[Bounds]:
    """The same moments, in stretches that do not touch."""
    found: list[Bounds] = []
    for one in sorted(stretches, key=_start):
        if found and _start(one) <= _end(found[-1]):
            found[-1] = Bounds(found[-1].since, max(found[-1], one, key=_end).before)
        else:
            found.append(one)
    return found


def _start(bounds: Bounds) -> datetime:
    return bounds.since or EARLIEST


def _end(bounds: Bounds) -> datetime:
    return bounds.before or LATEST
