"""delete: DELETE /fhir/{type}/{id}, or DELETE /fhir/{type}?criteria. Past versions stay in the history.

https://hl7.org/fhir/R4/http.html#delete
"""

from starlette.requests import Request
from starlette.responses import Response

from fhir import matched
from fhir.audit import Access
from fhir.interactions import negotiation
from fhir.interactions.record import HEADERS, Record, id_of, type_of
from fhir.policy import Action
from fhir.preconditions import sought, version
from infra.caller import Caller


async def delete(request: Request, record: Record, caller: Caller) -> Response:
    """204; deleting it again is 204 as well."""
    type, id = type_of(request, Action.DELETE), id_of(request)
    negotiation.given(request)
    if_match = version(request.headers.get("if-match"))
    stored = await record.run(
        caller,
        Access(Action.DELETE, type, id),
        lambda session: record.store.delete(session, caller, type, id, if_match=if_match),
    )
    return Response(status_code=204, headers={**HEADERS, "ETag": stored.etag})


async def conditional_delete(request: Request, record: Record, caller: Caller) -> Response:
    """204 if one matches or none; 412 if several do, unless the operator lets all of them be deleted."""
    type = type_of(request, Action.DELETE)
    query = sought(type, negotiation.query_of(request))
    if_match = version(request.headers.get("if-match"))
    await record.run(
        caller,
        Access(Action.DELETE, type),
        lambda session: matched.delete(
            record.store, session, caller, query=query, if_match=if_match, choices=record.choices
        ),
    )
    return Response(status_code=204, headers=HEADERS)
