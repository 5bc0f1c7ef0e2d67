"""$everything: GET or POST /fhir/Patient/{id}/$everything. https://hl7.org/fhir/R4/patient-operation-everything.html"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from fhir import cursor, history, parameters, searchset
from fhir.audit import Access
from fhir.interactions import negotiation
from fhir.interactions.negotiation import BadParameter
from fhir.interactions.record import Record, aside, body_of, bundle, id_of
from fhir.models import SERVED
from fhir.policy import Action
from fhir.search import dates
from fhir.search.asking import PageEnd
from fhir.search.controls import DEFAULT_COUNT, MAX_COUNT
from fhir.search.dates import Interval
from fhir.search.everything import Wanted, everything
from fhir.search.pages import Page
from fhir.search.query import simple
from infra.caller import Caller
from infra.problems import BadRequest

ASKED: Final = ("start", "end", "_since", "_type", "_count")
PARAMETERS: Final = (*ASKED, cursor.NAME)


class OnePatientOnly(BadRequest):
    """$everything is offered for one patient, as Patient/[id]/$everything, and not for a type or all of it."""

    issue = "not-supported"


async def patient_everything(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a searchset Bundle: the patient, what is in the patient's record, and what that refers to."""
    id, given, after = id_of(request), negotiation.given(request, *PARAMETERS), None
    posted = await _posted(request, record)
    if twice := [name for name in (*posted, cursor.NAME) if posted and name in given]:
        raise BadParameter(f"{twice[0]} stands in the address. Send all parameters in one place.")
    given |= posted
    path, vault = f"Patient/{id}/$everything", record.store.vault
    if cursor.NAME in given:
        if len(given) > 1:
            raise cursor.CursorStandsAlone
        pairs, after = cursor.opened(vault, caller, path, cursor=given[cursor.NAME])
        given = dict(pairs)
    page = await _page(record, caller, id, given=given, after=after)
    address, text = f"{record.base_url}/{path}", searchset.applied(negotiation.query_of(request), MAX_COUNT)
    own = f"{address}?{text}" if text else address
    if posted:  # what was in the body comes into no address
        own = f"{address}?{cursor.NAME}={cursor.sealed(vault, caller, path, pairs=tuple(given.items()), after=None)}"
    links = [("self", own)]
    if page.next is not None:
        sealed = cursor.sealed(vault, caller, path, pairs=tuple(given.items()), after=page.next)
        links.append(("next", f"{address}?{cursor.NAME}={sealed}"))
    return bundle(searchset.searchset(page, simple("Patient"), base_url=record.base_url, links=links))


async def _posted(request: Request, record: Record) -> dict[str, str]:
    """The parameters in the body; none for a GET and an empty body."""
    if request.method != "POST" or not await request.body():
        return {}
    body = await body_of(request, limit=record.body_limit)
    return await aside(lambda body: parameters.texts(body, ASKED, repeated=("_type",)), body)


async def type_everything(request: Request, record: Record, caller: Caller) -> Response:
    """400: this would be the whole record."""
    raise OnePatientOnly


async def _page(record: Record, caller: Caller, id: str, *, given: Mapping[str, str], after: PageEnd | None) -> Page:
    store, wanted = record.store, _wanted(given)
    patient = await record.look(
        caller,
        Access(Action.OPERATION, "Patient", id),
        lambda session: store.present(session, caller, Action.READ, type="Patient", id=id),
    )
    access = Access(
        Action.OPERATION,
        "Patient",
        id,
        patient.version,
        patient.compartment,
        query=f"$everything?{urlencode(given)}",
    )
    page = await record.look(
        caller, access, lambda session: everything(store.asker(session, caller), patient, wanted, after=after)
    )
    # Nothing leaves before it is in the log.
    await record.run(caller, access, lambda session: history.log(store, session, caller, access, shown=page.resources))
    return page


def _wanted(given: Mapping[str, str]) -> Wanted:
    types = frozenset(given["_type"].split(",")) if "_type" in given else frozenset[str]()
    if unknown := types - set(SERVED):
        raise BadParameter(
            f"_type names {len(unknown)} types that are not served. See /fhir/metadata for those that are."
        )
    start, end = _stretch("start", given), _stretch("end", given)
    care = (
        Interval(start.start if start else dates.EARLIEST, end.end if end else dates.LATEST) if start or end else None
    )
    since = _stretch("_since", given)
    return Wanted(types, since.start if since else None, care, _count(given.get("_count")))


def _stretch(name: str, given: Mapping[str, str]) -> Interval | None:
    if name not in given:
        return None
    try:
        return dates.interval(given[name].replace(" ", "+"))  # an unescaped + in an address is a space
    except dates.NotADateError:
        raise BadParameter(f"The value of {name} must be a date or time like 2026-11-23.") from None


def _count(text: str | None) -> int:
    if text is None:
        return DEFAULT_COUNT
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0):
        raise BadParameter("The value of _count must be a whole number from 1.")
    return min(int(text), MAX_COUNT)
