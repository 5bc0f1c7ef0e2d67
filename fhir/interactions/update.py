"""update: PUT /fhir/{type}/{id}, with If-Match only on that version. https://hl7.org/fhir/R4/http.html#update"""

from starlette.requests import Request
from starlette.responses import Response

from fhir.audit import Access
from fhir.interactions.record import Record, id_of, resource_of, type_of, written
from fhir.policy import Action
from fhir.preconditions import version
from infra.caller import Caller
from infra.problems import BadRequest


class WrongId(BadRequest):
    """The resource's id must be the one of the address."""

    issue = "value"


async def update(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the next version; a resource is never created by an update."""
    type, id = type_of(request, Action.UPDATE), id_of(request)
    if_match = version(request.headers.get("if-match"))
    parsed = await resource_of(request, record, type)
    if parsed.data.get("id") != id:
        raise WrongId
    stored = await record.run(
        caller,
        Access(Action.UPDATE, type, id),
        lambda session: record.store.update(session, caller, type, id, parsed, if_match=if_match),
    )
    return written(request, record, stored, status=200)
