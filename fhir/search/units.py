"""Units of UCUM brought to one scale, so that 1 g/L finds 100 mg/dL.

A small part of UCUM: the units that clinics measure in, with prefixes, products, quotients and exponents. A unit that is
not read here is compared as it is written. https://ucum.org/ucum
"""

import re
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

SYSTEM: Final = "http://unitsofmeasure.org"
LONGEST: Final = 64  # letters of a unit that is read

# More digits than any measurement has; the result is cut to fewer, so that 98.6 [degF] is 37 Cel and not 36.99...
_EXACT: Final = Context(prec=34, traps=[])
_SHOWN: Final = Context(prec=20, traps=[])

_PREFIXES: Final = {
    "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15,
}  # fmt: skip
_PA: Final = {"g": 1, "m": -1, "s": -2}
_J: Final = {"g": 1, "m": 2, "s": -2}
# Factor and dimensions. International units, equivalents, osmoles and pH have no scale that others share.
_METRIC: Final[dict[str, tuple[str, dict[str, int]]]] = {
    "m": ("1", {"m": 1}),
    "g": ("1", {"g": 1}),
    "s": ("1", {"s": 1}),
    "mol": ("1", {"mol": 1}),
    "L": ("0.001", {"m": 3}),
    "l": ("0.001", {"m": 3}),
    "Pa": ("1000", _PA),
    "bar": ("100000000", _PA),
    "m[Hg]": ("133322387.415", _PA),
    "m[H2O]": ("9806650", _PA),
    "N": ("1000", {"g": 1, "m": 1, "s": -2}),
    "J": ("1000", _J),
    "cal": ("4184", _J),
    "W": ("1000", {"g": 1, "m": 2, "s": -3}),
    "Hz": ("1", {"s": -1}),
    "kat": ("1", {"mol": 1, "s": -1}),
    "U": ("1.666666666666666666666666666666667E-8", {"mol": 1, "s": -1}),  # 1 umol/min
    "eq": ("1", {"eq": 1}),
    "osm": ("1", {"osm": 1}),
    "[iU]": ("1", {"[iU]": 1}),
    "[IU]": ("1", {"[iU]": 1}),
    "V": ("1", {"V": 1}),
    "Bq": ("1", {"Bq": 1}),
    "Gy": ("1", {"Gy": 1}),
    "Sv": ("1", {"Sv": 1}),
}
_PLAIN: Final[dict[str, tuple[str, dict[str, int]]]] = {
    "min": ("60", {"s": 1}),
    "h": ("3600", {"s": 1}),
    "d": ("86400", {"s": 1}),
    "wk": ("604800", {"s": 1}),
    "mo": ("2629800", {"s": 1}),
    "a": ("31557600", {"s": 1}),
    "%": ("0.01", {}),
    "[ppth]": ("0.001", {}),
    "[ppm]": ("0.000001", {}),
    "10*": ("10", {}),
    "10^": ("10", {}),
    "[pH]": ("1", {"[pH]": 1}),
    "deg": ("1", {"deg": 1}),
    "[lb_av]": ("453.59237", {"g": 1}),
    "[oz_av]": ("28.349523125", {"g": 1}),
    "[in_i]": ("0.0254", {"m": 1}),
    "[ft_i]": ("0.3048", {"m": 1}),
    "[mi_i]": ("1609.344", {"m": 1}),
}
_PART = re.compile(r"(10[*^]|(?:[^\[\]{}./()0-9+\-*^ ]|\[[^\[\]]*\])+)?([+-]?[0-9]{1,3})?(\{[^{}]*\})?", re.ASCII)


class Scale(NamedTuple):
    """A number in this unit times the factor plus the offset is one in the base units of the dimension."""

    factor: Decimal
    offset: Decimal
    dimension: str

    def of(self, number: Decimal) -> Decimal:
        """The number on the scale that all units of the dimension share."""
        return _SHOWN.plus(_EXACT.fma(number, self.factor, self.offset))


# Temperatures have a zero of their own; they are read only where they stand alone.
_TEMPERATURES: Final = {
    "Cel": Scale(Decimal(1), Decimal(0), "Cel"),
    "K": Scale(Decimal(1), Decimal("-273.15"), "Cel"),
    "[degF]": Scale(_EXACT.divide(Decimal(5), Decimal(9)), _EXACT.divide(Decimal(-160), Decimal(9)), "Cel"),
}


def scale(system: str, code: str) -> Scale | None:
    """How a unit is brought to the scale of its dimension; None if it is not read here."""
    return _scale(code) if system == SYSTEM and 0 < len(code) <= LONGEST else None


@lru_cache(maxsize=1024)
def _scale(code: str) -> Scale | None:
    if code in _TEMPERATURES:
        return _TEMPERATURES[code]
    factor, dimension = Decimal(1), dict[str, int]()
    for sign, text in _parts(code):
        part = _part(text)
        if part is None:
            return None
        factor = _EXACT.multiply(factor, _EXACT.power(part[0], sign))
        for base, exponent in part[1].items():
            dimension[base] = dimension.get(base, 0) + sign * exponent
    named = ".".join(f"{base}{exponent}" for base, exponent in sorted(dimension.items()) if exponent)
    return Scale(factor, Decimal(0), named or "1") if factor.is_finite() and factor else None


def _parts(code: str) -> list[tuple[int, str]]:
    """The parts of a product, each with -1 if a / stands before it: `/min`, `mL/min/kg`."""
    found, sign, text, nested = [], 1, "", 0
    for letter in code:
        nested += (letter in "{[") - (letter in "}]")
        if letter in "./" and not nested:
            found.append((sign, text))
            sign, text = (-1 if letter == "/" else 1), ""
        else:
            text += letter
    found.append((sign, text))
    return found[1:] if code.startswith("/") else found


def _part(text: str) -> tuple[Decimal, dict[str, int]] | None:
    form = _PART.fullmatch(text)
    if form is None or not text:
        return None
    unit, digits = form[1], form[2]
    if unit is None:
        return Decimal(digits or 1), {}  # a plain number, or an annotation that means 1
    known = _unit(unit)
    if known is None:
        return None
    exponent = int(digits or 1)
    if not -12 <= exponent <= 12:
        return None
    return _EXACT.power(known[0], exponent), {base: times * exponent for base, times in known[1].items()}


def _unit(text: str) -> tuple[Decimal, dict[str, int]] | None:
    if text in _PLAIN or text in _METRIC:
        factor, dimension = _PLAIN.get(text) or _METRIC[text]
        return Decimal(factor), dimension
    for length in (1, 2):
        if text[:length] in _PREFIXES and text[length:] in _METRIC:
            factor, dimension = _METRIC[text[length:]]
            return Decimal(factor).scaleb(_PREFIXES[text[:length]]), dimension
    return None
