"""A clinician's own sign-in: passkeys, recovery codes, and where they are signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from telemed.identity.callers import SignedInClinician
from telemed.identity.models import Clinician
from telemed.identity.sessions import (
    clear_cookie,
    cookie_name,
    end_all,
    end_named,
    is_of,
    name_of,
    sessions_of,
)
from telemed.pages.rendering import page
from telemed.services import Services, services_of
from telemed.signin import browser, passkeys, recovery
from telemed.signin.enrolling import creation, take
from telemed.signin.passkeys import EmbeddedProvider, LastPasskey, Listed, TooManyPasskeys, UnusablePasskey
from telemed.signin.routes import embedded, json_of, refused_in_words, texts
from telemed.signin.stepup import RecentlyProven, SteppedUp, signed_in_of

router = APIRouter()

ACCOUNT = "/console/account"


@dataclass(frozen=True, slots=True)
class Place:
    """A browser in which the clinician is signed in."""

    name: str
    browser: str
    opened: datetime
    seen: datetime
    is_this: bool


@router.get(ACCOUNT, include_in_schema=False)
async def account(request: Request, caller: SignedInClinician) -> Response:
    """The page."""
    return await _page(request)


@router.post("/console/account/passkeys/options", include_in_schema=False)
async def new_options(request: Request, caller: RecentlyProven) -> Response:
    """What the browser needs to make one more passkey."""
    services = embedded(request)
    secret, mine = browser.begun(request, services.settings), signed_in_of(request).clinician
    made = await services.database.write(lambda session: creation(session, services, mine, secret=secret))
    response = Response(msgspec.json.encode({"publicKey": made}), media_type="application/json")
    browser.remember(response, services.settings, secret=secret)
    return response


@router.post("/console/account/passkeys", include_in_schema=False)
async def new(request: Request, caller: RecentlyProven) -> Response:
    """One more passkey."""
    services, sent = embedded(request), await json_of(request)
    secret, mine = browser.secret_of(request, services.settings), signed_in_of(request).clinician
    try:
        await services.database.write(lambda session: take(session, services, mine, sent, secret=secret))
    except (UnusablePasskey, TooManyPasskeys) as refused:
        return refused_in_words(request, refused)
    return Response(status_code=204)


@router.post("/console/account/passkeys/name", include_in_schema=False)
async def rename(request: Request, caller: SignedInClinician) -> Response:
    """A passkey under another name."""
    services, form, mine = embedded(request), await _form(request), signed_in_of(request).clinician

    def unit(session: Session) -> None:
        passkeys.rename(session, services.vault, clinician=mine, id=form["passkey"], name=form["name"])

    await services.database.write(unit)
    return RedirectResponse(ACCOUNT, 303)


@router.post("/console/account/passkeys/remove", include_in_schema=False)
async def remove(request: Request, caller: SteppedUp) -> Response:
    """A passkey less; the last one stays."""
    services, form, mine = embedded(request), await _form(request), signed_in_of(request).clinician
    try:
        await services.database.write(
            lambda session: passkeys.remove(session, clinician_id=mine.id, id=form["passkey"])
        )
    except LastPasskey as refused:
        return await _page(request, status=refused.status, is_last=True)
    return RedirectResponse(ACCOUNT, 303)


@router.post("/console/account/codes", include_in_schema=False)
async def codes(request: Request, caller: SteppedUp) -> Response:
    """Ten new recovery codes, shown once; those from before have ended."""
    services, mine = embedded(request), signed_in_of(request).clinician
    made = await services.database.write(lambda session: recovery.renew(session, services.vault, clinician_id=mine.id))
    return page(request, "recovery.html", codes=made)


@router.post("/console/sessions/end", include_in_schema=False)
async def end_one(request: Request, caller: SignedInClinician) -> Response:
    """One of the clinician's sessions, ended."""
    services, form, mine = services_of(request), await _form(request), signed_in_of(request).clinician
    await services.database.write(lambda session: end_named(session, clinician_id=mine.id, name=form["session"]))
    return RedirectResponse(ACCOUNT, 303)


@router.post("/console/sessions/end-all", include_in_schema=False)
async def end_everywhere(request: Request, caller: SignedInClinician) -> Response:
    """Signed out everywhere, here too."""
    services, mine = services_of(request), signed_in_of(request).clinician
    await services.database.write(lambda session: end_all(session, clinician_id=mine.id))
    response = RedirectResponse("/console/sign-in", 303)
    clear_cookie(response, services.settings)
    return response


async def _page(request: Request, *, status: int = 200, is_last: bool = False) -> Response:
    services, found = services_of(request), signed_in_of(request)
    is_embedded, now = isinstance(services.identity, EmbeddedProvider), services.system_clock.now()
    secret = request.cookies.get(cookie_name(services.settings), "")

    def unit(session: Session) -> dict[str, Any]:
        return {
            "passkeys": _passkeys(session, services, found.clinician) if is_embedded else [],
            "left": recovery.left(session, clinician_id=found.clinician.id) if is_embedded else 0,
            "places": [
                Place(name_of(each), each.browser, each.opened, each.seen, is_of(each, services.vault, secret))
                for each in sessions_of(session, clinician_id=found.clinician.id, now=now)
            ],
        }

    shown = await services.database.read(unit)
    data = {
        "texts": texts(request),
        "next": ACCOUNT,
        "options": "/console/account/passkeys/options",
        "send": "/console/account/passkeys",
    }
    return page(
        request,
        "account.html",
        status=status,
        data=data,
        embedded=is_embedded,
        fresh=found.is_fresh(services.settings, now=now),
        recent=found.is_recent(services.settings, now=now),
        is_last=is_last,
        most=passkeys.LONGEST_NAME,
        **shown,
    )


def _passkeys(session: Session, services: Services, clinician: Clinician) -> list[Listed]:
    return passkeys.listed(session, services.vault, clinician=clinician)


async def _form(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: str(form.get(name, ""))[:200] for name in ("passkey", "name", "session")}
