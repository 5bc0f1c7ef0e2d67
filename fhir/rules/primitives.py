"""The forms of the primitive types: no coerced booleans, no lenient dates, nothing empty.

The common case is decided without a regular expression where that is the same. https://hl7.org/fhir/R4/datatypes.html#primitive
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from fhir.rules import narrative
from fhir.rules.faults import Check, Faults, Scope, one

MOST_CHARACTERS: Final = 1024 * 1024  # https://hl7.org/fhir/R4/datatypes.html#string

_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_YEAR = r"(?!0000)\d{4}"
_DATE = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
_DATE_TIME = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])(T{_TIME}{_ZONE})?)?)?", re.ASCII)
_INSTANT = re.compile(rf"{_YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T{_TIME}{_ZONE}", re.ASCII)
_CLOCK = re.compile(_TIME, re.ASCII)
_CODE = re.compile(r"[^\s\x00-\x1f]+(\s[^\s\x00-\x1f]+)*")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_URI = re.compile(r"[^\s\x00-\x1f]+")
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
# CapabilityStatement.format may also be xml, json or ttl. https://hl7.org/fhir/R4/valueset-mimetypes.html
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-*]+( ?;[^\x00-\x1f]+)?|xml|json|ttl", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LARGEST: Final = 2**31 - 1
_MOST_WHOLE: Final = 10**100

NULL: Final = one("Remove this null: an element without a value is left out.")
ARRAY: Final = one("Send a single value here, not an array.")
_NO_TEXT: Final = one(
    "Send a text that is not empty, has no control characters and at most 1048576 characters.", "value"
)
_NO_ADDRESS: Final = one("Send an address without white space.", "value")
_NO_CODE: Final = one("Send a code: no white space around it and no more than one blank within.", "value")
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
    "id": "Send an id: 1 to 64 letters, digits, - and .",
    "oid": "Send urn:oid: and the numbers.",
    "uuid": "Send urn:uuid: and the UUID in lower case.",
    "base64Binary": "Send base64.",
    "mimetypes": "Send a media type like text/plain.",
    "currencies": "Send a currency of ISO 4217, like EUR.",
}


def check_of(kind: str, value_set: str = "") -> Check:
    """The check of a primitive type; `value_set` is one whose codes are no list but have a form."""
    if kind == "xhtml":
        return narrative_check
    form = value_set if value_set in _RIGHT else kind
    return _CHECKS.get(form) or _checked(_RIGHT[form], one(_ADVICE[form], "value"))


def code_check(codes: frozenset[str]) -> Check:
    """The check of a code that must be one of these."""
    wrong = one(f"Send one of these codes: {_listed(codes)}.", "code-invalid")

    def check(value: Any, scope: Scope) -> Faults | None:
        if value.__class__ is str and value in codes:
            return None
        return _no_single(value) or wrong

    return check


def text_check(value: Any, scope: Scope) -> Faults | None:
    """Nothing if this is a text: not empty, no control characters, not beyond the standard's length."""
    if value.__class__ is str and 0 < len(value) <= MOST_CHARACTERS:
        return None if value.isprintable() or _CONTROL.search(value) is None else _NO_TEXT
    return _no_single(value) or _NO_TEXT


def address_check(value: Any, scope: Scope) -> Faults | None:
    """Nothing if this is an address: no white space, no control characters."""
    if value.__class__ is str and _URI.fullmatch(value) is not None:
        return None
    return _no_single(value) or _NO_ADDRESS


def symbol_check(value: Any, scope: Scope) -> Faults | None:
    """Nothing if this is a code of any code system."""
    if value.__class__ is str and _CODE.fullmatch(value) is not None:
        return None
    return _no_single(value) or _NO_CODE


def narrative_check(value: Any, scope: Scope) -> Faults | None:
    """Nothing if this is a narrative that can be shown safely."""
    if value.__class__ is not str:
        return _no_single(value) or _NO_TEXT
    unsafe = narrative.problem(value)
    return one(unsafe, "security") if unsafe else None


def _no_single(value: Any) -> Faults | None:
    return NULL if value is None else ARRAY if value.__class__ is list else None


def _listed(codes: frozenset[str], *, most: int = 40) -> str:
    listed = ", ".join(sorted(codes)[:most])
    return f"{listed} and {len(codes) - most} more" if len(codes) > most else listed


def _checked(is_right: Callable[[Any], bool], wrong: Faults) -> Check:
    def check(value: Any, scope: Scope) -> Faults | None:
        return None if is_right(value) else _no_single(value) or wrong

    return check


def _whole(low: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= _LARGEST


def _like(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    matches = pattern.fullmatch
    return lambda value: type(value) is str and matches(value) is not None


def _calendar(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    matches = pattern.fullmatch

    def check(value: Any) -> bool:
        if type(value) is not str or matches(value) is None:
            return False
        if value[8:10] <= "28":  # every month has these
            return True
        try:
            date.fromisoformat(value[:10])
        except ValueError:
            return False
        return True

    return check


def _is_base64(value: Any) -> bool:
    if value.__class__ is not str or not value.isascii():
        return False
    whole = value.encode().translate(None, b" \t\r\n")
    padding = whole.translate(None, _BASE64)  # a few times faster than decoding what may be a picture
    return len(whole) % 4 == 0 and whole != b"" and padding in (b"", b"=", b"==") and whole.endswith(padding)


_RIGHT: Final[dict[str, Callable[[Any], bool]]] = {
    "boolean": lambda value: value is True or value is False,
    "integer": _whole(-(2**31)),
    "unsignedInt": _whole(0),
    "positiveInt": _whole(1),
    # How long a Decimal is was looked at when it was read.
    "decimal": lambda value: type(value) is Decimal or (type(value) is int and -_MOST_WHOLE < value < _MOST_WHOLE),
    "date": _calendar(_DATE),
    "dateTime": _calendar(_DATE_TIME),
    "instant": _calendar(_INSTANT),
    "time": _like(_CLOCK),
    "id": _like(_ID),
    "oid": _like(_OID),
    "uuid": _like(_UUID),
    "base64Binary": _is_base64,
    "mimetypes": _like(_MEDIA_TYPE),
    "currencies": _like(_CURRENCY),
}
_CHECKS: Final[dict[str, Check]] = {
    "string": text_check,
    "markdown": text_check,
    "uri": address_check,
    "url": address_check,
    "canonical": address_check,
    "code": symbol_check,
}
