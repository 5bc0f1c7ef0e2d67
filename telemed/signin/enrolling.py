"""From an invitation to a first passkey: the page, the challenge, and what comes back."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from telemed.identity.browsers import described
from telemed.identity.callers import require_own_origin
from telemed.identity.models import Clinician
from telemed.identity.sessions import Proof
from telemed.pages.rendering import page
from telemed.pages.summary import name_of
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.signin import browser, ceremony, challenges, invitations, passkeys, recovery
from telemed.signin.ceremony import Party
from telemed.signin.challenges import Attempt, Purpose
from telemed.signin.invitations import InvitationOver
from telemed.signin.passkeys import UnusablePasskey
from telemed.signin.provider import Verified
from telemed.signin.routes import TEXTS, address_of, embedded, json_of, opened, refused_in_words, texts

router = APIRouter()


# May be called by anybody: the invitation stands in the fragment, which no server sees.
@router.get("/console/enrol", include_in_schema=False)
async def enrol_page(request: Request) -> Response:
    """The page that an invitation opens."""
    embedded(request)
    data = {
        "texts": texts(request),
        "next": browser.HOME,
        "options": "/console/enrol/options",
        "send": "/console/enrol",
    }
    return page(request, "enrol.html", data=data, name=described(request.headers.get("user-agent", "")))


@router.post("/console/enrol/options", include_in_schema=False)
async def enrol_options(request: Request) -> Response:
    """What the browser needs to make the passkey, for who holds an invitation."""
    require_own_origin(request)
    services, token = embedded(request), str((await json_of(request)).get("token", ""))
    now, secret = services.system_clock.now(), browser.begun(request, services.settings)
    address = address_of(request)
    await services.failures.check(address, secret[:64])

    def unit(session: Session) -> dict[str, Any]:
        clinician = invitations.invited(session, services.vault, token, now=now)
        return creation(session, services, clinician, secret=secret)

    try:
        made = await services.database.write(unit)
    except InvitationOver as over:
        await services.failures.failed(address, secret[:64])
        return refused_in_words(request, over, words=TEXTS["over"])
    response = Response(msgspec.json.encode({"publicKey": made}), media_type="application/json")
    browser.remember(response, services.settings, secret=secret)
    return response


@router.post("/console/enrol", include_in_schema=False)
async def enrol(request: Request) -> Response:
    """The passkey kept, the invitation used, a session opened; a first passkey comes with recovery codes."""
    require_own_origin(request)
    services, sent = embedded(request), await json_of(request)
    secret, now = browser.secret_of(request, services.settings), services.system_clock.now()

    def unit(session: Session) -> tuple[str, list[str]]:
        # One unit: an answer that is refused leaves the invitation as it was.
        clinician = invitations.accept(session, services.vault, str(sent.get("token", "")), now=now)
        take(session, services, clinician, sent, secret=secret)
        codes = recovery.renew(session, services.vault, clinician_id=clinician.id)
        return clinician.id, codes

    try:
        clinician_id, codes = await services.database.write(unit)
    except (InvitationOver, UnusablePasskey) as refused:
        words = TEXTS["over" if isinstance(refused, InvitationOver) else "failed"]
        return refused_in_words(request, refused, words=words)
    body = msgspec.json.encode({"codes": codes})
    return await opened(
        request, Verified(clinician_id, now, Proof.PASSKEY), Response(body, media_type="application/json")
    )


def creation(session: Session, services: Services, clinician: Clinician, *, secret: str) -> dict[str, Any]:
    """What the browser with this secret needs to make one more passkey of the clinician."""
    attempt = Attempt(secret, Purpose.ENROL, clinician.id)
    challenge = challenges.issue(services.vault, attempt, now=services.system_clock.now())
    reference = f"Practitioner/{clinician.practitioner_id}"
    # The name stands on the clinician's own device, beside those of other services.
    label = name_of(session, services.record, platform(clinician.tenant), reference=reference) or clinician.id
    party = Party.of(services.settings)
    return passkeys.creation(
        session, services.vault, party, clinician_id=clinician.id, label=label, challenge=challenge
    )


def take(session: Session, services: Services, clinician: Clinician, sent: dict[str, Any], *, secret: str) -> None:
    """Nothing; the passkey that was made for the challenge of this browser is the clinician's.

    `UnusablePasskey` for anything else; the challenge of an answer that was refused has been used up only if the unit
    is committed, which does no harm: nobody else can answer it.
    """
    answer, now = sent.get("credential"), services.system_clock.now()
    answer = answer if isinstance(answer, dict) else {}
    challenge = ceremony.shown(answer).challenge
    attempt = Attempt(secret, Purpose.ENROL, clinician.id)
    if not challenges.consume(session, services.vault, attempt, challenge=challenge, now=now):
        raise UnusablePasskey
    new = ceremony.made(Party.of(services.settings), answer, challenge=challenge)
    if new is None:
        raise UnusablePasskey
    passkeys.keep(session, services.vault, clinician=clinician, new=new, name=str(sent.get("name", "")), now=now)
