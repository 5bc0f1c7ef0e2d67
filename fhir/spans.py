"""Where the parts of a JSON text stand: the spans of an object's members and an array's items, without changing any.

Works on text that `fhir.codec.load` has accepted. The C scanner of the json module tells where each value ends, so a
resource of 1 kB takes a few microseconds; the values it makes on the way are thrown away.
"""

import json
import re
from collections.abc import Callable
from typing import Final, NamedTuple

_scan: Final[Callable[[str, int], tuple[object, int]]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # typeshed hides it; raw_decode is a Python wrapper around it
_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_SPACE: Final = r"[ \t\n\r]*+"
_KEY = re.compile(f"[{{,]{_SPACE}({_STRING}){_SPACE}:{_SPACE}")
_BEFORE_ITEM = re.compile(rf"[\[,]{_SPACE}(?!\])")
_STRING_OR_KEY = re.compile(f"{_STRING}({_SPACE}:)?")
_space = re.compile(_SPACE)


class NotScannedError(ValueError):
    """This is not the JSON of an object or array that was parsed before."""


class Span(NamedTuple):
    """Where a value begins and ends in the text."""

    start: int
    end: int


def members(text: str, *, at: int = 0) -> dict[str, Span]:
    """The spans of the values of the object that begins at a position (white space may stand before it), by key."""
    return _members(text, at)[0]


def objects(text: str, name: str) -> list[dict[str, Span]]:
    """The members of each object of an array, which is the member of this name of the object that is the text.

    The same as `members` of each of `items`, but every value is passed over once instead of three times.
    """
    position = _place(text, name)
    found: list[dict[str, Span]] = []
    while before := _BEFORE_ITEM.match(text, position):
        start = before.end()
        if text[start] == "{":
            held, end = _members(text, start)
            found.append(held)
        else:
            end = _scan(text, start)[1]
            found.append({})
        position = _after_space(text, end)
    return found


def _members(text: str, at: int) -> tuple[dict[str, Span], int]:
    """The members, and where the object ends."""
    found: dict[str, Span] = {}
    position = _open(text, at, "{")
    while key := _KEY.match(text, position):
        start = key.end()
        position = _scan(text, start)[1]
        found[_name(key)] = Span(start, position)
        if text[position] not in ",}":
            position = _after_space(text, position)
    # Behind the last value stands the bracket; in an empty object white space may stand before it.
    return found, (position if found else _after_space(text, position + 1)) + 1


def _place(text: str, name: str) -> int:
    """Where the array begins that is the value of a member of the outer object."""
    position = _open(text, 0, "{")
    while key := _KEY.match(text, position):
        if _name(key) == name:
            return _open(text, key.end(), "[")
        position = _after_space(text, _scan(text, key.end())[1])
    raise NotScannedError


def _name(key: re.Match[str]) -> str:
    quoted = key[1]
    return str(json.loads(quoted)) if "\\" in quoted else quoted[1:-1]


def items(text: str, *, at: int = 0, most: int | None = None) -> list[Span]:
    """The spans of the items of the array that begins at a position (white space may stand before it), in order."""
    found: list[Span] = []
    position = _open(text, at, "[")
    while (most is None or len(found) < most) and (before := _BEFORE_ITEM.match(text, position)):
        start = before.end()
        end = _scan(text, start)[1]
        found.append(Span(start, end))
        position = _after_space(text, end)
    return found


def replace_strings(text: str, replacement: Callable[[str], str | None]) -> str:
    """The same JSON with each string value (never a key) exchanged for which the function has another one."""

    def exchanged(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[0]
        other = replacement(json.loads(match[0]))
        return match[0] if other is None else json.dumps(other, ensure_ascii=False)

    return _STRING_OR_KEY.sub(exchanged, text)


def _open(text: str, at: int, bracket: str) -> int:
    position = _after_space(text, at)
    if text[position : position + 1] != bracket:
        raise NotScannedError
    return position


def _after_space(text: str, position: int) -> int:
    match = _space.match(text, position)
    return position if match is None else match.end()
