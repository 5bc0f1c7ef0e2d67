"""A search as it was asked, read into a typed `Query`: nothing unknown is ever ignored.

https://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from fhir.models import require_served
from fhir.search import dates
from fhir.search.conditions import Beginning, Condition, Exactly, Moment, Prefix, Target, TokenValue, Value
from fhir.search.definitions import PARAMETERS, Kind, Parameter, names
from fhir.search.lookup import lookup
from fhir.search.query import NEWEST_FIRST, OLDEST_FIRST, Bounds, Query, SortKey, Summary, Total
from fhir.search.strings import folded, whole
from infra.problems import BadRequest

DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 500
MAX_VALUES: Final = 100  # alternatives in one parameter, so that one request can't ask for a million tokens
MAX_PARAMETERS: Final = 30
MOST_SEPARATORS: Final = 1000  # empty parts (`a=1&&b=2`) are no parameters
# With them come the control parameters; `cursor` is ours and only ever stands in a link that the server made.
FORMATS: Final = ("json", "application/json", "application/fhir+json")
CONTROLS: Final = ("_summary", "_total", "_count", "_sort", "_format", "_cursor")

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LITERAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_NAME = re.compile(r"[A-Za-z0-9_:.\-]{1,64}")
_PREFIXED = re.compile(r"([a-z]{2})(?=\d)")

Chosen = TypeVar("Chosen", bound=Enum)


class TooManyParameters(BadRequest):
    """A search takes at most 30 parameters."""

    issue = "too-costly"


class UnknownParameter(BadRequest):
    """This search parameter is not known for the type."""

    issue = "not-supported"


class ModifierRefused(BadRequest):
    """This modifier is not supported for the search parameter."""

    issue = "not-supported"


class BadValue(BadRequest):
    """The value of a search parameter can't be read."""

    issue = "value"


def pairs_of(text: str) -> tuple[tuple[str, str], ...]:
    """The (name, value) pairs of a query string or form; counted before they are split, as millions take seconds."""
    if text.count("&") > MOST_SEPARATORS:
        raise TooManyParameters
    return tuple(parse_qsl(text, keep_blank_values=True))


def parse(type: str, pairs: Iterable[tuple[str, str]]) -> Query:
    """The typed query of the (name, value) pairs of a query string; 400 naming what is unknown or can't be read."""
    require_served(type)
    given = list(pairs)
    if len(given) > MAX_PARAMETERS:
        raise TooManyParameters
    conditions: list[Condition] = []
    ids: frozenset[str] | None = None
    updated: list[tuple[Bounds, ...]] = []
    controls: dict[str, str] = {}
    for name, text in given:
        if name in CONTROLS:
            if name in controls:
                raise BadValue(f"{name} stands twice. Send it once.")
            controls[name] = text
        elif name == "_id":
            wanted = _ids(text)
            ids = wanted if ids is None else ids & wanted
        elif name == "_lastUpdated":
            updated.append(tuple(_bounds(_moment(name, part)) for part in _alternatives(name, text)))
        else:
            conditions.append(_condition(type, name, text))
    _require_json(controls)
    asked = lookup(type, conditions, table=PARAMETERS[type])
    return Query(
        type=type,
        conditions=tuple(conditions),
        tokens=asked.sets,
        decided=asked.decided,
        ids=ids,
        updated=tuple(updated),
        sort=_sort(controls.get("_sort")),
        count=_count(controls.get("_count")),
        total=_choice(Total, "_total", controls.get("_total", Total.ACCURATE.value)),
        summary=_summary(controls),
        cursor=controls.get("_cursor"),
        pairs=tuple(pair for pair in given if pair[0] != "_cursor"),
    )


def _condition(type: str, name: str, text: str) -> Condition:
    base, _, modifier = name.partition(":")
    parameter = PARAMETERS[type].parameters.get(base)
    if parameter is None:
        raise UnknownParameter(_unknown(type, name))
    if modifier and (modifier != "exact" or parameter.kind is not Kind.STRING):
        shown = modifier if _NAME.fullmatch(modifier) else "given"
        raise ModifierRefused(
            f"The modifier {shown} is not supported for {base}. Only :exact is, for names and other texts."
        )
    return Condition(parameter, tuple(_value(parameter, part, exact=modifier) for part in _alternatives(base, text)))


def _value(parameter: Parameter, text: str, *, exact: str) -> Value:
    match parameter.kind:
        case Kind.TOKEN:
            return _token_value(parameter.name, text)
        case Kind.REFERENCE:
            return _target(parameter, text)
        case Kind.CANONICAL | Kind.URI:
            return Target(frozenset({_unescaped(text)}))
        case Kind.DATE:
            return _moment(parameter.name, text)
        case Kind.STRING:
            plain = _unescaped(text)
            if exact:
                return Exactly(whole(plain))
            if not (form := folded(plain)):
                raise BadValue(f"The value of {parameter.name} holds no letter or digit.")
            return Beginning(form)
    raise UnknownParameter(f"The search parameter {parameter.name} is not supported yet.")


def _token_value(name: str, text: str) -> TokenValue:
    parts = _pieces(text, "|")
    if len(parts) > 2:
        raise BadValue(
            f"The value of {name} has more than one |. Write system|code, and \\| for a | that belongs to it."
        )
    code = _unescaped(parts[-1])
    if len(parts) == 1:
        return TokenValue(None, code)
    system = _unescaped(parts[0])
    if not system and not code:
        raise BadValue(f"The value of {name} names neither a system nor a code.")
    return TokenValue(system, code or None)


def _target(parameter: Parameter, text: str) -> Target:
    address = _unescaped(text)
    if _ID.fullmatch(address):
        return Target(frozenset(f"{target}/{address}" for target in parameter.targets))
    if literal := _LITERAL.fullmatch(address):
        if literal[1] not in parameter.targets:
            raise BadValue(f"{parameter.name} can't refer to that type, but to: {', '.join(parameter.targets)}.")
        return Target(frozenset({address}))
    if address.startswith(("http://", "https://", "urn:")):
        return Target(frozenset({address}))
    raise BadValue(f"The value of {parameter.name} must be an id, Type/id or an absolute address.")


def _moment(name: str, text: str) -> Moment:
    prefix = Prefix.EQ
    if form := _PREFIXED.match(text):
        try:
            prefix = Prefix(form[1])
        except ValueError:
            allowed = ", ".join(known.value for known in Prefix)
            raise BadValue(f"The prefix {form[1]} is not supported for {name}. Supported: {allowed}.") from None
        text = text[2:]
    try:
        return Moment(prefix, dates.interval(text))
    except dates.NotADateError:
        raise BadValue(
            f"The value of {name} must be a date or time like 2026, 2026-11, 2026-11-23 or 2026-11-23T10:00:00+01:00."
        ) from None


def _bounds(moment: Moment) -> Bounds:
    start, end = moment.interval
    match moment.prefix:
        case Prefix.EQ:
            return Bounds(start, end)
        case Prefix.GE:
            return Bounds(start, None)
        case Prefix.GT:
            return Bounds(end, None)
        case Prefix.LE:
            return Bounds(None, end)
        case Prefix.LT:
            return Bounds(None, start)


def _ids(text: str) -> frozenset[str]:
    parts = _alternatives("_id", text)
    if not all(_ID.fullmatch(part) for part in parts):
        raise BadValue("The value of _id must be an id: up to 64 letters, digits, - and .")
    return frozenset(parts)


def _alternatives(name: str, text: str) -> list[str]:
    parts = _pieces(text, ",")
    if not all(parts):
        raise BadValue(f"{name} has an empty value.")
    if len(parts) > MAX_VALUES:
        raise BadValue(f"{name} has more than {MAX_VALUES} values.")
    return parts


def _pieces(text: str, separator: str) -> list[str]:
    """The parts between the separators that no backslash stands before, their escapes kept."""
    if "\\" not in text:
        return text.split(separator)
    parts = [""]
    for piece in re.findall(r"\\.|\\$|[^\\]", text, re.DOTALL):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text) if "\\" in text else text


def _unknown(type: str, name: str) -> str:
    known = f"Known for {type}: {', '.join(names(type))}; for the answer: {', '.join(CONTROLS)}."
    if not _NAME.fullmatch(name):
        return f"A search parameter is not known. {known}"
    if "." in name:
        return f"Chained parameters ({name}) are not supported. {known}"
    return f"The search parameter {name} is not known. {known}"


def _choice(kind: type[Chosen], name: str, text: str) -> Chosen:
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(str(choice.value) for choice in kind)
        raise BadValue(f"The value of {name} must be one of: {allowed}.") from None


def narrowed(query: Query, conditions: Iterable[Condition], *, ids: frozenset[str] | None = None) -> Query:
    """The query with more conditions, and only these ids: what chains and `_has` came to. It has none of them left."""
    both = (*query.conditions, *conditions)
    asked = lookup(query.type, both, table=PARAMETERS[query.type])
    if ids is not None and query.ids is not None:
        ids &= query.ids
    return replace(
        query,
        conditions=both,
        tokens=asked.sets,
        decided=asked.decided,
        ids=query.ids if ids is None else ids,
        chains=(),
        has=(),
    )


def _sort(text: str | None) -> tuple[SortKey, ...]:
    known = {"-_lastUpdated": NEWEST_FIRST, "_lastUpdated": OLDEST_FIRST}
    if text is not None and text not in known:
        raise BadValue(f"The value of _sort must be one of: {', '.join(known)}.")
    return (known[text] if text else NEWEST_FIRST,)


def _count(text: str | None) -> int:
    if text is None:
        return DEFAULT_COUNT
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadValue("The value of _count must be a whole number, 0 or more.")
    return min(int(text), MAX_COUNT)


def _summary(controls: Mapping[str, str]) -> Summary:
    asked = _choice(Summary, "_summary", controls.get("_summary", Summary.RESOURCES.value))
    return Summary.COUNT if controls.get("_count") == "0" else asked  # R4: _count=0 means the same


def _require_json(controls: Mapping[str, str]) -> None:
    if controls.get("_format", "json") not in FORMATS:
        raise BadValue(f"The value of _format must be one of: {', '.join(FORMATS)}.")
