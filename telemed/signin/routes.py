"""Signing in, and confirming that it is still you: by passkey, by recovery code, or at the house's own provider."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from infra.problems import BadRequest, NotFound, Problem
from telemed.identity.browsers import described
from telemed.identity.callers import SignedInClinician, require_own_origin
from telemed.identity.sessions import (
    Proof,
    confirm_session,
    cookie_name,
    end_session,
    open_session,
    set_cookie,
)
from telemed.pages.languages import N_, translate
from telemed.pages.problems import problem_in_words
from telemed.pages.rendering import page, reading_of
from telemed.services import Services, services_of
from telemed.signin import browser, recovery
from telemed.signin.challenges import Attempt, Purpose
from telemed.signin.external import CALLBACK, ExternalProvider
from telemed.signin.passkeys import EmbeddedProvider
from telemed.signin.provider import OtherProvider, SignInRefused, Verified
from telemed.signin.stepup import signed_in_of

log = structlog.get_logger()
router = APIRouter()

FAILED: Final = N_("This did not work. Please try again.")
TEXTS: Final[Mapping[str, str]] = {
    "failed": FAILED,
    "unsupported": N_("This browser can not use passkeys. Please open this page in another one."),
    "stale": N_("Please confirm first that it is you, then repeat this."),
    "over": N_("This invitation is no longer valid. Please ask for a new one."),
}


# May be called by anybody: it is the door.
@router.get("/console/sign-in", include_in_schema=False)
async def sign_in_page(request: Request) -> Response:
    """The sign-in page; the same bytes for everybody, whoever has an account."""
    # The links to another language or size name no path; the browser remembers it.
    asked = request.query_params.get("next") or browser.wanted_path(request, services_of(request).settings)
    return _sign_in_page(request, path=browser.local_path(asked))


@router.post("/console/passkey/options", include_in_schema=False)
async def passkey_options(request: Request) -> Response:
    """A challenge for an authenticator, bound to this browser."""
    require_own_origin(request)
    return await _begin(request, Attempt(browser.begun(request, services_of(request).settings), Purpose.SIGN_IN))


@router.post("/console/passkey", include_in_schema=False)
async def passkey(request: Request) -> Response:
    """A session for the owner of the passkey."""
    require_own_origin(request)
    services = embedded(request)
    attempt = Attempt(browser.secret_of(request, services.settings), Purpose.SIGN_IN)
    return await _answered(request, attempt)


@router.post("/console/recovery", include_in_schema=False)
async def recovery_code(request: Request) -> Response:
    """A session for the owner of the code, which is used up; from there they make a new passkey."""
    require_own_origin(request)
    services = embedded(request)
    form = await request.form()
    code, path = (str(form.get(name, ""))[:1000] for name in ("code", "next"))
    address, name = address_of(request), browser.secret_of(request, services.settings)[:64]
    await services.failures.check(address, name)
    owner = await services.database.write(lambda session: recovery.redeem(session, services.vault, code))
    if owner is None:
        await services.failures.failed(address, name)
        log.info("sign_in_refused", kind=Proof.RECOVERY.value)
        return _sign_in_page(request, path=browser.local_path(path), error=FAILED, status=SignInRefused.status)
    now = services.system_clock.now()
    return await opened(request, Verified(owner, now, Proof.RECOVERY), RedirectResponse("/console/account", 303))


@router.get("/console/oidc/start", include_in_schema=False)
async def external_start(request: Request) -> Response:
    """On to the house's own sign-in. A link, not a form: a strict policy holds forms to our own host."""
    services = services_of(request)
    if not isinstance(services.identity, ExternalProvider):
        raise OtherProvider
    secret = browser.begun(request, services.settings)
    begun = await services.identity.begin(Attempt(secret, Purpose.SIGN_IN))
    path = browser.local_path(request.query_params.get("next", ""))
    return _away(services, str(begun["location"]), secret=secret, path=path)


@router.get("/console/oidc/confirm", include_in_schema=False)
async def external_confirm(request: Request, caller: SignedInClinician) -> Response:
    """The same for whoever is signed in and has to confirm it."""
    services = services_of(request)
    if not isinstance(services.identity, ExternalProvider):
        raise OtherProvider
    secret = browser.begun(request, services.settings)
    clinician = signed_in_of(request).clinician.id
    begun = await services.identity.begin(Attempt(secret, Purpose.STEP_UP, clinician))
    path = browser.local_path(request.query_params.get("next", ""))
    return _away(services, str(begun["location"]), secret=secret, path=path)


@router.get(CALLBACK, include_in_schema=False)
async def external_callback(request: Request) -> Response:
    """The answer of the house's own sign-in: a session, or the session that is there confirmed."""
    services = services_of(request)
    if not isinstance(services.identity, ExternalProvider):
        raise OtherProvider
    secret, answer = browser.secret_of(request, services.settings), dict(request.query_params)
    path = browser.wanted_path(request, services.settings)
    await services.failures.check(address_of(request), secret[:64])
    try:
        # What it was asked for stands in the state alone; it fits one of the two.
        signed_in = await _signed_in_clinician(request)
        attempts = [Attempt(secret, Purpose.STEP_UP, signed_in)] if signed_in else []
        verified, is_step_up = await _first(services, [*attempts, Attempt(secret, Purpose.SIGN_IN)], answer)
    except SignInRefused as refused:
        await services.failures.failed(address_of(request), secret[:64])
        log.info("sign_in_refused", kind=Proof.EXTERNAL.value)
        return _sign_in_page(request, path=path, error=FAILED, status=refused.status)
    there = RedirectResponse(path, 303)
    return await (confirmed if is_step_up else opened)(request, verified, there)


@router.get("/console/step-up", include_in_schema=False)
async def step_up_page(request: Request, caller: SignedInClinician) -> Response:
    """The page that asks whoever is signed in to confirm that it is them."""
    services = services_of(request)
    path = browser.local_path(request.query_params.get("next", ""))
    is_demo = services.settings.is_demo and signed_in_of(request).proof == Proof.DEMO
    data = {"texts": texts(request), "next": path, "options": "/console/step-up/options", "send": "/console/step-up"}
    external = isinstance(services.identity, ExternalProvider)
    return page(
        request, "step-up.html", query=urlencode({"next": path}), next=path, data=data, demo=is_demo, external=external
    )


@router.post("/console/step-up/options", include_in_schema=False)
async def step_up_options(request: Request, caller: SignedInClinician) -> Response:
    """A challenge for one of the clinician's own authenticators."""
    secret = browser.begun(request, services_of(request).settings)
    return await _begin(request, Attempt(secret, Purpose.STEP_UP, signed_in_of(request).clinician.id))


@router.post("/console/step-up", include_in_schema=False)
async def step_up(request: Request, caller: SignedInClinician) -> Response:
    """The session under a new secret, its owner verified now."""
    services = embedded(request)
    secret = browser.secret_of(request, services.settings)
    return await _answered(request, Attempt(secret, Purpose.STEP_UP, signed_in_of(request).clinician.id))


@router.post("/console/step-up/demo", include_in_schema=False)
async def step_up_in_the_demo(request: Request, caller: SignedInClinician) -> Response:
    """The same by one click, for a session that one click has opened; in production there is no such thing."""
    services, found = services_of(request), signed_in_of(request)
    if not services.settings.is_demo or found.proof != Proof.DEMO:
        raise NotFound
    path = browser.local_path(str((await request.form()).get("next", "")))
    verified = Verified(found.clinician.id, services.system_clock.now(), Proof.DEMO)
    return await confirmed(request, verified, RedirectResponse(path, 303))


async def opened(request: Request, verified: Verified, response: Response) -> Response:
    """The answer with a new session for whoever was verified; what this browser held before ends."""
    services = services_of(request)
    now, vault = services.system_clock.now(), services.vault
    known_as = described(request.headers.get("user-agent", ""))
    before = request.cookies.get(cookie_name(services.settings), "")

    def unit(session: Session) -> str:
        end_session(session, vault, secret=before)
        return open_session(
            session, vault, clinician_id=verified.clinician_id, now=now, proof=verified.proof, verified=verified.at,
            browser=known_as,
        )  # fmt: skip

    secret = await services.database.write(unit)
    log.info("signed_in", kind=verified.proof.value)
    set_cookie(response, services.settings, secret=secret)
    return response


async def confirmed(request: Request, verified: Verified, response: Response) -> Response:
    """The answer with the session's new secret, its owner verified."""
    services = services_of(request)
    at, old = verified.at, request.cookies[cookie_name(services.settings)]
    renewed = await services.database.write(
        lambda session: confirm_session(session, services.vault, secret=old, proof=verified.proof, verified=at)
    )
    if renewed is None:
        raise SignInRefused
    log.info("stepped_up", kind=verified.proof.value)
    set_cookie(response, services.settings, secret=renewed)
    return response


def embedded(request: Request) -> Services:
    """The services where passkeys are the way in; `OtherProvider` where the house has its own."""
    services = services_of(request)
    if not isinstance(services.identity, EmbeddedProvider):
        raise OtherProvider
    return services


async def json_of(request: Request) -> dict[str, Any]:
    """The object that a script of ours sent."""
    try:
        sent = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest from error
    if not isinstance(sent, dict):
        raise BadRequest
    return sent


def refused_in_words(request: Request, problem: Problem, *, words: str = FAILED) -> Response:
    """The refusal as data for a script, in the reader's language."""
    language = reading_of(request).language
    said = translate(language, words)
    return problem_in_words(problem, title=said, detail=said, language=language)


def texts(request: Request) -> dict[str, str]:
    """What the script says, in the reader's language."""
    return {key: translate(reading_of(request).language, text) for key, text in TEXTS.items()}


def address_of(request: Request) -> str:
    """Where the request comes from, for counting failures."""
    return request.client.host if request.client else ""


async def _begin(request: Request, attempt: Attempt) -> Response:
    services = embedded(request)
    begun = await services.identity.begin(attempt)
    response = Response(msgspec.json.encode(begun), media_type="application/json")
    browser.remember(response, services.settings, secret=attempt.browser)
    return response


async def _answered(request: Request, attempt: Attempt) -> Response:
    services, answer = services_of(request), await json_of(request)
    address, name = address_of(request), attempt.browser[:64]
    await services.failures.check(address, name)
    try:
        verified = await services.identity.finish(attempt, answer)
        finish = confirmed if attempt.purpose is Purpose.STEP_UP else opened
        return await finish(request, verified, Response(status_code=204))
    except SignInRefused as refused:
        await services.failures.failed(address, name)
        log.info("sign_in_refused", kind=Proof.PASSKEY.value)
        return refused_in_words(request, refused)


async def _first(services: Services, attempts: list[Attempt], answer: Mapping[str, Any]) -> tuple[Verified, bool]:
    """Who it is by the first attempt that the answer's state was made for, and whether that was a step-up."""
    for attempt in attempts[:-1]:
        try:
            return await services.identity.finish(attempt, answer), attempt.purpose is Purpose.STEP_UP
        except SignInRefused:
            continue
    return await services.identity.finish(attempts[-1], answer), attempts[-1].purpose is Purpose.STEP_UP


async def _signed_in_clinician(request: Request) -> str:
    from telemed.identity.callers import clinician_of

    try:
        await clinician_of(request)
    except Problem:
        return ""
    return signed_in_of(request).clinician.id


def _away(services: Services, location: str, *, secret: str, path: str) -> Response:
    response = RedirectResponse(location, 303)
    browser.remember(response, services.settings, secret=secret, path=path)
    return response


def _sign_in_page(request: Request, *, path: str, error: str = "", status: int = 200) -> Response:
    services, language = services_of(request), reading_of(request).language
    data = {"texts": texts(request), "next": path, "options": "/console/passkey/options", "send": "/console/passkey"}
    shown = page(
        request,
        "sign-in.html",
        status=status,
        query=urlencode({"next": path}),
        next=path,
        data=data,
        demo=services.settings.is_demo,
        external=isinstance(services.identity, ExternalProvider),
        error=translate(language, error) if error else "",
    )
    browser.remember(shown, services.settings, secret=browser.begun(request, services.settings), path=path)
    return shown
