"""patch: PATCH /fhir/{type}/{id}, or PATCH /fhir/{type}?criteria. https://hl7.org/fhir/R4/http.html#patch

The present version is read beside the writer, patched and checked while others write, and written only if it is still the
present one. Whoever is overtaken again and again patches inside the unit, where nobody else can write.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from fhir import matched
from fhir.audit import Access
from fhir.codec import Parsed
from fhir.interactions import negotiation
from fhir.interactions.record import FHIR_TYPES, Record, aside, body_of, id_of, type_of, written
from fhir.patches import patch as patches
from fhir.patches.patch import Patch
from fhir.policy import Action
from fhir.preconditions import sought, version
from fhir.rows import Stored
from fhir.search.query import Query
from infra.caller import Caller
from infra.problems import NotFound, StaleVersion

TRIES: Final = 3
READ_TYPES: Final = (patches.JSON_PATCH, *FHIR_TYPES)

Change = Callable[[bytes], Parsed]


class Target(NamedTuple):
    """What is patched: how it is found in a snapshot, and how it is changed, from this version of it or the present one."""

    access: Access
    find: Callable[[Session], Stored]
    write: Callable[[Session, Change, Stored | None], Stored]


async def patch(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the next version; 422 if the patch can't be applied or makes the resource invalid."""
    type, id = type_of(request, Action.PATCH), id_of(request)
    negotiation.given(request)
    if_match = version(request.headers.get("if-match"))
    change = await _patch_of(request, record, type)
    target = by_id(record, caller, type, id, if_match=if_match)
    stored = await patched(record, caller, target, change.applied, if_match=if_match)
    return written(request, record, stored, status=200)


async def conditional_patch(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the next version of the one that matches; 404 if none does, 412 if several do."""
    type = type_of(request, Action.PATCH)
    query = sought(type, negotiation.query_of(request))
    if_match = version(request.headers.get("if-match"))
    change = await _patch_of(request, record, type)
    target = _by_criteria(record, caller, query, if_match=if_match)
    stored = await patched(record, caller, target, change.applied, if_match=if_match)
    return written(request, record, stored, status=200)


async def patched(record: Record, caller: Caller, target: Target, change: Change, *, if_match: int | None) -> Stored:
    """The next version, made by a change of the one before it that nobody else has changed meanwhile."""
    access = target.access
    for _ in range(TRIES):
        old = await record.look(caller, access, target.find)
        if if_match is not None and old.version != if_match:
            raise StaleVersion(headers={"ETag": old.etag})
        made = await aside(change, old.body)
        try:
            return await _written(record, caller, target, old=old, made=made)
        except StaleVersion:
            if if_match is not None:
                raise
    return await record.run(caller, access, lambda session: target.write(session, change, None))


async def _written(record: Record, caller: Caller, target: Target, *, old: Stored, made: Parsed) -> Stored:
    return await record.run(caller, target.access, lambda session: target.write(session, lambda _: made, old))


def by_id(record: Record, caller: Caller, type: str, id: str, *, if_match: int | None) -> Target:
    """The resource under this id."""
    store = record.store

    def write(session: Session, change: Change, old: Stored | None) -> Stored:
        return store.patch(session, caller, type, id, change, if_match=if_match if old is None else old.version)

    def find(session: Session) -> Stored:
        return store.present(session, caller, Action.PATCH, type=type, id=id)

    return Target(Access(Action.PATCH, type, id), find, write)


def _by_criteria(record: Record, caller: Caller, query: Query, *, if_match: int | None) -> Target:
    store = record.store

    def write(session: Session, change: Change, old: Stored | None) -> Stored:
        return matched.patch(store, session, caller, change, query=query, if_match=if_match, old=old)

    def find(session: Session) -> Stored:
        present = store.own_match(session, caller, query=query)
        if present is None:
            raise NotFound
        return present

    return Target(Access(Action.PATCH, query.type), find, write)


async def _patch_of(request: Request, record: Record, type: str) -> Patch:
    body = await body_of(request, limit=record.body_limit, types=READ_TYPES)
    media_type = request.headers.get("content-type", "").lower().partition(";")[0].strip()
    return await aside(lambda body: patches.read(media_type, body, type=type, limit=record.body_limit), body)
