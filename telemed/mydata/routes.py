"""The own record over HTTP: consents, who looked, requests, export, erasure. Plain forms; no address names anybody."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from fhir.outcome import MEDIA_TYPE
from fhir.store import Store
from infra.caller import Caller
from infra.database import Session
from infra.problems import BadRequest, Problem, TooMany
from telemed.keys.hold import standing
from telemed.mydata import codes, sessions
from telemed.mydata.codes import Refused
from telemed.mydata.consents import Lasts, allow, clinics, consents, state_statistics, withdraw
from telemed.mydata.entrance import HOME, address_of, entrance, form_of, request_id_of
from telemed.mydata.erasure import erase_own
from telemed.mydata.export import chapters, own_record
from telemed.mydata.looks import Asking, looks
from telemed.mydata.mine import Mine
from telemed.mydata.record import own_caller, own_store
from telemed.mydata.requests import Kind, ask, requests, take_back
from telemed.mydata.sessions import MyPatient
from telemed.mydata.texts import DONE, KINDS, PROBLEMS, STATUSES, TOLD, UNREVIEWED, all_in, in_words
from telemed.pages.languages import translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.texts import Told
from telemed.rights.records import as_bundle
from telemed.rights.restriction import in_force
from telemed.services import Services, services_of

T = TypeVar("T")
LAST_PAGE: Final = 1000

router = APIRouter(prefix=HOME, include_in_schema=False)


@router.get("/consents")
async def show_consents(request: Request, patient: Mine) -> Response:
    """What the patient has agreed to, and forms to give and to withdraw consent."""
    return await _consents(request, patient)


@router.post("/consents")
async def change_consents(request: Request, patient: Mine) -> Response:
    """The same page with the consent given or withdrawn; it counts from the next request on, whoever makes it."""
    fields = await form_of(request)
    unit: Callable[..., Any]
    match fields.get("action"):
        case "allow":
            lasts = _choice(Lasts, fields.get("lasts", ""))
            unit = partial(allow, patient=patient, clinic=fields.get("clinic", ""), lasts=lasts)
            done: str | Mapping[bool, str] = "allowed"
        case "withdraw":
            unit = partial(withdraw, patient=patient, id=fields.get("consent", ""))
            done = {True: "withdrawn", False: "withdrawn_partly"}
        case "statistics-yes" | "statistics-no" as action:
            unit, done = partial(state_statistics, patient=patient, permit=action.endswith("yes")), "statistics"
        case _:
            raise BadRequest
    return await _changed(request, patient, unit, again=_consents, next=f"{HOME}/consents", done=done)


@router.get("/looks")
async def show_looks(request: Request, patient: Mine) -> Response:
    """Who looked at the record, newest first."""
    asked = request.query_params.get("page", "0")
    number = min(int(asked), LAST_PAGE) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 0
    services = services_of(request)
    asking = Asking(
        reading_of(request).language,
        number,
        with_names=services.settings.patients_see_names,
        with_own=request.query_params.get("own") == "yes",
    )
    found, more = await _own(request, patient, partial(looks, patient=patient, asking=asking))
    return page(request, "my_looks.html", looks=found, number=number, more=more, asking=asking)


@router.get("/requests")
async def show_requests(request: Request, patient: Mine) -> Response:
    """What the patient has asked the clinic for, how far it is, and a form to ask."""
    return await _requests(request, patient)


@router.post("/requests")
async def change_requests(request: Request, patient: Mine) -> Response:
    """The same page with the request sent or taken back."""
    fields = await form_of(request)
    if fields.get("action") == "ask":
        kind = _choice(Kind, fields.get("kind", ""))
        unit: Callable[..., Any] = partial(ask, patient=patient, kind=kind, text=fields.get("text", ""))
        done = "asked"
    elif fields.get("action") == "take_back":
        unit, done = partial(take_back, id=fields.get("request", "")), "taken_back"
    else:
        raise BadRequest
    again = partial(_requests, text=fields.get("text", ""))
    return await _changed(request, patient, unit, again=again, next=f"{HOME}/requests", done=done)


@router.get("/record")
async def show_record(request: Request, patient: Mine) -> Response:
    """The own record for people, and the ways to take it away."""
    found = await _record(request, patient)
    return page(request, "my_record.html", chapters=chapters(found, patient, language=reading_of(request).language))


@router.get("/record.pdf")
async def print_record(request: Request, patient: Mine) -> Response:
    """The same as a file to print."""
    # Imported here, as everything that draws costs a start half a second (telemed/README.md, decision 4).
    from telemed.mydata.printed import printed

    services, language = services_of(request), reading_of(request).language
    made = chapters(await _record(request, patient), patient, language=language)
    body = printed(made, language=language, made=services.clock.now())
    return _file(body, "application/pdf", "my-record.pdf")


@router.get("/record.json")
async def export_record(request: Request, patient: Mine) -> Response:
    """The own record as one FHIR Bundle, byte for byte as it is stored."""
    found = await _record(request, patient)
    return _file(as_bundle(found, services_of(request).settings.base_url), MEDIA_TYPE, "my-record.json")


@router.get("/erasure")
async def show_erasure(request: Request, patient: Mine) -> Response:
    """Whether the record may be erased now, else until when it must be kept and why."""
    return await _erasure(request, patient)


@router.post("/erasure")
async def erase_record(request: Request, patient: Mine) -> Response:
    """That the record is gone for ever; only with the PIN once more, and never against the law's hold."""
    services, fields = services_of(request), await form_of(request)
    pin, address = "".join(fields.get("pin", "").split()), address_of(request)
    try:
        await services.guessing.admit(address)
    except TooMany as problem:
        told = in_words(TOLD["busy"], reading_of(request).language)
        return await _erasure(request, patient, error=told, status=problem.status)
    now = services.system_clock.now()
    refused = await services.database.write(
        lambda session: codes.confirm(session, services.vault, code_hash=patient.code_hash, pin=pin, now=now)
    )
    if refused is not None:
        await services.guessing.note_failure(address)
        return await _wrong_pin(request, patient, refused)
    try:
        at = await erase_own(services, own_caller(patient, request_id=request_id_of(request)), patient)
    except tuple(PROBLEMS) as problem:
        return await _erasure(request, patient, error=_words(request, problem), status=problem.status)
    response = page(request, "my_erased.html", at=at)
    sessions.clear_cookie(response, services.settings)
    return response


async def _wrong_pin(request: Request, patient: MyPatient, refused: Refused) -> Response:
    if not refused.tries_left:
        return entrance(request, why="locked", status=429)
    told = in_words(TOLD["wrong_again"], reading_of(request).language, number=refused.tries_left)
    return await _erasure(request, patient, error=told, status=422)


async def _consents(request: Request, patient: MyPatient, *, error: Told | None = None, status: int = 200) -> Response:
    def unit(session: Session, store: Store, caller: Caller) -> dict[str, Any]:
        found = consents(session, store, caller, patient)
        return {"said": found, "clinics": clinics(session, store, caller)}

    shown = await _own(request, patient, unit)
    return page(
        request,
        "my_consents.html",
        status=status,
        error=error,
        done=_done(request),
        lasts=Lasts,
        UNREVIEWED=UNREVIEWED,
        **shown,
    )


async def _requests(
    request: Request, patient: MyPatient, *, text: str = "", error: Told | None = None, status: int = 200
) -> Response:
    language = reading_of(request).language
    now = services_of(request).clock.now()

    def unit(session: Session, store: Store, caller: Caller) -> dict[str, Any]:
        found = requests(session, store, caller, patient)
        return {"asked": found, "restriction": in_force(session, patient.compartment, now=now)}

    found = await _own(request, patient, unit)
    words = {"kinds": all_in(KINDS, language), "statuses": all_in(STATUSES, language)}
    return page(
        request,
        "my_requests.html",
        status=status,
        error=error,
        done=_done(request),
        **found,
        text=text if error else "",
        chosen=request.query_params.get("kind", ""),
        **words,
    )


async def _erasure(request: Request, patient: MyPatient, *, error: Told | None = None, status: int = 200) -> Response:
    services = services_of(request)
    # The law's ten years go by the machine's clock, as in `telemed.keys.erasing`.
    now = services.eraser.clock.now()
    found = await services.database.write(lambda session: standing(session, patient.compartment, now=now))
    return page(request, "my_erasure.html", status=status, error=error, standing=found)


async def _changed(
    request: Request,
    patient: MyPatient,
    unit: Callable[..., Any],
    *,
    again: Callable[..., Any],
    next: str,
    done: str | Mapping[bool, str],
) -> Response:
    """The page that follows a change and says what was done; what is refused comes back with the reason."""
    try:
        outcome = await _own(request, patient, unit)
    except tuple(PROBLEMS) as problem:
        response: Response = await again(request, patient, error=_words(request, problem), status=problem.status)
        return response
    said = done if isinstance(done, str) else done[outcome]
    return RedirectResponse(f"{next}?done={said}", status_code=303, headers={"Cache-Control": "no-store"})


async def _own(request: Request, patient: MyPatient, unit: Callable[[Session, Store, Caller], T]) -> T:
    """What the unit returns, within the own record."""
    services, caller = services_of(request), own_caller(patient, request_id=request_id_of(request))
    store = own_store(services, patient)
    return await services.database.write(lambda session: unit(session, store, caller))


async def _record(request: Request, patient: MyPatient) -> list[Any]:
    services: Services = services_of(request)
    return list(await own_record(services, own_caller(patient, request_id=request_id_of(request)), patient))


def _words(request: Request, problem: Problem) -> Told:
    return in_words(PROBLEMS[type(problem)], reading_of(request).language)


def _done(request: Request) -> str:
    said = DONE.get(request.query_params.get("done", ""), "")
    return translate(reading_of(request).language, said) if said else ""


def _choice(kind: Any, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise BadRequest from None


def _file(body: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)
