"""The authorisation endpoint: whoever is signed in is asked whether an app may act for them (RFC 6749 4.1, SMART 2.2).

Everything the app sent stands in the page's form and is read anew with the answer: nothing waits on the server, and
what comes back is judged like what came first. The browser is sent to a registered address alone, by a 303 (RFC 9700 4.12).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from infra.problems import Problem
from telemed.identity import grants, picking
from telemed.identity.addresses import origin
from telemed.identity.authorization import (
    KNOWN,
    AuthorizationError,
    AuthorizationRequest,
    Fields,
    Return,
    UnknownApp,
    addressee,
    read,
)
from telemed.identity.callers import require_own_origin
from telemed.identity.clients import CLIENT_ID
from telemed.identity.grants import Allowed
from telemed.identity.models import OAuthClient
from telemed.identity.picking import Person, caller_of_user
from telemed.identity.users import User, UserKind, sign_in_address
from telemed.pages.languages import translate
from telemed.pages.permissions import CHOOSE, TICK, has_box, permissions
from telemed.pages.rendering import let_forms_lead_to, page, reading_of, unpacked_page
from telemed.pages.summary import name_of
from telemed.pages.texts import told
from telemed.services import Services, services_of

log = structlog.get_logger()
router = APIRouter()

LONGEST: Final = 8192
MOST_FIELDS: Final = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person answered on the page."""

    step: str
    patient: str
    name: str
    grants: frozenset[str]


@dataclass(frozen=True, slots=True)
class Context:
    """What a request turned out to be about, before anybody is asked."""

    user: User
    scopes: tuple[str, ...]
    patient: Person | None = None
    picks: bool = False
    found: list[Person] | None = None
    names: Mapping[str, Any] = field(default_factory=dict)


# May be called by anybody: it asks for the sign-in itself.
@router.get("/oauth/authorize", include_in_schema=False)
async def authorize(request: Request) -> Response:
    """The page that asks, or the answer to the app where there is nothing to ask."""
    return await _answered(request, request.query_params.multi_items(), Choice("", "", "", frozenset()))


@router.post("/oauth/authorize", include_in_schema=False)
async def answered(request: Request) -> Response:
    """The answer to the app; the page again while a patient is looked for. An app may also send its request this way."""
    async with request.form(max_fields=MOST_FIELDS, max_files=0) as sent:
        fields = [(name, value) for name, value in sent.multi_items() if isinstance(value, str)]
    given = dict(fields)
    asked = [(name, value) for name, value in fields if name in KNOWN]
    if "step" not in given:
        # From the app's own page no cookie comes along; it does with what the browser then asks for by itself.
        return RedirectResponse(f"/oauth/authorize?{urlencode(asked)}", 303)
    require_own_origin(request)
    ticked = frozenset(value for name, value in fields if name == "grant")
    choice = Choice(given["step"], given.get("patient", ""), given.get("name", ""), ticked)
    return await _answered(request, asked, choice)


def as_page(request: Request, problem: Problem) -> Response:
    """The problem on a page: whoever is here came by a link, and nobody else is told."""
    words = told("unknown_app" if isinstance(problem, UnknownApp) else "refused_here", reading_of(request).language)
    return page(request, "problem.html", status=problem.status, title=words.title, advice=words.advice)


async def _answered(request: Request, fields: Fields, choice: Choice) -> Response:
    services = services_of(request)
    issuer = services.settings.base_url.rstrip("/")
    if sum(len(name) + len(value) for name, value in fields) > LONGEST:
        raise UnknownApp
    client = await _client(services, dict(fields).get("client_id", ""))
    back = addressee(fields, client)
    assert client is not None
    try:
        asked = read(fields, client, back, audience=f"{issuer}/fhir")
        if "openid" in asked.scopes:
            await services.issuer.prepare_identities(services.database)
        return await _decided(request, client, asked, choice)
    except AuthorizationError as refused:
        log.info("authorization_refused", error=refused.error, client=client.client_id)
        there = back.address(issuer, error=refused.error, error_description=refused.description)
        return RedirectResponse(there, 303)


async def _decided(request: Request, client: OAuthClient, asked: AuthorizationRequest, choice: Choice) -> Response:
    services, now = services_of(request), services_of(request).system_clock.now()
    issuer = services.settings.base_url.rstrip("/")

    def unit(session: Session) -> tuple[Context, str] | None:
        user = next(filter(None, (one.signed_in(session, request, now=now) for one in services.users)), None)
        if user is None:
            return None
        context = _context(session, services, client, asked, user=user, choice=choice)
        if choice.step != "allow":
            return context, ""
        return context, _allowed(session, services, client, asked, context=context, choice=choice)

    made = await services.database.write(unit)
    if made is None:
        return _sign_in(request, client, asked)
    context, code = made
    if choice.step == "deny":
        raise AuthorizationError("access_denied", "The person did not allow it.")
    if code:
        log.info("authorization_given", client=client.client_id, role=context.user.role.value)
        return RedirectResponse(asked.back.address(issuer, code=code), 303)
    return _page(request, client, asked, context, choice)


def _context(
    session: Session,
    services: Services,
    client: OAuthClient,
    asked: AuthorizationRequest,
    *,
    user: User,
    choice: Choice,
) -> Context:
    if client.tenant != user.tenant:
        raise AuthorizationError("access_denied", "The app is not one of this person's clinic.")
    of_patient = user.kind is UserKind.PATIENT
    scopes = tuple(s for s in asked.scopes if not (of_patient and (s.startswith("user/") or s == "launch")))
    if not scopes:
        raise AuthorizationError("access_denied", "Nothing of what is asked for is this person's to allow.")
    names = _names(session, services, client, user)
    store = services.store
    if asked.launch:
        now, vault = services.system_clock.now(), services.vault
        id = grants.launched(session, vault, asked.launch, client_id=client.client_id, user=user, now=now)
        who = picking.person(session, store, user, id=id) if id is not None else None
        if who is None:
            raise AuthorizationError("invalid_request", "The launch is not good: used, late, or somebody else's.")
        return Context(user, scopes, who, names=names)
    if of_patient:
        return Context(user, scopes, picking.person(session, store, user, id=user.subject), names=names)
    if not asked.wants_patient:
        return Context(user, scopes, names=names)
    found = picking.find(session, store, user, name=choice.name) if choice.name else None
    return Context(user, scopes, picks=True, found=found, names=names)


def _allowed(
    session: Session,
    services: Services,
    client: OAuthClient,
    asked: AuthorizationRequest,
    *,
    context: Context,
    choice: Choice,
) -> str:
    """The code; nothing if a patient is still to be chosen, or nothing is ticked."""
    now, vault, patient = services.system_clock.now(), services.vault, context.patient
    if _nothing_ticked(context, choice):
        return ""
    if context.picks:
        patient = picking.person(session, services.store, context.user, id=choice.patient) if choice.patient else None
        if patient is None:
            return ""
    if asked.launch:
        user = context.user
        if grants.use_launch(session, vault, asked.launch, client_id=client.client_id, user=user, now=now) is None:
            raise AuthorizationError("invalid_request", "The launch is not good: used, late, or somebody else's.")
    scopes = [scope for scope in context.scopes if not has_box(scope) or scope in choice.grants]
    given = Allowed(
        client.client_id,
        asked.back.redirect_uri,
        asked.challenge,
        " ".join(scopes),
        patient.id if patient else "",
        asked.nonce,
    )
    return grants.allow(session, vault, given, user=context.user, now=now)


def _nothing_ticked(context: Context, choice: Choice) -> bool:
    """True where there are boxes and none of them is ticked."""
    boxes = frozenset(filter(has_box, context.scopes))
    return bool(boxes) and boxes.isdisjoint(choice.grants)


def _page(
    request: Request, client: OAuthClient, asked: AuthorizationRequest, context: Context, choice: Choice
) -> Response:
    language = reading_of(request).language
    hidden = _fields(asked, issuer=services_of(request).settings.base_url.rstrip("/"))
    missing = ""
    if choice.step == "allow":
        # Whoever presses "Allow" meant something by it; silence is no consent (CJEU C-673/17, "Planet49").
        missing = TICK if _nothing_ticked(context, choice) else CHOOSE
    response = unpacked_page(
        request,
        "authorize.html",
        app=client.name,
        there=origin(asked.back.redirect_uri),
        query=urlencode(hidden),
        hidden=hidden,
        permissions=permissions(context.scopes, language),
        patient=context.patient,
        picks=context.picks,
        found=context.found,
        chosen=choice.patient,
        # What was ticked stays so while a patient is looked for; nothing is ticked for anybody (GDPR, recital 32).
        ticked=choice.grants,
        name=choice.name,
        error=translate(language, missing) if missing else "",
        **context.names,
    )
    let_forms_lead_to(response, origin(asked.back.redirect_uri))
    return response


def _sign_in(request: Request, client: OAuthClient, asked: AuthorizationRequest) -> Response:
    """To the page where people sign in, and back; whoever could be of several kinds is asked of which."""
    sources = list(services_of(request).users)
    hidden = _fields(asked, issuer=services_of(request).settings.base_url.rstrip("/"))
    if len(sources) > 1 and not asked.launch and not any(scope.startswith("user/") for scope in asked.scopes):
        ways = [{"kind": source.kind, "address": sign_in_address(source, hidden)} for source in sources]
        return page(request, "authorize_who.html", app=client.name, query=urlencode(hidden), sources=ways)
    return RedirectResponse(sign_in_address(sources[0], hidden), 303)


def _fields(asked: AuthorizationRequest, *, issuer: str) -> list[tuple[str, str]]:
    """What the app asked for, as it was read: no more and nothing twice."""
    back: Return = asked.back
    return [
        ("response_type", "code"),
        ("client_id", asked.client_id),
        ("redirect_uri", back.redirect_uri),
        ("scope", " ".join(asked.scopes)),
        ("state", back.state),
        ("aud", f"{issuer}/fhir"),
        ("code_challenge", asked.challenge),
        ("code_challenge_method", "S256"),
        *((name, value) for name, value in (("nonce", asked.nonce), ("launch", asked.launch)) if value),
    ]


def _names(session: Session, services: Services, client: OAuthClient, user: User) -> dict[str, str]:
    wanted = {
        "clinic": f"Organization/{user.tenant}",
        "person": user.fhir_user,
        "owner": f"Organization/{client.tenant}",
    }
    caller = caller_of_user(user)
    return {key: name_of(session, services.store, caller, reference=value) for key, value in wanted.items()}


async def _client(services: Services, client_id: str) -> OAuthClient | None:
    if not CLIENT_ID.fullmatch(client_id):
        return None
    row = await services.database.read(lambda session: session.get(OAuthClient, client_id))
    return row if row is not None and row.active and row.redirect_uris else None
