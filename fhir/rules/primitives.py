"""The forms of the primitive types, stricter than the library: no coerced booleans, no lenient dates.

https://hl7.org/fhir/R4/datatypes.html#primitive
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

_DAY = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_DATE = re.compile(_DAY, re.ASCII)
_DATE_TIME = re.compile(rf"\d{{4}}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])(T{_TIME}{_ZONE})?)?)?", re.ASCII)
_INSTANT = re.compile(rf"\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T{_TIME}{_ZONE}", re.ASCII)
_CLOCK = re.compile(_TIME, re.ASCII)
_CODE = re.compile(r"[^\s\x00-\x1f]+(\s[^\s\x00-\x1f]+)*")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_URI = re.compile(r"[^\s\x00-\x1f]+")
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")

_ADVICE: Final = {
    "boolean": "Send true or false, without quotes.",
    "integer": "Send a whole number between -2147483648 and 2147483647, without quotes.",
    "unsignedInt": "Send a whole number from 0 to 2147483647, without quotes.",
    "positiveInt": "Send a whole number from 1 to 2147483647, without quotes.",
    "decimal": "Send a number, without quotes.",
    "date": "Send a date of the calendar as YYYY, YYYY-MM or YYYY-MM-DD.",
    "dateTime": "Send YYYY, YYYY-MM, YYYY-MM-DD or a full time with seconds and zone, like 2026-11-23T10:00:00+01:00.",
    "instant": "Send a full time with seconds and zone, like 2026-11-23T10:00:00+01:00.",
    "time": "Send a time as hh:mm:ss.",
    "code": "Send a code: no white space around it and no more than one blank within.",
    "id": "Send an id: 1 to 64 letters, digits, - and .",
    "uri": "Send an address without white space.",
    "oid": "Send urn:oid: and the numbers.",
    "uuid": "Send urn:uuid: and the UUID in lower case.",
    "base64Binary": "Send base64.",
}


def problem(kind: str, value: Any) -> str | None:
    """What to send instead if this is not a value of the primitive type; None if it is one."""
    return (
        None
        if _CHECKS[kind](value)
        else _ADVICE.get(kind, "Send a text that is not empty and has no control characters.")
    )


def _whole(low: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= 2**31 - 1


def _like(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and _CONTROL.search(value) is None


def _calendar(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            return False
        try:
            date.fromisoformat(f"{value[:10]}-01-01"[:10] if len(value) < 10 else value[:10])
        except ValueError:
            return False
        return True

    return check


_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": _whole(-(2**31)),
    "unsignedInt": _whole(0),
    "positiveInt": _whole(1),
    "decimal": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    "string": _text,
    "markdown": _text,
    "xhtml": _text,
    "date": _calendar(_DATE),
    "dateTime": _calendar(_DATE_TIME),
    "instant": _calendar(_INSTANT),
    "time": _like(_CLOCK),
    "code": _like(_CODE),
    "id": _like(_ID),
    "uri": _like(_URI),
    "url": _like(_URI),
    "canonical": _like(_URI),
    "oid": _like(_OID),
    "uuid": _like(_UUID),
    "base64Binary": _like(_BASE64),
}
KINDS: Final = frozenset(_CHECKS)
