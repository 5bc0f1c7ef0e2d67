"""What every FHIR route has at hand, and the one way from a request to an atomic unit and back to an answer."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from fhir import capability, codec, outcome, preconditions, preferences
from fhir.audit import Access
from fhir.choices import Choices
from fhir.codec import Parsed
from fhir.interactions import negotiation
from fhir.outcome import MEDIA_TYPE
from fhir.policy import Action
from fhir.preferences import Returning
from fhir.rows import Stored
from fhir.rules import validate
from fhir.store import IdTaken, Store
from fhir.unresolved import refuse_criteria
from infra import web
from infra.caller import Caller
from infra.database import Database, OneOf
from infra.problems import Forbidden, MethodNotAllowed, NotFound, TooLarge, UnsupportedMediaType

T = TypeVar("T")

BODY_LIMIT: Final = 1_048_576
BUNDLE_LIMIT: Final = 10_485_760
LARGE: Final = 32_768
# Nothing of the record may lie in a cache between us and the client.
HEADERS: Final = {"Cache-Control": "no-store"}
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CHARSET: Final = re.compile(r"\bcharset\s*=\s*\"?([^\s\";]+)")
_SAID: Final = {200: "The resource is stored.", 201: "The resource is created."}
_FHIR_VERSION: Final = re.compile(r"\bfhirversion\s*=\s*\"?([^\s\";]+)")
_BY_POST: Final = {"Allow": "POST"}
FHIR_TYPES: Final = ("application/fhir+json", "application/json")


@dataclass(frozen=True, slots=True)
class Record:
    """The record as the routes see it. `base_url` is the FHIR base without a slash at its end."""

    database: Database
    store: Store
    base_url: str
    body_limit: int = BODY_LIMIT
    bundle_limit: int = BUNDLE_LIMIT
    choices: Choices = Choices()  # noqa: RUF009  # frozen
    # Reading a large Bundle takes up to 300 MB and a second: one has its turn after the other, the others wait as bytes.
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1), compare=False)

    async def run(self, caller: Caller, access: Access, unit: Callable[[Session], T]) -> T:
        """What the unit returns; a refused access is written to the log before the caller hears of it."""
        return await self._logged(caller, access, self.database.write(unit))

    async def run_short(
        self, caller: Caller, access: Access, unit: Callable[[Session], T], one: OneOf[T] | None = None
    ) -> T:
        """The same for a unit of less than a millisecond, cheaper (see `Database.short`)."""
        return await self._logged(caller, access, self.database.short(unit, one))

    async def look(self, caller: Caller, access: Access, unit: Callable[[Session], T]) -> T:
        """What the unit returns from a snapshot; it writes nothing, so the access is still to be logged."""
        return await self._logged(caller, access, self.database.read(unit))

    async def _logged(self, caller: Caller, access: Access, doing: Awaitable[T]) -> T:
        try:
            return await doing
        except (NotFound, Forbidden, IdTaken):
            await self.database.write(lambda session: self.store.refused(session, caller, access))
            raise


RecordOf = Callable[[Request], Record]
CallerOf = Callable[[Request], Awaitable[Caller]]
Interaction = Callable[[Request, Record, Caller], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Template:
    """A route's path with its placeholders: what the request log shows instead of the address."""

    path: str


class Offer(NamedTuple):
    """What a method on a path does, and the action that a type must offer for it; None if no type has to."""

    interaction: Interaction
    action: Action | None


def guarded(offers: Mapping[str, Offer], path: str, *, record_of: RecordOf, caller_of: CallerOf) -> Endpoint:
    """The endpoint of a path, for all of its methods: no caller, no answer."""
    template = Template(path)
    by_method = {**offers, "HEAD": offers["GET"]} if "GET" in offers else dict(offers)

    async def endpoint(request: Request) -> Response:
        request.scope["route"] = template
        caller = await caller_of(request)
        negotiation.require_json(request)
        offer = by_method[request.method]
        preconditions.require_fitting(request.scope["headers"], request.method, offer.action)
        try:
            response = await offer.interaction(request, record_of(request), caller)
        except capability.NotOffered as refused:
            refused.headers["Allow"] = _allow(by_method, request.path_params["type"])
            raise
        except capability.NoSuchOperation:
            _require_other_method(request)
            raise
        return negotiation.laid_out(request, response)

    # The application's start-up check looks here for who may call a route.
    endpoint.__dict__["guard"] = caller_of
    return endpoint


def _require_other_method(request: Request) -> None:
    """Nothing; 405 for an operation that this address has by another method, whoever made its route."""
    path: str = request.scope["path"]
    if methods := web.allowed(request.app, path, ending=path[path.rindex("/") :]):
        by = " or ".join(methods)
        raise MethodNotAllowed(f"This operation is called by {by}.", headers={"Allow": ", ".join(methods)}) from None


def _allow(offers: Mapping[str, Offer], type: str) -> str:
    offered = capability.INTERACTIONS[type]
    return ", ".join(sorted(method for method, (_, action) in offers.items() if action is None or action in offered))


def type_of(request: Request, action: Action) -> str:
    """The resource type in the address, if this interaction is offered on it."""
    type: str = request.path_params["type"]
    if type.startswith("$"):
        raise capability.NoSuchOperation
    capability.require(type, action)
    return type


def id_of(request: Request) -> str:
    """The id in the address; what can't be an id is absent like any other."""
    id: str = request.path_params["id"]
    if id.startswith("$"):
        raise capability.NoSuchOperation
    if id == "_search":
        raise MethodNotAllowed(
            "A search at _search is a POST of a form; by GET it stands behind the type.", headers=_BY_POST
        )
    if _ID.fullmatch(id) is None:
        raise NotFound
    return id


async def resource_of(request: Request, record: Record, type: str) -> Parsed:
    """The resource in the body of a write, checked; a large one while the event loop serves others."""
    return await aside(lambda body: _checked(body, type), await body_of(request, limit=record.body_limit))


async def aside(work: Callable[[bytes], T], body: bytes) -> T:
    """What the work makes of a body; of a large one while the event loop serves others."""
    return work(body) if len(body) <= LARGE else await asyncio.to_thread(work, body)


def _checked(body: bytes, type: str) -> Parsed:
    parsed = codec.parse(body, type=type)
    validate(parsed)
    refuse_criteria(parsed)
    return parsed


async def body_of(request: Request, *, limit: int, types: tuple[str, ...] = FHIR_TYPES) -> bytes:
    """The body of a write; 415 if it is not FHIR JSON, 413 if it is too large."""
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if media_type.strip() not in types:
        # RFC 5789, 3.1: whoever sends a patch of another kind is told which ones are read.
        told = {"Accept-Patch": ", ".join(types)} if request.method == "PATCH" else {}
        raise UnsupportedMediaType(f"Send the body as {' or '.join(types)}.", headers=told)
    fhir_version = _FHIR_VERSION.search(parameters)
    if fhir_version and not fhir_version[1].startswith("4.0"):
        raise UnsupportedMediaType("Send the body as FHIR 4.0.")
    charset = _CHARSET.search(parameters)
    if charset and charset[1] not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("Send the body in UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
    body = await request.body()
    if len(body) > limit:
        raise TooLarge(f"The body is larger than the limit of {limit} bytes.")
    return body


def resource(stored: Stored, *, status: int = 200) -> Response:
    """An answer with a resource: its stored bytes, its version and when it was written."""
    return Response(stored.body, status, headers=versioned(stored), media_type=MEDIA_TYPE)


def versioned(stored: Stored) -> dict[str, str]:
    """The headers that tell a version: ETag and Last-Modified."""
    return {**HEADERS, "ETag": stored.etag, "Last-Modified": http_date(stored.last_updated)}


def written(request: Request, record: Record, stored: Stored, *, status: int) -> Response:
    """The answer to a create or update, with or without the resource as the client prefers."""
    headers = versioned(stored)
    headers["Location"] = f"{record.base_url}/{stored.reference}/_history/{stored.version}"
    preferred = preferences.read(negotiation.listed(request, "prefer")).returning
    if preferred is not None:
        headers |= preferences.applied(preferred)
    body = stored.body
    if preferred is Returning.MINIMAL:
        body = b""
    elif preferred is Returning.OUTCOME:
        body = outcome.done(_SAID[status])
    return Response(body, status, headers=headers, media_type=MEDIA_TYPE)


def bundle(body: bytes) -> Response:
    """An answer with a Bundle."""
    return Response(body, headers=HEADERS, media_type=MEDIA_TYPE)


def http_date(moment: datetime) -> str:
    """A moment as HTTP headers write it."""
    # As email.utils.format_datetime, in a sixth of its time.
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    time = f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    return f"{day}, {moment.day:02} {month} {moment.year:04} {time} GMT"
