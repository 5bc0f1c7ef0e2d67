"""The headers by which a client says under which condition a write may happen.

https://hl7.org/fhir/R4/http.html#concurrency
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from fhir.policy import Action
from fhir.search.parsing import pairs_of, parse
from fhir.search.query import Query
from infra.problems import BadRequest

_OF_THE_ANSWER: Final = ("_format", "_pretty")
_OF_A_PAGE: Final = ("_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", "_cursor")
_CONDITIONS: Final = {
    b"if-match": "If-Match", b"if-none-match": "If-None-Match", b"if-none-exist": "If-None-Exist",
    b"if-modified-since": "If-Modified-Since", b"if-unmodified-since": "If-Unmodified-Since",
}  # fmt: skip
_TAGS: Final = re.compile(r'"([^"]*)"')
_ETAG: Final = re.compile(r'(?:W/)?"(\d{1,9})"')


class BadVersion(BadRequest):
    """If-Match must name one version, like W/"3"."""

    issue = "value"


class NoCriteria(BadRequest):
    """A conditional interaction needs at least one search parameter that selects."""

    issue = "value"


class NotCriteria(BadRequest):
    """A conditional interaction takes search parameters that select, none for pages, order or parts of the answer."""

    issue = "not-supported"


class ConditionRefused(BadRequest):
    """A condition in the headers does not go with this interaction, and would be passed over."""

    issue = "not-supported"


def require_fitting(headers: Iterable[tuple[bytes, bytes]], method: str, action: Action | None) -> None:
    """Nothing; 400 for a condition that says nothing about this interaction: nobody may think that it was looked at."""
    for name, _ in headers:
        if name.startswith(b"if-") and not _fits(name, method, action):
            raise ConditionRefused(f"The header {_CONDITIONS.get(name, 'If-...')} does not go with this interaction.")


def _fits(name: bytes, method: str, action: Action | None) -> bool:
    match name:
        case b"if-match":
            return action in (Action.UPDATE, Action.PATCH, Action.DELETE)
        case b"if-none-exist":
            return action is Action.CREATE
        case b"if-none-match" | b"if-modified-since":
            return method in ("GET", "HEAD")
    return name not in _CONDITIONS  # If-Range: without Range, which no answer has, it says nothing


def version(if_match: str | None) -> int | None:
    """The version that If-Match names; None if there is no such header."""
    if if_match is None:
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise BadVersion
    return int(match[1])


def is_known(present: int, last_updated: datetime, *, if_none_match: str | None, since: datetime | None) -> bool:
    """True if the client has this version already; If-None-Match counts before If-Modified-Since (RFC 9110, 13.2.2)."""
    if if_none_match is not None:
        return if_none_match.strip() == "*" or str(present) in _TAGS.findall(if_none_match)
    # HTTP dates have no fractions of a second.
    return since is not None and last_updated.replace(microsecond=0) <= since


def http_moment(text: str | None) -> datetime | None:
    """The moment of an HTTP date; one that can't be read is passed over (RFC 9110, 13.1.3)."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # of a zone or a year that no clock can hold
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def criteria(type: str, if_none_exist: str | None) -> Query | None:
    """The query of If-None-Exist; None if there is no such header."""
    if if_none_exist is None:
        return None
    text = if_none_exist.strip()
    address, mark, rest = text.partition("?")
    if mark and "=" not in address:  # `Patient?identifier=...`; a ? in a value is a part of it
        if address.rpartition("/")[2] not in ("", type):
            raise NotCriteria(f"The criteria of If-None-Exist must be about {type}, as the address is.")
        text = rest
    return sought(type, text)


def sought(type: str, text: str) -> Query:
    """The query of a conditional interaction; `NoCriteria` if it would match everything."""
    pairs = tuple(pair for pair in pairs_of(text) if pair[0] not in _OF_THE_ANSWER)
    query = parse(type, pairs)
    if not (query.conditions or query.ids is not None or query.updated or query.chains or query.has):
        raise NoCriteria
    if any(name in _OF_A_PAGE for name, _ in pairs):
        raise NotCriteria
    return query
