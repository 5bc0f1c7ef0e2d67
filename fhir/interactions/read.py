"""read and vread: GET /fhir/{type}/{id} and /_history/{version}. https://hl7.org/fhir/R4/http.html#read"""

from starlette.requests import Request
from starlette.responses import Response

from fhir.audit import Access
from fhir.interactions.record import Record, id_of, resource, type_of
from fhir.policy import Action
from infra.caller import Caller
from infra.problems import NotFound


async def read(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the stored bytes of the present version."""
    type, id = type_of(request, Action.READ), id_of(request)
    access = Access(Action.READ, type, id)
    return resource(await record.run(caller, access, lambda session: record.store.read(session, caller, type, id)))


async def vread(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the stored bytes of one version."""
    type, id = type_of(request, Action.VREAD), id_of(request)
    text = request.path_params["version"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound
    access = Access(Action.VREAD, type, id)
    return resource(
        await record.run(
            caller, access, lambda session: record.store.vread(session, caller, type, id, version=int(text))
        )
    )
