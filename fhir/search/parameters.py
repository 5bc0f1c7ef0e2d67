"""What the index holds of a resource: for each value one or a few tokens, which the store hashes with a secret key.

A token is (parameter, type, what it says, ...). Codes of few different values (status, category, diagnosis) get none
of their own: counting equal tokens would tell them. They stand only together with the patient or with the day.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Final

from fhir.search import dates, quantities, units
from fhir.search.conditions import Measure
from fhir.search.dates import Days, Interval
from fhir.search.definitions import Kind
from fhir.search.extraction import extract
from fhir.search.indexing import Index, plan
from fhir.search.strings import folded, prefixes
from fhir.search.values import Amount, Code, Composite, Link, Value

Token = tuple[str, ...]

# What a token says, second after the type.
CODE: Final = "code"
SYSTEM_AND_CODE: Final = "system|code"
TO: Final = "to"
IDENTIFIED: Final = "identified"  # a reference by the identifier of its target
STARTS: Final = "starts"
WITHIN: Final = "within"  # the value, or a part of it, lies in this bucket
COVERS: Final = "covers"  # the value takes up all of this bucket
OF: Final = "of"  # a code and the anchor's reference
ON: Final = "on"  # a code and a day
LONG: Final = "long"  # the value covers too many days to be listed one by one
SIZE: Final = "size"  # a code and the bucket of a number, whatever its unit
SCALED: Final = "scaled"  # a code and the bucket of a number on the scale of its unit's dimension
WIDE: Final = "wide"  # a code with a range of numbers, which lies in no one bucket

DAYS_LISTED: Final = 7  # of a stretch whose codes stand with each of its days

# Looking a member of an enumeration up by name takes longer than making a token.
_COMPOUND: Final = Index.COMPOUND
_KEYED: Final = Index.KEYED
_DATE: Final = Kind.DATE
_STRING: Final = Kind.STRING

Held = Mapping[str, tuple[Value, ...]]


def tokens(type: str, data: dict[str, Any]) -> list[Token]:
    """The tokens under which a resource is found, some of them twice: (parameter, type, what it says, ...)."""
    table = plan(type)
    held = extract(type, data, table.names)
    references = [
        value.address
        for name in table.anchors
        for value in held.get(name, ())
        if isinstance(value, Link) and value.address
    ]
    stretch = _stretch(held.get(table.date or "", ()))
    days = _listed(stretch)
    found: list[Token] = []
    for name, values in held.items():
        entry = table.entries.get(name)
        if entry is None:
            continue
        if entry.others:
            values = _rest(values, held, entry.others)  # the same values, but for those
        if entry.holds is _COMPOUND:
            found += _compound(type, name, values, references=references, days=days, is_plain=entry.is_plain)
        elif entry.holds is _KEYED:
            found += _keyed(type, name, values, codes=held.get(entry.key, ()))
        elif entry.kind is _DATE:
            touched = stretch if name == table.date else _stretch(values)
            found += bucket_tokens(name, type, touched) if touched is not None else ()
        else:
            found += _own(type, name, values, kind=entry.kind)
    return found


@lru_cache(maxsize=1024)  # most of a day are of the same days
def bucket_tokens(name: str, type: str, stretch: Days) -> tuple[Token, ...]:
    """The tokens of a stretch of days: those of the buckets it lies in, and of those it covers whole if it is long."""
    if stretch.first == stretch.last:
        day = stretch.first.isoformat()
        return tuple((name, type, WITHIN, day[:length]) for length in (10, 7, 4, 3))
    found: list[Token] = []
    for bucket in dates.coarse_cover(stretch):
        found += [(name, type, WITHIN, bucket), (name, type, COVERS, bucket)]
        found += [(name, type, WITHIN, larger) for larger in dates.above(bucket)]
    return tuple(found)


def _rest(values: tuple[Value, ...], held: Held, others: Sequence[str]) -> tuple[Value, ...]:
    """The values that no other parameter's tokens hold: of a `name` what is neither family nor given name."""
    known = {value for name in others for value in held.get(name, ())}
    return tuple(value for value in values if value not in known)


def _own(type: str, name: str, values: tuple[Value, ...], *, kind: Kind) -> Iterator[Token]:
    for value in values:
        match value:
            case Link(address, _, identifier):
                if address:
                    yield name, type, TO, address
                if identifier is not None:
                    yield name, type, IDENTIFIED, identifier.code
            case Code(system, code):
                yield name, type, CODE, code
                yield name, type, SYSTEM_AND_CODE, system, code
            case str(text) if kind is _STRING:
                for beginning in prefixes(folded(text)):
                    yield name, type, STARTS, beginning
            case str(address):
                yield name, type, TO, address


def _compound(
    type: str, name: str, values: tuple[Value, ...], *, references: list[str], days: list[str] | None, is_plain: bool
) -> Iterator[Token]:
    if days is None:
        yield name, type, LONG
    for value in values:
        assert isinstance(value, Code)
        system, code = value
        for reference in references:
            yield name, type, OF, reference, code
            if not is_plain:
                yield name, type, OF, reference, system, code
        for day in days or ():
            yield name, type, ON, day, code


def _listed(stretch: Days | None) -> list[str] | None:
    """The days that codes stand with; None for a long stretch: whoever asks for a day asks for the long ones too."""
    if stretch is None:
        return []
    return None if (stretch.last - stretch.first).days >= DAYS_LISTED else dates.each_day(stretch)


def _keyed(type: str, name: str, values: tuple[Value, ...], *, codes: Sequence[Value]) -> Iterator[Token]:
    for value in values:
        keys, amounts = value.parts if isinstance(value, Composite) else (codes, (value,))
        for amount in amounts:
            assert isinstance(amount, Amount)
            for said, code in product(_sizes(amount), keys):
                assert isinstance(code, Code)
                yield name, type, *said, code.code


def _sizes(amount: Amount) -> list[Token]:
    if amount.low is None or amount.low != amount.high:
        return [(WIDE,)]
    eighth, octave = quantities.buckets(amount.low)
    scale = units.scale(amount.system, amount.code)
    if scale is None:
        return [(SIZE, eighth), (SIZE, octave)]
    finer, coarser = quantities.buckets(scale.of(amount.low))
    dimension = scale.dimension
    return [(SIZE, eighth), (SIZE, octave), (SCALED, dimension, finer), (SCALED, dimension, coarser)]


def sizes_asked(code: str, measure: Measure) -> Iterator[Token]:
    """What a hit says that has this code and such a number; nothing if any number may be one."""
    stretch = quantities.reach(measure)
    if stretch is None:
        return
    yield WIDE, code
    scale = units.scale(measure.system, measure.code)
    said = (SIZE,) if scale is None else (SCALED, scale.dimension)
    yield from ((*said, bucket, code) for bucket in quantities.cover(stretch))


def _stretch(values: tuple[Value, ...]) -> Days | None:
    """The days from the first to the last of the values, so that two conditions that meet different ones meet it too."""
    intervals = [value for value in values if isinstance(value, Interval)]
    return dates.days(dates.hull(intervals)) if intervals else None
