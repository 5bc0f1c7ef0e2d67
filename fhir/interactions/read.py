"""read and vread: GET /fhir/{type}/{id} and /_history/{version}. https://hl7.org/fhir/R4/http.html#read"""

from starlette.requests import Request
from starlette.responses import Response

from fhir import trips
from fhir.audit import Access
from fhir.interactions import negotiation
from fhir.interactions.record import Record, id_of, type_of, versioned
from fhir.outcome import MEDIA_TYPE
from fhir.policy import Action
from fhir.preconditions import http_moment, is_known
from fhir.rows import Stored
from infra.caller import Caller
from infra.problems import NotFound


async def read(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the stored bytes of the present version; 304 if the client has it already."""
    type, id = type_of(request, Action.READ), id_of(request)
    part = negotiation.part_of(negotiation.given(request, *negotiation.PARTS), type)
    access = Access(Action.READ, type, id)
    store = record.store
    stored = await record.run_short(
        caller,
        access,
        lambda session: store.read(session, caller, type, id),
        lambda: trips.read(store, caller, type, id),
    )
    return _answer(request, stored, part=part)


async def vread(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the stored bytes of one version; 304 if the client has it already."""
    type, id = type_of(request, Action.VREAD), id_of(request)
    text = request.path_params["version"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound
    part = negotiation.part_of(negotiation.given(request, *negotiation.PARTS), type)
    access = Access(Action.VREAD, type, id)
    stored = await record.run(
        caller, access, lambda session: record.store.vread(session, caller, type, id, version=int(text))
    )
    return _answer(request, stored, part=part)


def _answer(request: Request, stored: Stored, *, part: negotiation.Part) -> Response:
    headers = versioned(stored)
    if is_known(
        stored.version,
        stored.last_updated,
        if_none_match=negotiation.listed(request, "if-none-match"),
        since=http_moment(request.headers.get("if-modified-since")),
    ):
        return Response(status_code=304, headers=headers)
    return Response(part.of(stored.body), headers=headers, media_type=MEDIA_TYPE)
