"""The amounts of an element: of a quantity, a range, or measured data."""

from collections.abc import Sequence
from decimal import Context, Decimal, DecimalException
from typing import Any, Final

from fhir.search.values import Amount, Value

# Bounds of what a body can say in a few characters ("1E999999999") before it is computed with.
_MEASURED: Final = Context(prec=28, Emin=-400, Emax=400)


def amounts(value: Any, type: str) -> Sequence[Value] | None:
    """The amount of a Quantity (Age, Duration), a Range or SampledData; none if it has no number."""
    if not isinstance(value, dict):
        return None
    match type:
        case "Range":
            found = _range(value)
        case "SampledData":
            found = _measured(value)
        case _:
            found = _quantity(value)
    return () if found is None else (found,)


def _quantity(value: dict[str, Any]) -> Amount | None:
    number = _number(value.get("value"))
    if number is None:
        return None
    comparator = value.get("comparator", "")
    low = None if comparator in ("<", "<=") else number
    high = None if comparator in (">", ">=") else number
    return Amount(low, high, *_unit(value))


def _range(value: dict[str, Any]) -> Amount | None:
    low, high = value.get("low"), value.get("high")
    low, high = low if isinstance(low, dict) else {}, high if isinstance(high, dict) else {}
    least, most = _number(low.get("value")), _number(high.get("value"))
    if least is None and most is None:
        return None
    return Amount(least, most, *_unit(low if least is not None else high))


def _measured(value: dict[str, Any]) -> Amount | None:
    """From the least to the most of what was measured (https://hl7.org/fhir/R4/datatypes.html#sampleddata)."""
    origin, data = value.get("origin"), value.get("data")
    if not isinstance(origin, dict) or not isinstance(data, str):
        return None
    zero, factor = _number(origin.get("value")), _number(value.get("factor", 1))
    if zero is None or factor is None:
        return None
    try:
        points = sorted(float(word) for word in data.split() if word not in ("E", "U", "L"))
        ends = [_MEASURED.fma(Decimal(repr(point)), factor, zero) for point in (*points[:1], *points[-1:])]
    except (ValueError, DecimalException):
        return None
    return Amount(min(ends), max(ends), *_unit(origin)) if ends else None


def _unit(value: dict[str, Any]) -> tuple[str, str, str]:
    held = [value.get(key) for key in ("system", "code", "unit")]
    system, code, unit = (text if isinstance(text, str) else "" for text in held)
    return system, code, unit


def _number(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None
