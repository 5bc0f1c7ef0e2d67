"""delete: DELETE /fhir/{type}/{id}. Past versions stay in the history. https://hl7.org/fhir/R4/http.html#delete"""

from starlette.requests import Request
from starlette.responses import Response

from fhir.audit import Access
from fhir.interactions.record import HEADERS, Record, id_of, type_of
from fhir.policy import Action
from fhir.preconditions import version
from infra.caller import Caller


async def delete(request: Request, record: Record, caller: Caller) -> Response:
    """204; deleting it again is 204 as well."""
    type, id = type_of(request, Action.DELETE), id_of(request)
    if_match = version(request.headers.get("if-match"))
    stored = await record.run(
        caller,
        Access(Action.DELETE, type, id),
        lambda session: record.store.delete(session, caller, type, id, if_match=if_match),
    )
    return Response(status_code=204, headers={**HEADERS, "ETag": stored.etag})
