"""Quantities as search compares them: the stretch that a number stands for, its unit, and the buckets of the index.

A bucket is an eighth of an octave (the numbers from one power of two to the next) or a whole octave, so that a range is
some tens of buckets and a thief learns of a value only its rough size. https://hl7.org/fhir/R4/search.html#quantity
"""

import math
import re
from collections.abc import Iterator
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from fhir.search import units
from fhir.search.conditions import Measure, Prefix
from fhir.search.values import Amount

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_EXACT: Final = Context(prec=100, traps=[])
_TENTH: Final = Decimal("0.1")

_LEAVES: Final = 8  # of an octave
_SMALLEST, _LARGEST = -32, 32  # as powers of two; what lies outside counts as lying on the border
_END: Final = (_LARGEST - _SMALLEST + 2) * _LEAVES - 1


class NotANumberError(ValueError):
    """The text is not a number as a search writes it."""


class Stretch(NamedTuple):
    """From low to high, both included; None is open."""

    low: Decimal | None
    high: Decimal | None


def measure(text: str, prefix: Prefix, *, system: str, code: str) -> Measure:
    """The number with the stretch that it stands for: half a unit of its last digit to both sides; `ap`: a tenth."""
    form = _NUMBER.fullmatch(text)
    if form is None:
        raise NotANumberError
    number = Decimal(text)
    if prefix is Prefix.AP:
        half = _EXACT.multiply(abs(number), _TENTH)
    else:
        last = number.as_tuple().exponent
        assert isinstance(last, int)
        # R4's table has 1e2 mean 95 to 105, a digit more than it is written with.
        half = Decimal((0, (5,), last - (2 if form[2] and not form[1] else 1)))
    low, high = _EXACT.subtract(number, half), _EXACT.add(number, half)
    return Measure(prefix, number, low, high, system, code)


def fits(held: Amount, asked: Measure) -> bool:
    """Whether an amount is what was asked, as R4 defines the prefixes for ranges. What has another unit never is."""
    same = _comparable(held, asked)
    if same is None:
        return False
    (low, high), number = same.held, same.number
    match asked.prefix:
        case Prefix.EQ | Prefix.NE:
            within = low is not None and high is not None and same.low <= low and high < same.high
            # A stretch as wide as the asked one is contained; a single number on the upper border is not.
            within = within or (low is not None and low != high and low >= same.low and high == same.high)
            return within is (asked.prefix is Prefix.EQ)
        case Prefix.GT:
            return high is None or high > number
        case Prefix.GE:
            return high is None or high >= number
        case Prefix.LT:
            return low is None or low < number
        case Prefix.LE:
            return low is None or low <= number
        case Prefix.SA:
            return low is not None and low > number
        case Prefix.EB:
            return high is not None and high < number
        case Prefix.AP:
            return (high is None or high >= same.low) and (low is None or low <= same.high)


class _Comparable(NamedTuple):
    held: Stretch
    number: Decimal
    low: Decimal
    high: Decimal


def _comparable(held: Amount, asked: Measure) -> _Comparable | None:
    """Both on one scale; None if their units have none in common."""
    if asked.system:
        ours, theirs = units.scale(asked.system, asked.code), units.scale(held.system, held.code)
        if ours is not None and theirs is not None:
            if ours.dimension != theirs.dimension:
                return None
            stretch = Stretch(
                None if held.low is None else theirs.of(held.low), None if held.high is None else theirs.of(held.high)
            )
            return _Comparable(stretch, ours.of(asked.number), ours.of(asked.low), ours.of(asked.high))
        if held.system != asked.system or (asked.code and held.code != asked.code):
            return None
    elif asked.code and asked.code not in (held.code, held.unit):
        return None
    return _Comparable(Stretch(held.low, held.high), asked.number, asked.low, asked.high)


def reach(asked: Measure) -> Stretch | None:
    """The stretch that a hit must touch, on the scale of the unit; None if it can be anywhere."""
    scale = units.scale(asked.system, asked.code)
    number, low, high = (value if scale is None else scale.of(value) for value in (asked.number, asked.low, asked.high))
    match asked.prefix:
        case Prefix.NE:
            return None
        case Prefix.EQ | Prefix.AP:
            return Stretch(low, high)
        case Prefix.GT | Prefix.GE | Prefix.SA:
            return Stretch(number, None)
        case Prefix.LT | Prefix.LE | Prefix.EB:
            return Stretch(None, number)


@lru_cache(maxsize=4096)
def buckets(number: Decimal) -> tuple[str, str]:
    """The eighth of an octave and the octave that a number lies in; measurements repeat, and the float costs 2 us."""
    place = _place(number)
    return f"={place}", f"~{place // _LEAVES}"


def cover(stretch: Stretch) -> Iterator[str]:
    """The fewest buckets that hold all numbers of the stretch."""
    place = -_END if stretch.low is None else _place(stretch.low)
    last = _END if stretch.high is None else _place(stretch.high)
    while place <= last:
        if place % _LEAVES == 0 and place + _LEAVES - 1 <= last:
            yield f"~{place // _LEAVES}"
            place += _LEAVES
        else:
            yield f"={place}"
            place += 1


def _place(number: Decimal) -> int:
    """A whole number that grows with the number, eight for each octave; 0 for 0."""
    size = abs(float(number))
    if not size:
        return (0 if not number else _LEAVES) * (-1 if number < 0 else 1)
    mantissa, octave = math.frexp(size)
    if octave > _LARGEST or math.isinf(size):
        place = _END
    elif octave < _SMALLEST:
        place = _LEAVES
    else:
        place = (octave - _SMALLEST + 1) * _LEAVES + int((mantissa - 0.5) * 2 * _LEAVES)
    return -place if number < 0 else place
