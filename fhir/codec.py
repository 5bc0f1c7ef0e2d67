"""FHIR JSON: reading it strictly, and putting the server's id and meta into it without touching another byte.

A resource is never written out again from a parsed form: that would change decimals and instants (`0.40`, `.715Z`).
https://hl7.org/fhir/R4/json.html
"""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhir.models import KNOWN, require_served
from fhir.spans import Span, members
from infra.problems import BadRequest

MAX_DEPTH: Final = 64  # the deepest official example has 14 levels; recursion downstream must stay bounded
MAX_VALUES: Final = 750_000  # a Bundle of 10 MiB in compact FHIR has 600,000; many more take more than 300 MB
MAX_DIGITS: Final = 100  # R4 asks for 18; what counts with the number must stay bounded
MAX_EXPONENT: Final = 400  # an official example has 1e245; adding 1 to 1e999999999 would never end

_PRINTABLE_KEY = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
_BEGIN = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"[A-Za-z]+"')
_DECODER = json.JSONDecoder(parse_float=Decimal)
Edit = tuple[int, int, str]  # start, end and what stands there instead
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class MalformedJson(BadRequest):
    """The body is not valid JSON."""


class DuplicateKey(BadRequest):
    """A JSON object names the same key twice."""


class TooDeep(BadRequest):
    """The JSON is nested too deeply."""


class TooManyValues(BadRequest):
    """The JSON has too many values."""

    issue = "too-costly"


class NoResourceType(BadRequest):
    """The body is not a FHIR resource: a JSON object with a resourceType is needed."""


class WrongResourceType(BadRequest):
    """The body's resourceType is not the one of the address."""


class UnknownResourceType(BadRequest):
    """The body's resourceType is not one that is served here. See /fhir/metadata for the types that are."""

    issue = "not-supported"


class Parsed(NamedTuple):
    """A resource as it was sent, and its content to look at; decimals are `Decimal`, so no digit is lost."""

    type: str
    data: dict[str, Any]
    raw: bytes


def parse(body: bytes, *, type: str | None) -> Parsed:
    """The resource in a request body; a problem that says where it is wrong if it is not one of that type."""
    if type is not None:
        require_served(type)
    return typed(load(body), body, type=type)


def typed(data: Any, body: bytes, *, type: str | None) -> Parsed:
    """The resource whose JSON has been read already; a problem if it is not one of that type."""
    found = data.get("resourceType") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(found, str):
        raise NoResourceType
    if type is not None and found != type:
        raise WrongResourceType(f"The body's resourceType must be {type}, as in the address.")
    if found not in KNOWN:
        raise UnknownResourceType
    return Parsed(found, data, body)


def load(body: bytes) -> Any:
    """The JSON value in these bytes, read strictly: UTF-8, no duplicate keys, no NaN, at most `MAX_DEPTH` levels."""
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        raise MalformedJson(f"The body is not UTF-8: the byte at position {wrong.start} can't be decoded.") from None
    if not text or text.isspace():
        raise MalformedJson("The body is empty. Send JSON in it.")
    if text.startswith("\ufeff"):
        raise MalformedJson("The body begins with a byte order mark (BOM). Send it without.")
    if len(body) > MAX_VALUES and _too_many(body):
        raise TooManyValues(f"The JSON has more than {MAX_VALUES} values. Send it in parts.")
    try:
        data = _STRICT.decode(text)
    except json.JSONDecodeError as wrong:
        raise MalformedJson(f"{wrong.msg} at line {wrong.lineno}, column {wrong.colno}.") from None
    except RecursionError:
        raise TooDeep(f"The JSON is nested more than {MAX_DEPTH} levels deep.") from None
    except ValueError:  # an integer of more digits than Python converts
        raise MalformedJson("A number in the body is too long.") from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deep(data):
        raise TooDeep(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
    if _SURROGATE.search(text):
        _require_whole_characters(data)
    return data


def reload(body: bytes) -> Any:
    """The JSON value in bytes that `load` has accepted before: at a third of the cost."""
    return _DECODER.decode(body.decode())


def splice(raw: bytes, *, id: str, version: str, last_updated: datetime) -> bytes:
    """The client's bytes with the server's id, meta.versionId and meta.lastUpdated; all else stands as it was sent."""
    moment = instant(last_updated)
    begin = _BEGIN.match(raw)
    if begin is not None and b'"id"' not in raw and b'"meta"' not in raw and b"\\u" not in raw:
        # Most new resources: no id or meta of their own, a key of which can be written with escapes. A tenth of the time
        # of finding every member.
        added = f',"id":"{id}","meta":{{"versionId":"{version}","lastUpdated":"{moment}"}}'
        return b"".join((begin[0], added.encode(), raw[begin.end() :]))
    text = raw.decode()
    top = members(text)
    stamps = {"versionId": f'"{version}"', "lastUpdated": f'"{moment}"'}
    wanted = {"id": f'"{id}"'}
    edits: list[Edit] = []
    meta = top.get("meta")
    if meta is not None and text[meta.start] == "{":
        held = members(text, at=meta.start)
        edits, missing = _changes(held, stamps)
        if missing:
            edits.append((meta.start + 1, meta.start + 1, missing + ("," if held else "")))
    else:
        wanted["meta"] = "{" + _changes({}, stamps)[1] + "}"
    more, missing = _changes(top, wanted)
    edits += more
    if missing:
        end = top["resourceType"].end
        edits.append((end, end, "," + missing))
    return _edited(text, edits).encode()


def _changes(held: dict[str, Span], wanted: dict[str, str]) -> tuple[list[Edit], str]:
    edits = [(held[key].start, held[key].end, value) for key, value in wanted.items() if key in held]
    return edits, ",".join(f'"{key}":{value}' for key, value in wanted.items() if key not in held)


def _edited(text: str, edits: list[Edit]) -> str:
    pieces: list[str] = []
    copied = 0
    for start, end, new in sorted(edits):  # no two begin at the same place
        pieces += (text[copied:start], new)
        copied = end
    pieces.append(text[copied:])
    return "".join(pieces)


def instant(moment: datetime) -> str:
    """An aware time as a FHIR instant in UTC, to the microsecond, so that it equals the column it stands for."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = counts.most_common(1)[0][0]
        # A key can be anything a client typed; only what looks like an element's name is repeated.
        name = twice if _PRINTABLE_KEY.fullmatch(twice) else "(not an element name)"
        raise DuplicateKey(f"The key {name} stands twice in one JSON object. Send it once.")
    return members


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise MalformedJson(f"A number in the body has more than {MAX_DIGITS} digits.")
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise MalformedJson("A number in the body is out of range.") from None
    if ("e" in text or "E" in text) and abs(number.adjusted()) > MAX_EXPONENT:
        raise MalformedJson("A number in the body is out of range.")
    return number


def _no_constant(name: str) -> None:
    raise MalformedJson(f"{name} is not a JSON number.")


# Made once: `json.loads` would make a decoder for every body.
_STRICT: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=_decimal, parse_constant=_no_constant)


def _too_many(body: bytes) -> bool:
    # Each value but the first stands behind one of these. Those in texts count too: telling them apart takes long.
    return sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES


def _is_deep(data: Any) -> bool:
    # Level by level: looking for the brackets in the text takes three times as long, and 180 MB for a large Bundle.
    level = [data]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            held = node.values() if node.__class__ is dict else node
            below += [value for value in held if value.__class__ is dict or value.__class__ is list]
        if not below:
            return False
        level = below
    return True


def _require_whole_characters(data: Any) -> None:
    try:
        json.dumps(data, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise MalformedJson("A string in the body holds half of a character (a lone surrogate).") from None
