"""patch: PATCH /fhir/{type}/{id}, or PATCH /fhir/{type}?criteria. https://hl7.org/fhir/R4/http.html#patch

The present version is read beside the writer, patched and checked while others write, and written only if it is still the
present one. Whoever is overtaken again and again patches inside the unit, where nobody else can write.
"""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import matched
from fhir.audit import Access
from fhir.codec import Parsed
from fhir.interactions import negotiation
from fhir.interactions.record import FHIR_TYPES, LARGE, Record, body_of, id_of, type_of, written
from fhir.patches import patch as patches
from fhir.patches.patch import Patch
from fhir.policy import Action
from fhir.preconditions import sought, version
from fhir.rows import Stored
from infra.caller import Caller
from infra.problems import StaleVersion

TRIES: Final = 3
READ_TYPES: Final = (patches.JSON_PATCH, *FHIR_TYPES)


async def patch(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the next version; 422 if the patch can't be applied or makes the resource invalid."""
    type, id = type_of(request, Action.PATCH), id_of(request)
    negotiation.given(request)
    if_match = version(request.headers.get("if-match"))
    change = await _patch_of(request, record, type)
    stored = await _patched(record, caller, change, id=id, if_match=if_match)
    return written(request, record, stored, status=200)


async def conditional_patch(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the next version of the one that matches; 404 if none does, 412 if several do."""
    type = type_of(request, Action.PATCH)
    query = sought(type, negotiation.query_of(request))
    if_match = version(request.headers.get("if-match"))
    change = await _patch_of(request, record, type)
    stored = await record.run(
        caller,
        Access(Action.PATCH, type),
        lambda session: matched.patch(record.store, session, caller, change.applied, query=query, if_match=if_match),
    )
    return written(request, record, stored, status=200)


async def _patch_of(request: Request, record: Record, type: str) -> Patch:
    body = await body_of(request, limit=record.body_limit, types=READ_TYPES)
    media_type = request.headers.get("content-type", "").lower().partition(";")[0].strip()
    return patches.read(media_type, body, type=type, limit=record.body_limit)


async def _patched(record: Record, caller: Caller, change: Patch, *, id: str, if_match: int | None) -> Stored:
    access, store = Access(Action.PATCH, change.type, id), record.store
    for _ in range(TRIES):
        old = await record.look(
            caller, access, lambda session: store.present(session, caller, Action.PATCH, type=change.type, id=id)
        )
        if if_match is not None and old.version != if_match:
            raise StaleVersion(headers={"ETag": old.etag})
        applied = change.applied
        made = applied(old.body) if len(old.body) <= LARGE else await asyncio.to_thread(applied, old.body)
        try:
            return await _written(record, caller, change, old=old, made=made)
        except StaleVersion:
            if if_match is not None:
                raise
    return await record.run(
        caller,
        access,
        lambda session: store.patch(session, caller, change.type, id, change.applied, if_match=None),
    )


async def _written(record: Record, caller: Caller, change: Patch, *, old: Stored, made: Parsed) -> Stored:
    return await record.run(
        caller,
        Access(Action.PATCH, change.type, old.id),
        lambda session: record.store.patch(session, caller, change.type, old.id, lambda _: made, if_match=old.version),
    )
