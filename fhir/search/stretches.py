"""Which tokens serve conditions on dates: the calendar buckets of the time that a hit must touch."""

from collections.abc import Iterator, Sequence
from itertools import product

from fhir.search import dates, indexing
from fhir.search.conditions import Condition, Moment, Prefix, Value
from fhir.search.definitions import Parameter
from fhir.search.parameters import COVERS, WITHIN, Token
from fhir.search.sets import MOST, Asked, Rank


def asked_days(conditions: Sequence[Condition], parameter: Parameter | None) -> list[str]:
    """The single days that the conditions on a parameter leave; none if they are many."""
    if parameter is None:
        return []
    asked = [condition for condition in conditions if condition.parameter.name == parameter.name]
    stretches = [_stretch(condition.values[0]) for condition in asked if len(condition.values) == 1]
    merged = _merged([stretch for stretch in stretches if stretch is not None])
    if merged is None:
        return []
    days = dates.days(merged)
    return dates.each_day(days) if (days.last - days.first).days < dates.DAYS_APART else []


def dated(type: str, conditions: Sequence[Condition], parameter: Parameter) -> Iterator[Asked]:
    """The sets that the conditions on one parameter ask for: one for all that name a single value, one for each other."""
    names = indexing.asked(type, parameter.name)
    if not names:
        return
    single: list[dates.Interval] = []
    several: list[list[dates.Interval]] = []
    for condition in conditions:
        stretches = [stretch for value in condition.values if (stretch := _stretch(value)) is not None]
        if len(stretches) < len(condition.values):
            continue  # one of them is anywhere
        if len(stretches) == 1:
            single += stretches
        else:
            several.append(stretches)
    # The index holds one stretch for each name: what touches all of these touches what they have in common.
    merged = _merged(single) if len(names) == 1 else None
    several += [[merged]] if merged is not None else [[stretch] for stretch in single]
    for either in several:
        found: set[Token] = set()
        for stretch, name in product(dict.fromkeys(either), names):
            found.update(_overlapping(type, name, stretch, is_instant=parameter.instant))
            if len(found) > MOST:  # too many to be asked: the rest need not be made
                break
        length = max(stretch.end - stretch.start for stretch in either).days
        rank = Rank.DAYS if length <= dates.DAYS_APART else Rank.MONTHS
        yield Asked(rank, frozenset(found), parameter.instant and all(map(dates.is_of_days, either)))


def prove(conditions: Sequence[Condition], sets: Sequence[Asked]) -> bool:
    """Whether a single instant that has a token of each set meets all conditions on it."""
    is_whole = all(_stretch(value) is not None for condition in conditions for value in condition.values)
    return is_whole and bool(sets) and all(one.is_exact and len(one.tokens) <= MOST for one in sets)


def _overlapping(type: str, name: str, stretch: dates.Interval, *, is_instant: bool) -> Iterator[Token]:
    for bucket in dates.cover(dates.days(stretch)):
        yield name, type, WITHIN, bucket
        if not is_instant:  # which covers no day
            for larger in dates.above(bucket):
                yield name, type, COVERS, larger


def _stretch(value: Value) -> dates.Interval | None:
    """The time that a hit must touch, whatever the prefix says beyond that; None if it can be any."""
    assert isinstance(value, Moment)
    match value.prefix:
        case Prefix.EQ:
            return value.interval
        case Prefix.AP:
            return dates.around(value.interval)
        case Prefix.GE:
            return dates.Interval(value.interval.start, dates.LATEST)
        case Prefix.GT | Prefix.SA:
            return dates.Interval(value.interval.end, dates.LATEST)
        case Prefix.LE:
            return dates.Interval(dates.EARLIEST, value.interval.end)
        case Prefix.LT | Prefix.EB:
            return dates.Interval(dates.EARLIEST, value.interval.start)
        case Prefix.NE:
            return None


def _merged(stretches: Sequence[dates.Interval]) -> dates.Interval | None:
    """What all have in common; None if that is nothing."""
    if not stretches:
        return None
    start, end = max(part.start for part in stretches), min(part.end for part in stretches)
    return dates.Interval(start, end) if start < end else None
