"""Reading a batch or transaction Bundle: what each entry asks for, and its resource as the bytes that came.

All that needs no database happens here: new ids are given, links between the entries are rewritten, resources checked.
https://hl7.org/fhir/R4/http.html#transaction
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from fhir import capability, codec, links, preconditions
from fhir.codec import Parsed
from fhir.ids import new_id
from fhir.policy import Action
from fhir.rules import validate
from fhir.search.parsing import pairs_of
from fhir.search.parsing import parse as parse_query
from fhir.search.query import Query
from fhir.spans import items, members
from infra.problems import BadRequest, Problem

MAX_ENTRIES: Final = 2000

_ADDRESS: Final = re.compile(
    r"(?:[a-z]+://[^?]+/)?(?P<type>[A-Z][A-Za-z]+)(?:/(?P<id>[A-Za-z0-9\-.]{1,64}))?"
    r"(?:/_history/(?P<version>\d{1,9}))?(?:\?(?P<query>.*))?"
)
_RESTFUL: Final = re.compile(r"https?://.+/([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})")


class Kind(Enum):
    """The Bundle types that are processed."""

    BATCH = "batch"
    TRANSACTION = "transaction"


class NotProcessed(BadRequest):
    """The Bundle's type must be batch or transaction."""

    issue = "value"


class BadEntry(BadRequest):
    """An entry needs request.method and request.url that fit together, and a resource for POST and PUT alone."""


class SameTwice(BadRequest):
    """Two entries of a transaction have the same fullUrl or change the same resource."""

    issue = "duplicate"


@dataclass(frozen=True, slots=True)
class Sent:
    """An entry as it came: its resource is text that nothing has changed."""

    index: int
    full_url: str
    request: dict[str, Any]
    resource: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry asks for."""

    index: int
    action: Action
    type: str
    id: str | None = None
    version: int | None = None
    parsed: Parsed | None = None
    if_match: int | None = None
    query: Query | None = None  # of a search, or of a conditional create

    @property
    def reference(self) -> str:
        """The relative reference to the resource that the entry is about."""
        return f"{self.type}/{self.id}"


def sent(body: bytes) -> tuple[Kind, list[Sent]]:
    """The kind of the Bundle and its entries."""
    data = codec.parse(body, type="Bundle").data
    if data.get("type") not in [kind.value for kind in Kind]:
        raise NotProcessed
    entries = data.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise BadEntry(f"A Bundle has at most {MAX_ENTRIES} entries, in a list.")
    return Kind(data["type"]), [_sent(n, entry, text) for n, (entry, text) in enumerate(_texts(body, entries))]


def transaction(entries: list[Sent]) -> list[Entry]:
    """What the entries ask for, with new ids given and the links between them rewritten."""
    asked = [_asked(entry) for entry in entries]
    known = _links(entries, asked)
    changed = [entry.reference for entry in asked if entry.action.changes]
    if len(set(changed)) != len(changed):
        raise SameTwice
    return [_read(entry, came, known) for entry, came in zip(asked, entries, strict=True)]


def batch(entries: list[Sent]) -> Iterator[Entry | Problem]:
    """What each entry asks for by itself, or what is wrong with it."""
    for entry in entries:
        try:
            yield _read(_asked(entry), entry, {})
        except Problem as problem:
            yield problem


def relinked(entry: Entry, known: dict[str, str]) -> Entry:
    """The entry with some more references exchanged."""
    if entry.parsed is None or not known:
        return entry
    text = entry.parsed.raw.decode()
    changed = links.rewrite(text, known)
    if changed == text:
        return entry
    return replace(entry, parsed=codec.parse(changed.encode(), type=entry.type))


@contextmanager
def located(index: int) -> Iterator[None]:
    """A stretch of work on one entry: a problem in it says which entry it is about."""
    try:
        yield
    except Problem as problem:
        place = f"Bundle.entry[{index}]"
        problem.issues = tuple(replace(issue, expression=(place, *issue.expression)) for issue in problem.issues)
        raise


def _texts(body: bytes, entries: list[Any]) -> Iterator[tuple[Any, str | None]]:
    text = body.decode()
    whole = members(text)
    spans = items(text, at=whole["entry"].start) if entries else []
    for entry, span in zip(entries, spans, strict=True):
        part = members(text, at=span.start).get("resource") if isinstance(entry, dict) else None
        yield entry, text[part.start : part.end] if part else None


def _sent(index: int, entry: Any, text: str | None) -> Sent:
    request = entry.get("request") if isinstance(entry, dict) else None
    full_url = entry.get("fullUrl", "") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(full_url, str):
        raise BadEntry
    return Sent(index, full_url, request, text)


def _asked(entry: Sent) -> Entry:
    with located(entry.index):
        return _request(entry)


def _request(entry: Sent) -> Entry:
    method, url = entry.request.get("method"), entry.request.get("url")
    address = _ADDRESS.fullmatch(url) if isinstance(url, str) else None
    if address is None or (entry.resource is not None) != (method in ("POST", "PUT")):
        raise BadEntry
    type, id, version, query = address.group("type", "id", "version", "query")
    action = _action(method, has_id=id is not None, has_version=version is not None)
    if query is not None and action is not Action.SEARCH:
        raise BadEntry("Conditional updates and deletes are not offered.")
    capability.require(type, action)
    return Entry(
        entry.index,
        action,
        type,
        id=new_id() if action is Action.CREATE else id,
        version=int(version) if version else None,
        if_match=preconditions.version(_condition(entry, "ifMatch")),
        query=_query(action, type, query, _condition(entry, "ifNoneExist")),
    )


def _action(method: Any, *, has_id: bool, has_version: bool) -> Action:
    match method, has_id, has_version:
        case "POST", False, False:
            return Action.CREATE
        case "PUT", True, False:
            return Action.UPDATE
        case "DELETE", True, False:
            return Action.DELETE
        case "GET", True, True:
            return Action.VREAD
        case "GET", True, False:
            return Action.READ
        case "GET", False, False:
            return Action.SEARCH
    raise BadEntry


def _condition(entry: Sent, name: str) -> str | None:
    held = entry.request.get(name)
    if held is not None and not isinstance(held, str):
        raise BadEntry(f"The element request.{name} must be a text.")
    return held


def _query(action: Action, type: str, query: str | None, if_none_exist: str | None) -> Query | None:
    if action is Action.SEARCH:
        return parse_query(type, pairs_of(query or ""))
    return preconditions.criteria(type, if_none_exist) if action is Action.CREATE else None


def _links(entries: list[Sent], asked: list[Entry]) -> dict[str, str]:
    known: dict[str, str] = {}
    for came, entry in zip(entries, asked, strict=True):
        if not came.full_url or entry.id is None:
            continue
        if came.full_url in known:
            raise SameTwice
        known[came.full_url] = entry.reference
        # A relative link means the same base as the fullUrl it stands under.
        if restful := _RESTFUL.fullmatch(came.full_url):
            known[restful[1]] = entry.reference
    return known


def _read(entry: Entry, came: Sent, known: dict[str, str]) -> Entry:
    if came.resource is None:
        return entry
    with located(entry.index):
        return replace(entry, parsed=_resource(entry, links.rewrite(came.resource, known)))


def _resource(entry: Entry, text: str) -> Parsed:
    parsed = codec.parse(text.encode(), type=entry.type)
    if entry.action is Action.UPDATE and parsed.data.get("id") != entry.id:
        raise BadEntry("The resource's id must be the one of request.url.")
    validate(parsed)
    return parsed
