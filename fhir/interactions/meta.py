"""$meta, $meta-add, $meta-delete: the labels of a resource, a type or everything.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from collections.abc import Callable, Iterator, Sequence

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from fhir import capability, history, labels, parameters
from fhir.audit import EVERYTHING, Access
from fhir.codec import Parsed
from fhir.interactions import negotiation
from fhir.interactions.patch import by_id, patched
from fhir.interactions.record import Record, aside, body_of, id_of, type_of, versioned
from fhir.outcome import MEDIA_TYPE
from fhir.patches.tree import Node
from fhir.policy import Action
from fhir.preconditions import version
from fhir.search.asking import Effort
from fhir.search.hits import MOST_OPENED, hits
from fhir.search.parsing import parse
from infra.caller import Caller
from infra.problems import Forbidden


async def meta(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the meta of one resource."""
    type, id = type_of(request, Action.READ), id_of(request)
    await _require_nothing(request, record)
    access = Access(Action.READ, type, id)
    stored = await record.run(caller, access, lambda session: record.store.read(session, caller, type, id))
    return _returned(labels.of(stored.body), versioned(stored))


async def type_meta(request: Request, record: Record, caller: Caller) -> Response:
    """200 with all labels of the resources of a type that the caller may see."""
    type = type_of(request, Action.SEARCH)
    return await _of_types(request, record, caller, (type,), Access(Action.OPERATION, type))


async def system_meta(request: Request, record: Record, caller: Caller) -> Response:
    """200 with all labels of all resources that the caller may see."""
    return await _of_types(request, record, caller, capability.SEARCHED, Access(Action.OPERATION, EVERYTHING))


async def meta_add(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the meta after labels were added, which is a new version."""
    return await _changed(request, record, caller, labels.added)


async def meta_delete(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the meta after labels were taken away, which is a new version."""
    return await _changed(request, record, caller, labels.removed)


async def _of_types(request: Request, record: Record, caller: Caller, types: Sequence[str], access: Access) -> Response:
    await _require_nothing(request, record)
    # What opens many rows must not hold up the one writer. Nothing leaves before it is in the log.
    found = await record.look(caller, access, lambda session: labels.union(_bodies(record, session, caller, types)))
    await record.run(caller, access, lambda session: history.log(record.store, session, caller, access))
    return _returned(found, {})


def _bodies(record: Record, session: Session, caller: Caller, types: Sequence[str]) -> Iterator[bytes]:
    asker = record.store.asker(session, caller)
    refused, effort = 0, Effort(MOST_OPENED)
    for type in types:
        try:
            yield from (stored.body for stored in hits(asker, parse(type, ()), effort=effort))
        except Forbidden:
            refused += 1
    if refused == len(types):
        raise Forbidden


async def _changed(
    request: Request, record: Record, caller: Caller, change: Callable[[Node], Callable[[bytes], Parsed]]
) -> Response:
    type, id = type_of(request, Action.UPDATE), id_of(request)
    negotiation.given(request)
    if_match = version(request.headers.get("if-match"))
    body = await body_of(request, limit=record.body_limit)
    given = await aside(lambda body: parameters.read(body, ("meta",)), body)
    if "meta" not in given:
        raise labels.NoLabels
    target = by_id(record, caller, type, id, if_match=if_match)
    stored = await patched(record, caller, target, change(given["meta"]), if_match=if_match)
    return _returned(labels.of(stored.body), versioned(stored))


async def _require_nothing(request: Request, record: Record) -> None:
    """Nothing; 400 for a parameter in the address or the body."""
    negotiation.given(request)
    if request.method == "POST" and await request.body():
        await aside(lambda body: parameters.texts(body, ()), await body_of(request, limit=record.body_limit))


def _returned(meta: bytes, headers: dict[str, str]) -> Response:
    # R4 wants the parameter, but what has no label at all has no meta to put there: there is no empty object in FHIR.
    body = b'{"resourceType":"Parameters"}' if meta == b"{}" else parameters.returned("return", "valueMeta", meta)
    return Response(body, headers={"Cache-Control": "no-store", **headers}, media_type=MEDIA_TYPE)
