"""What the index holds of a resource: for each value one or a few tokens, which the store hashes with a secret key.

A token is (parameter, type, what it says, ...). Codes of few different values (status, category, diagnosis) get none
of their own: counting equal tokens would tell them. They stand only together with the patient or with the day.
"""

from collections.abc import Iterator
from typing import Any, Final

from fhir.search import dates, values
from fhir.search.definitions import PARAMETERS, Index, Kind, Parameter, TypeParameters
from fhir.search.strings import folded, prefixes, whole

Token = tuple[str, ...]

# What a token says, second after the type.
CODE: Final = "code"
SYSTEM_AND_CODE: Final = "system|code"
TO: Final = "to"
EXACT: Final = "exact"
STARTS: Final = "starts"
WITHIN: Final = "within"  # the value, or a part of it, lies in this bucket
COVERS: Final = "covers"  # the value takes up all of this bucket
OF: Final = "of"  # a code and the anchor's reference
ON: Final = "on"  # a code and a day
LONG: Final = "long"  # the value covers too many days to be listed one by one


def tokens(type: str, data: dict[str, Any]) -> Iterator[Token]:
    """The tokens under which a resource is found, each once: (parameter, type, what it says, ...)."""
    table = PARAMETERS[type]
    found: dict[Token, None] = {}
    refs = _anchor_references(data, table)
    stretches = _stretches(data, table.date) if table.date is not None else []
    touched = _each_day(stretches)
    new: Iterator[Token]
    for parameter in table.parameters.values():
        if parameter is table.date:
            new = (token for stretch in stretches for token in bucket_tokens(parameter.name, type, stretch))
        elif parameter.index is Index.COMPOUND:
            new = _compound(type, data, parameter, refs=refs, touched=touched)
        elif parameter.index is Index.OWN or parameter.indexed:
            new = _own(type, data, parameter)
        else:
            continue
        for token in new:
            found[token] = None
    return iter(found)


def bucket_tokens(name: str, type: str, stretch: dates.Days) -> Iterator[Token]:
    """The tokens of a stretch of days: those of the buckets it lies in, and of those it covers whole if it is long."""
    if stretch.first == stretch.last:
        day = stretch.first.isoformat()
        yield from ((name, type, WITHIN, day[:length]) for length in (10, 7, 4, 3))
        return
    for bucket in dates.coarse_cover(stretch):
        yield name, type, WITHIN, bucket
        yield name, type, COVERS, bucket
        for larger in dates.above(bucket):
            yield name, type, WITHIN, larger


def _own(type: str, data: dict[str, Any], parameter: Parameter) -> Iterator[Token]:
    paths = parameter.paths if parameter.indexed is None else parameter.indexed
    name = parameter.name
    match parameter.kind:
        case Kind.REFERENCE:
            for reference in values.references(data, paths=paths):
                yield name, type, TO, reference
        case Kind.TOKEN:
            for system, code in values.codes(data, parameter, paths=paths):
                yield name, type, CODE, code
                yield name, type, SYSTEM_AND_CODE, system, code
        case Kind.DATE:
            for stretch in _stretches(data, parameter):
                yield from bucket_tokens(name, type, stretch)
        case Kind.STRING:
            for text in values.strings(data, paths=paths):
                yield name, type, EXACT, whole(text)
                for beginning in prefixes(folded(text)):
                    yield name, type, STARTS, beginning
        case Kind.CANONICAL | Kind.URI:
            for address in values.canonicals(data, paths=paths):
                yield name, type, TO, address


def _compound(
    type: str, data: dict[str, Any], parameter: Parameter, *, refs: list[str], touched: list[str] | None
) -> Iterator[Token]:
    name = parameter.name
    for _, code in values.codes(data, parameter, paths=parameter.paths):
        for reference in refs:
            yield name, type, OF, reference, code
        for day in touched or ():
            yield name, type, ON, day, code
    if touched is None:
        yield name, type, LONG


def _anchor_references(data: dict[str, Any], table: TypeParameters) -> list[str]:
    if table.anchor is None:
        return []
    return list(values.references(data, paths=table.anchor.paths))


def _stretches(data: dict[str, Any], parameter: Parameter) -> list[dates.Days]:
    """The days of each date, Period or Timing."""
    held = (dates.value_interval(value) for path in parameter.paths for value in values.at(data, path))
    return [dates.days(stretch) for stretch in held if stretch is not None]


def _each_day(stretches: list[dates.Days]) -> list[str] | None:
    """The days that the resource is about; None if they are too many to list."""
    if any((stretch.last - stretch.first).days >= dates.DAYS_APART for stretch in stretches):
        return None
    return [day for stretch in stretches for day in dates.each_day(stretch)]
