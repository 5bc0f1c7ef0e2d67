"""Which tokens a query asks the index for: an AND of ORs that loses no hit, though it may find too much."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from fhir.search import dates
from fhir.search.conditions import Beginning, Condition, Exactly, Moment, Prefix, Target, TokenValue
from fhir.search.definitions import Index, Kind, Parameter, TypeParameters
from fhir.search.parameters import (
    CODE,
    COVERS,
    EXACT,
    LONG,
    OF,
    ON,
    STARTS,
    SYSTEM_AND_CODE,
    TO,
    WITHIN,
    Token,
)
from fhir.search.strings import LONGEST_PREFIX, SHORTEST_PREFIX

MOST: Final = 500  # tokens in one set; a condition that needs more is left to the exact check

TokenSet = frozenset[Token]


@dataclass(frozen=True, slots=True)
class Lookup:
    """The sets of tokens to intersect (a hit has one of each), and whether they alone decide."""

    sets: tuple[TokenSet, ...]
    decided: bool


def lookup(type: str, conditions: Sequence[Condition], *, table: TypeParameters) -> Lookup:
    """What to ask the index for; no sets if it can't help, `decided` if no candidate can fail the exact check."""
    refs = _anchor_references(conditions, table)
    stretch = _asked_days(conditions, table.date)
    days = dates.each_day(stretch) if stretch and (stretch.last - stretch.first).days < dates.DAYS_APART else []
    found: list[TokenSet] = []
    decided = True
    for condition in conditions:
        if condition.parameter.kind is Kind.DATE:
            decided = False
            continue
        compound = condition.parameter.index is Index.COMPOUND
        asked = _compound(type, condition, refs=refs, days=days) if compound else _own(type, condition)
        found.append(asked)
        exact = all(_is_exact(value, compound=compound) for value in condition.values) and not (compound and not refs)
        decided = decided and exact and 0 < len(asked) <= MOST
    for parameter in {c.parameter.name: c.parameter for c in conditions if c.parameter.kind is Kind.DATE}.values():
        found += _dates(type, conditions, parameter)
    return Lookup(tuple(dict.fromkeys(asked for asked in found if 0 < len(asked) <= MOST)), decided)


def _is_exact(value: object, *, compound: bool) -> bool:
    """Whether having a token of the value is the same as having the value."""
    match value:
        case TokenValue(system, _):
            return system is None or not compound  # a compound token leaves the system out
        case Beginning(form):
            return len(form) <= LONGEST_PREFIX
    return True


def _own(type: str, condition: Condition) -> TokenSet:
    """The tokens of a condition; the empty set if one of its values has none, as then nothing can be left out."""
    names = condition.parameter.lookup or (condition.parameter.name,)
    found: set[Token] = set()
    for value in condition.values:
        says = list(_says(value))
        if not says:
            return frozenset()
        found.update((name, type, *said) for name, said in product(names, says))
    return frozenset(found)


def _says(value: object) -> Iterator[Token]:
    match value:
        case TokenValue(None, str(code)):
            yield CODE, code
        case TokenValue(str(system), str(code)):
            yield SYSTEM_AND_CODE, system, code
        case Target(addresses):
            yield from ((TO, address) for address in addresses)
        case Exactly(text):
            yield EXACT, text
        case Beginning(form) if len(form) >= SHORTEST_PREFIX:
            yield STARTS, form[:LONGEST_PREFIX]


def _compound(type: str, condition: Condition, *, refs: list[str], days: list[str]) -> TokenSet:
    name = condition.parameter.name
    codes = [value.code for value in condition.values if isinstance(value, TokenValue) and value.code is not None]
    if len(codes) < len(condition.values):
        return frozenset()  # "system|" asks for any code
    if refs:
        return frozenset((name, type, OF, reference, code) for reference, code in product(refs, codes))
    if days:
        return frozenset({(name, type, LONG), *((name, type, ON, day, code) for day, code in product(days, codes))})
    return frozenset()


def _anchor_references(conditions: Sequence[Condition], table: TypeParameters) -> list[str]:
    """The references that one condition allows for the anchor, by whichever parameter that looks at the same values."""
    anchor = table.anchor
    if anchor is None:
        return []
    for condition in conditions:
        # Another parameter serves only if the anchor reads all of its values: `subject` for `patient`, say.
        same = set(condition.parameter.paths) <= set(anchor.paths)
        if condition.parameter.kind is Kind.REFERENCE and same:
            return [address for value in condition.values if isinstance(value, Target) for address in value.addresses]
    return []


def _asked_days(conditions: Sequence[Condition], parameter: Parameter | None) -> dates.Days | None:
    if parameter is None:
        return None
    asked = [condition for condition in conditions if condition.parameter.name == parameter.name]
    merged = _merged([_stretch(value) for condition in asked for value in condition.values[:1]])
    if merged is None or any(len(condition.values) > 1 for condition in asked):
        return None
    return dates.days(merged)


def _dates(type: str, conditions: Sequence[Condition], parameter: Parameter) -> list[TokenSet]:
    asked = [condition for condition in conditions if condition.parameter.name == parameter.name]
    single = [_stretch(condition.values[0]) for condition in asked if len(condition.values) == 1]
    stretches = [[_stretch(value) for value in condition.values] for condition in asked if len(condition.values) > 1]
    merged = _merged(single)
    stretches += [[merged]] if merged else [[stretch] for stretch in single]
    return [frozenset(token for part in parts for token in _overlapping(type, parameter, part)) for parts in stretches]


def _overlapping(type: str, parameter: Parameter, stretch: dates.Interval) -> Iterator[Token]:
    for bucket in dates.cover(dates.days(stretch)):
        yield parameter.name, type, WITHIN, bucket
        for larger in dates.above(bucket):
            yield parameter.name, type, COVERS, larger


def _stretch(value: object) -> dates.Interval:
    """The time that a hit must touch, whatever the prefix says beyond that."""
    assert isinstance(value, Moment)
    match value.prefix:
        case Prefix.EQ:
            return value.interval
        case Prefix.GE:
            return dates.Interval(value.interval.start, dates.LATEST)
        case Prefix.GT:
            return dates.Interval(value.interval.end, dates.LATEST)
        case Prefix.LE:
            return dates.Interval(dates.EARLIEST, value.interval.end)
        case Prefix.LT:
            return dates.Interval(dates.EARLIEST, value.interval.start)


def _merged(stretches: Sequence[dates.Interval]) -> dates.Interval | None:
    """What all have in common. A value that touches each of them touches this, as each value is one stretch."""
    if not stretches:
        return None
    start, end = max(part.start for part in stretches), min(part.end for part in stretches)
    return dates.Interval(start, end) if start < end else None
