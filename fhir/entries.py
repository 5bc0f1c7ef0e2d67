"""Reading a batch or transaction Bundle: what each entry asks for, and its resource as the bytes that came.

All that needs no database happens here: new ids are given, links between the entries are rewritten, resources checked.
https://hl7.org/fhir/R4/http.html#transaction
"""

import base64
import binascii
import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from fhir import capability, codec, costs, links, misread, preconditions, unresolved
from fhir.codec import Parsed
from fhir.drafts import Draft
from fhir.ids import new_id
from fhir.located import located
from fhir.outcome import Telling
from fhir.patches import patch as patches
from fhir.patches.patch import Ahead, Patch
from fhir.policy import Action
from fhir.rules import validate_part
from fhir.rules.faults import MOST
from fhir.search import dates
from fhir.search.parsing import pairs_of
from fhir.search.parsing import parse as parse_query
from fhir.search.plans import is_short
from fhir.search.query import Query
from fhir.spans import objects
from infra.problems import BadRequest, Issue, Problem

MAX_ENTRIES: Final = 2000
KEPT: Final = "Bundle"  # as the type of an entry: it is kept as it was sent, with links of its own
MOST_PATCHED: Final = 1_048_576  # bytes of a resource after a patch
MOST_ISSUES: Final = 1000  # of all entries of a batch; of each the first is told in any case

_ADDRESS: Final = re.compile(
    r"(?P<type>[A-Z][A-Za-z]+)(?:/(?P<id>[A-Za-z0-9\-.]{1,64}))?"
    r"(?:/_history/(?P<version>\d{1,9}))?(?:\?(?P<query>.*))?"
)
_RESTFUL: Final = re.compile(r"(https?://.+/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})")
# What a Bundle to carry out, its entries and their requests may say (bdl-2, bdl-4: no search, no response). All else would
# be passed over, a misspelt ifMatch too.
_KNOWN: Final = {
    "Bundle": frozenset([
        "resourceType", "id", "meta", "implicitRules", "language", "identifier", "type", "timestamp", "total", "link",
        "entry", "signature",
    ]),
    "entry": frozenset(["id", "extension", "link", "fullUrl", "resource", "request"]),
    "request": frozenset(
        ["id", "extension", "method", "url", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"]
    ),
}  # fmt: skip

_MEMBER: Final = re.compile(r"[A-Za-z_]{1,40}")
_CONDITIONS: Final = frozenset(["ifMatch", "ifNoneExist", "ifNoneMatch", "ifModifiedSince"])


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


def twice(first: int, second: int, problem: type[SameTwice] = SameTwice) -> SameTwice:
    """The problem that names two entries, by their indexes."""
    places = (f"Bundle.entry[{first}]", f"Bundle.entry[{second}]")
    return problem(issues=[Issue(problem.issue, problem().text, places)])


class Sent(NamedTuple):
    """An entry as it came: its resource is text that nothing has changed."""

    index: int  # type: ignore[assignment]  # hides tuple.index, for which nobody asks an entry
    full_url: str
    request: dict[str, Any]
    resource: str | None
    data: Any  # of the resource


class Searched(NamedTuple):
    """The Bundle that a search came to, and the compartments of which it shows something."""

    body: bytes
    shown: frozenset[str]


class Entry(NamedTuple):
    """What an entry asks for, and what of it was made ready before the unit that carries it out."""

    index: int  # type: ignore[assignment]  # hides tuple.index, for which nobody asks an entry
    action: Action
    type: str
    id: str | None = None
    version: int | None = None
    parsed: Parsed | None = None
    patch: Patch | Ahead | None = None
    if_match: int | None = None
    query: Query | None = None  # of a search, or the criteria of a conditional interaction
    without_body: bool = False  # HEAD
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    draft: Draft | None = None  # of a new resource
    found: Searched | None = None  # of a search that is not in the log yet

    @property
    def reference(self) -> str:
        """The relative reference to the resource that the entry is about."""
        return f"{self.type}/{self.id}"

    @property
    def is_conditional(self) -> bool:
        """True where criteria say which resource is written, or whether one is."""
        return self.query is not None and self.action is not Action.SEARCH

    @property
    def is_ready(self) -> bool:
        """False if most of its work can still be done before the unit: of a create, a patch, a search that walks."""
        match self.action:
            case Action.CREATE:
                return self.draft is not None
            case Action.PATCH:
                return isinstance(self.patch, Ahead)
            case Action.SEARCH:
                return self.found is not None or self.query is None or is_short(self.query)
        return True


def sent(body: bytes, base_url: str) -> tuple[Kind, list[Sent]]:
    """The kind of the Bundle and its entries; their addresses may begin with our own base."""
    data = codec.parse(body, type="Bundle").data
    if data.get("type") not in [kind.value for kind in Kind]:
        raise NotProcessed
    _require_known(data, "Bundle")
    entries = data.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise BadEntry(f"A Bundle has at most {MAX_ENTRIES} entries, in a list.")
    texts = enumerate(_texts(body, entries))
    return Kind(data["type"]), [_sent(n, entry, text, base_url=base_url) for n, (entry, text) in texts]


def transaction(entries: list[Sent]) -> list[Entry]:
    """What the entries ask for, with new ids given and the links between them rewritten."""
    asked = [_asked(entry) for entry in entries]
    known, below = _links(entries, asked)
    changed: dict[str, int] = {}
    for entry in asked:
        if entry.action.changes and not entry.is_conditional:
            first = changed.setdefault(entry.reference, entry.index)
            if first != entry.index:
                raise twice(first, entry.index)
    links_of = (ChainMap(below.get(_base(came.full_url), {}), known) for came in entries)
    read = [_read(entry, came, links) for entry, came, links in zip(asked, entries, links_of, strict=True)]
    for entry in read:
        with located(entry.index):
            if entry.parsed is not None:
                unresolved.refuse_urns(entry.parsed, unresolved.NoSuchEntry)
    return read


def batch(entries: list[Sent]) -> Iterator[Entry | Problem]:
    """What each entry asks for by itself, or what is wrong with it."""
    telling = Telling(MOST_ISSUES)
    for entry in entries:
        try:
            read = _read(_asked(entry), entry, {}, most=telling.room)
            with located(entry.index):
                if read.parsed is not None:
                    unresolved.refuse_urns(read.parsed, unresolved.NotInABatch)
                    unresolved.refuse_criteria(read.parsed)
            yield read
        except Problem as problem:
            yield telling.told(problem).kept()


def relinked(entry: Entry, known: Mapping[str, str]) -> Entry:
    """The entry with some more references exchanged."""
    if not known or entry.type == KEPT:
        return entry
    if entry.patch is not None:
        return entry._replace(patch=entry.patch.relinked(known))
    if entry.parsed is None:
        return entry
    text = entry.parsed.raw.decode()
    changed = links.rewrite(text, known)
    if changed == text:
        return entry
    costs.opened(entry.parsed.raw)
    return entry._replace(parsed=codec.parse(changed.encode(), type=entry.type), draft=None)


def _texts(body: bytes, entries: list[Any]) -> Iterator[tuple[Any, str | None]]:
    text = body.decode()
    parts = objects(text, "entry") if entries else []
    for entry, part in zip(entries, parts, strict=True):
        resource = part.get("resource")
        yield entry, text[resource.start : resource.end] if resource else None


def _sent(index: int, entry: Any, text: str | None, *, base_url: str) -> Sent:
    request = entry.get("request") if isinstance(entry, dict) else None
    full_url = entry.get("fullUrl", "") if isinstance(entry, dict) else None
    with located(index):
        if not isinstance(request, dict):
            raise BadEntry("An entry needs request, with method and url.")
        if not isinstance(full_url, str):
            raise BadEntry("The element fullUrl must be a text.")
        _require_known(entry, "entry")
        _require_known(request, "request")
    if isinstance(url := request.get("url"), str) and base_url:
        request["url"] = url.removeprefix(f"{base_url}/")
    return Sent(index, full_url, request, text, entry.get("resource"))


def _require_known(held: dict[str, Any], part: str) -> None:
    unknown = [name for name in held if name.removeprefix("_") not in _KNOWN[part]]
    if unknown:
        shown = unknown[0] if _MEMBER.fullmatch(unknown[0]) else "given"
        raise BadEntry(f"The element {shown} does not belong into the {part} of what is to be carried out.")


def _asked(entry: Sent) -> Entry:
    with located(entry.index):
        return _request(entry)


def _request(entry: Sent) -> Entry:
    method, url = entry.request.get("method"), entry.request.get("url")
    address = _ADDRESS.fullmatch(url) if isinstance(url, str) else None
    if (wrong := misread.why(method, url, resource=entry.resource)) or address is None:
        raise BadEntry(wrong)
    type, id, version, query = address.group("type", "id", "version", "query")
    action = _action(method, has_id=id is not None, has_version=version is not None)
    if query is not None and (id is not None or action is Action.CREATE):
        raise BadEntry("Criteria stand after a type alone; those of a create in request.ifNoneExist.")
    capability.require(type, action)
    asked = Entry(
        entry.index,
        action,
        type,
        id=new_id() if id is None and action in (Action.CREATE, Action.UPDATE) else id,
        version=int(version) if version else None,
        if_match=preconditions.version(_condition(entry, "ifMatch")),
        query=_query(action, type, query, id=id, if_none_exist=_condition(entry, "ifNoneExist")),
        without_body=method == "HEAD",
        if_none_match=_condition(entry, "ifNoneMatch"),
        if_modified_since=_instant(_condition(entry, "ifModifiedSince")),
    )
    _refuse_others(entry, asked)
    return asked


def _action(method: Any, *, has_id: bool, has_version: bool) -> Action:
    match method, has_id, has_version:
        case "POST", False, False:
            return Action.CREATE
        case "PUT", _, False:
            return Action.UPDATE
        case "PATCH", _, False:
            return Action.PATCH
        case "DELETE", _, False:
            return Action.DELETE
        case "GET" | "HEAD", True, True:
            return Action.VREAD
        case "GET" | "HEAD", True, False:
            return Action.READ
        case "GET" | "HEAD", False, False:
            return Action.SEARCH
    raise BadEntry


def _refuse_others(entry: Sent, asked: Entry) -> None:
    """Nothing; 400 for a condition that says nothing about this interaction, as it would be passed over."""
    if _CONDITIONS.isdisjoint(entry.request):
        return
    of_write = asked.action in (Action.UPDATE, Action.PATCH, Action.DELETE)
    of_read = asked.action in (Action.READ, Action.VREAD)
    fitting = {"ifMatch": of_write, "ifNoneExist": asked.action is Action.CREATE}
    fitting |= {"ifNoneMatch": of_read, "ifModifiedSince": of_read}
    wrong = [name for name, fits in fitting.items() if name in entry.request and not fits]
    if wrong:
        raise BadEntry(f"The element request.{wrong[0]} does not go with this method.")


def _condition(entry: Sent, name: str) -> str | None:
    held = entry.request.get(name)
    if held is not None and not isinstance(held, str):
        raise BadEntry(f"The element request.{name} must be a text.")
    return held


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return dates.interval(text).start
    except dates.NotADateError:
        raise BadEntry("The element request.ifModifiedSince must be an instant.") from None


def _query(action: Action, type: str, query: str | None, *, id: str | None, if_none_exist: str | None) -> Query | None:
    if action is Action.SEARCH:
        return parse_query(type, pairs_of(query or ""))
    if action is Action.CREATE:
        return preconditions.criteria(type, if_none_exist)
    return preconditions.sought(type, query or "") if id is None else None


def _links(entries: list[Sent], asked: list[Entry]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """What each fullUrl comes to, and below each base what its relative links come to.

    A relative link means the base of the fullUrl that it stands under; under a urn, or none, it means this server.
    https://hl7.org/fhir/R4/bundle.html#references
    """
    seen: set[str] = set()
    known: dict[str, str] = {}
    below: dict[str, dict[str, str]] = {}
    for came, entry in zip(entries, asked, strict=True):
        if not came.full_url or entry.id is None:
            continue
        if came.full_url in seen:
            with located(entry.index):
                raise SameTwice
        seen.add(came.full_url)
        if entry.action is Action.DELETE:
            continue  # a link to it would lead nowhere
        known[came.full_url] = entry.reference
        if restful := _RESTFUL.fullmatch(came.full_url):
            below.setdefault(restful[1], {})[restful[2]] = entry.reference
    return known, below


def _base(full_url: str) -> str:
    restful = _RESTFUL.fullmatch(full_url)
    return restful[1] if restful else ""


def _read(entry: Entry, came: Sent, known: Mapping[str, str], *, most: int = MOST) -> Entry:
    if came.resource is None:
        return entry
    if entry.type == KEPT:
        known = {}
    with located(entry.index):
        if entry.action is Action.PATCH:
            return entry._replace(patch=_patch(entry, came.resource).relinked(known))
        return entry._replace(parsed=_resource(entry, came, links.rewrite(came.resource, known), most=most))


def _resource(entry: Entry, came: Sent, text: str, *, most: int) -> Parsed:
    # What was not relinked has been read with the Bundle.
    data = came.data if text == came.resource else codec.load(text.encode())
    parsed = codec.typed(data, text.encode(), type=entry.type)
    if entry.action is Action.UPDATE and not entry.is_conditional and parsed.data.get("id") != entry.id:
        raise BadEntry("The resource's id must be the one of request.url.")
    validate_part(parsed, most=most)
    return parsed


def _patch(entry: Entry, text: str) -> Patch:
    """A JSON Patch comes in a Binary, a FHIRPath Patch as it is. https://hl7.org/fhir/R4/http.html#patch"""
    held = codec.load(text.encode())
    if not isinstance(held, dict):
        raise BadEntry
    media_type, body = patches.FHIR_JSON[0], text.encode()
    if held.get("resourceType") == "Binary":
        media_type = str(held.get("contentType", "")).lower().partition(";")[0].strip()
        try:
            body = base64.b64decode(str(held.get("data", "")), validate=True)
        except binascii.Error:
            raise BadEntry("The data of the Binary must be base64.") from None
    return patches.read(media_type, body, type=entry.type, limit=MOST_PATCHED, check=validate_part)
