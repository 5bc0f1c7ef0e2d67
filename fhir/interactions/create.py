"""create: POST /fhir/{type}, conditionally with If-None-Exist. https://hl7.org/fhir/R4/http.html#create"""

from starlette.requests import Request
from starlette.responses import Response

from fhir import trips
from fhir.audit import Access
from fhir.drafts import Draft
from fhir.interactions import negotiation
from fhir.interactions.record import Record, resource_of, type_of, written
from fhir.policy import Action
from fhir.preconditions import criteria
from fhir.rows import Stored
from infra.caller import Caller


async def _added(record: Record, caller: Caller, access: Access, new: Draft) -> Stored:
    store = record.store
    if store.is_watched(new.type):
        return await record.run(caller, access, lambda session: store.add(session, caller, new))
    return await record.run_short(
        caller, access, lambda session: store.add(session, caller, new), lambda: trips.add(store, caller, new)
    )


async def create(request: Request, record: Record, caller: Caller) -> Response:
    """201 with the new resource; 200 with the one that If-None-Exist found."""
    type = type_of(request, Action.CREATE)
    negotiation.given(request)
    parsed = await resource_of(request, record, type)
    query = criteria(type, request.headers.get("if-none-exist"))
    new, access = record.store.draft(parsed), Access(Action.CREATE, type)
    if query is None:
        stored = await _added(record, caller, access, new)
        return written(request, record, stored, status=201)
    stored, created = await record.run(
        caller, access, lambda session: record.store.create_unless(session, caller, new, query=query)
    )
    return written(request, record, stored, status=201 if created else 200)
