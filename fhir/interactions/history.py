"""history: GET /fhir/{type}/{id}/_history, /fhir/{type}/_history, /fhir/_history. https://hl7.org/fhir/R4/http.html#history"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import bundles, cursor, history, searchset
from fhir.audit import EVERYTHING, Access
from fhir.cursor import Pairs
from fhir.history import Asked, Place, Versions
from fhir.interactions import negotiation
from fhir.interactions.negotiation import BadParameter, Part
from fhir.interactions.record import Record, bundle, id_of, type_of
from fhir.policy import Action
from fhir.search import dates
from fhir.search.dates import Interval
from infra.caller import Caller
from infra.columns import from_microseconds, to_microseconds

PAGE: Final = 50
MAX_PAGE: Final = 500
CURSOR: Final = "_cursor"
PARAMETERS: Final = ("_count", "_since", "_at", CURSOR)
_PLACE: Final = "after"


async def instance_history(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a Bundle of the versions of one resource, newest first."""
    type, id = type_of(request, Action.HISTORY), id_of(request)
    path = f"{type}/{id}"
    pairs, asked = _asked(request, record, caller, path)
    part = negotiation.part_of(dict(pairs), type)
    found = await record.run(
        caller,
        Access(Action.HISTORY, type, id),
        lambda session: history.of_resource(record.store, session, caller, type, id, asked=asked),
    )
    return _answer(request, record, caller, path, pairs=pairs, found=found, part=part)


async def type_history(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a Bundle of the versions of all resources of a type, newest first."""
    type = type_of(request, Action.HISTORY_TYPE)
    return await _of_types(request, record, caller, path=type, types=(type,))


async def system_history(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a Bundle of the versions of all resources that the caller may see, newest first."""
    return await _of_types(request, record, caller, path="", types=history.readable())


async def _of_types(request: Request, record: Record, caller: Caller, *, path: str, types: tuple[str, ...]) -> Response:
    pairs, asked = _asked(request, record, caller, path)
    part = negotiation.part_of(dict(pairs), *types)
    access = Access(Action.HISTORY_TYPE, path or EVERYTHING)
    # What counts many rows must not hold up the one writer. Nothing leaves before it is in the log.
    found = await record.look(
        caller, access, lambda session: history.of_types(record.store, session, caller, types, asked=asked)
    )
    await record.run(
        caller, access, lambda session: history.log(record.store, session, caller, access, shown=found.entries)
    )
    return _answer(request, record, caller, path, pairs=pairs, found=found, part=part)


def _asked(request: Request, record: Record, caller: Caller, path: str) -> tuple[Pairs, Asked]:
    """What was asked, as pairs for the links and as values; a cursor brings its own."""
    given = negotiation.given(request, *PARAMETERS, *negotiation.PARTS)
    if CURSOR in given:
        if not set(given) <= {CURSOR, *negotiation.GENERAL}:
            raise BadParameter("A link with _cursor takes no other parameters.")
        pairs, _ = cursor.opened(record.store.vault, caller, f"{path}/_history", cursor=given[CURSOR])
        given = dict(pairs)
    place = given.pop(_PLACE, None)
    since = _moment("_since", given["_since"]).start if "_since" in given else None
    at = _moment("_at", given["_at"]) if "_at" in given else None
    asked = Asked(_count(given.get("_count")), since, at, _place(place))
    return tuple(given.items()), asked


def _answer(
    request: Request, record: Record, caller: Caller, path: str, *, pairs: Pairs, found: Versions, part: Part
) -> Response:
    address = f"{record.base_url}/{path}/_history" if path else f"{record.base_url}/_history"
    query = searchset.applied(negotiation.query_of(request), MAX_PAGE)
    links = [("self", f"{address}?{query}" if query else address)]
    if found.next is not None:
        place = f"{to_microseconds(found.next.last_updated)}.{found.next.rid}.{found.next.version}"
        made = cursor.sealed(
            record.store.vault, caller, f"{path}/_history", pairs=(*pairs, (_PLACE, place)), after=None
        )
        links.append(("next", f"{address}?{CURSOR}={made}"))
    entries = [bundles.version(stored, record.base_url, part=part.of) for stored in found.entries]
    return bundle(bundles.bundle("history", entries, total=found.total, links=links))


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    moment, rid, version = (int(number) for number in text.split("."))
    return Place(from_microseconds(moment), rid, version)


def _count(text: str | None) -> int:
    if text is None:
        return PAGE
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadParameter("The value of _count must be a whole number, 0 or more.")
    return min(int(text), MAX_PAGE)


def _moment(name: str, text: str) -> Interval:
    try:
        return dates.interval(text.replace(" ", "+"))  # an unescaped + in an address is a space
    except dates.NotADateError:
        raise BadParameter(f"The value of {name} must be a date or a time like 2026-11-23T10:00:00+01:00.") from None
