"""update: PUT /fhir/{type}/{id}, or PUT /fhir/{type}?criteria. https://hl7.org/fhir/R4/http.html#update"""

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from fhir import matched
from fhir.audit import Access
from fhir.interactions import negotiation
from fhir.interactions.record import Record, id_of, resource_of, type_of, written
from fhir.policy import Action
from fhir.preconditions import sought, version
from fhir.rows import Stored
from infra.caller import Caller
from infra.problems import BadRequest


class WrongId(BadRequest):
    """The resource's id must be the one of the address."""

    issue = "value"


async def update(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the next version; 201 where the operator lets clients choose ids and this one is new."""
    type, id = type_of(request, Action.UPDATE), id_of(request)
    negotiation.given(request)
    if_match = version(request.headers.get("if-match"))
    parsed = await resource_of(request, record, type)
    if parsed.data.get("id") != id:
        raise WrongId

    def unit(session: Session) -> tuple[Stored, bool]:
        return matched.put(record.store, session, caller, type, id, parsed, if_match=if_match, choices=record.choices)

    stored, created = await record.run(caller, Access(Action.UPDATE, type, id), unit)
    return written(request, record, stored, status=201 if created else 200)


async def conditional_update(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the next version of the one that matches, 201 with a new resource if none does, 412 if several do."""
    type = type_of(request, Action.UPDATE)
    query = sought(type, negotiation.query_of(request))
    if_match = version(request.headers.get("if-match"))
    parsed = await resource_of(request, record, type)
    stored, created = await record.run(
        caller,
        Access(Action.UPDATE, type),
        lambda session: matched.update(
            record.store, session, caller, parsed, query=query, if_match=if_match, choices=record.choices
        ),
    )
    return written(request, record, stored, status=201 if created else 200)
