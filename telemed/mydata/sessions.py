"""Sessions of My data: a device that showed code and PIN, for a quarter of an hour after its last request."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, delete, select, update
from starlette.responses import Response

from fhir import compartments
from infra.database import Session
from infra.problems import Unauthorized
from infra.settings import Settings
from infra.vault import Vault
from telemed.mydata.models import LetterCode, MySession
from telemed.visits.codes import FORGET_AFTER

TOKEN_BYTES: Final = 32
LONGEST_TOKEN: Final = 100
IDLE: Final = timedelta(minutes=15)
# Nobody reads their record for longer at a stretch; a shared tablet is not left open over a day.
ABSOLUTE: Final = timedelta(hours=2)
# Use is noted at most this often, so that looking around does not write with every click.
NOTED: Final = timedelta(seconds=30)
# A session ended by another device with the same letter says so.
ELSEWHERE: Final = "elsewhere"
EXPIRED: Final = "expired"
LEFT: Final = "left"
ERASED: Final = "erased"


@dataclass(frozen=True, slots=True)
class MyPatient:
    """Whose record a session opens: the clinic's Patient that the letter was issued for, and no other of the person's."""

    tenant: str
    patient_id: str
    compartment: str
    code_hash: bytes


class NotSignedIn(Unauthorized):
    """This browser has not shown code and PIN. Sign in at /my."""

    def __init__(self, why: str = "") -> None:
        super().__init__(headers={"WWW-Authenticate": 'LetterCode realm="my"'})
        # Why an earlier session opens nothing any more; empty if there was none.
        self.why = why


def open_session(session: Session, vault: Vault, letter: LetterCode, *, now: datetime) -> str:
    """A new cookie value. A device that used the same letter before is out, and its next page says so."""
    of_letter = update(MySession).where(col(MySession.code_hash) == letter.hash, col(MySession.ended) == "")
    session.exec(of_letter.values(ended=ELSEWHERE))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        MySession(
            hash=digest(vault, token),
            code_hash=letter.hash,
            compartment=letter.compartment,
            tenant=letter.tenant,
            used=now,
            expires=now + ABSOLUTE,
        )
    )
    return token


def leave(session: Session, vault: Vault, token: str) -> None:
    """Nothing; the cookie opens nothing any more."""
    own = update(MySession).where(col(MySession.hash) == digest(vault, token), col(MySession.ended) == "")
    session.exec(own.values(ended=LEFT))


def end_erased(session: Session, compartment: str) -> None:
    """Nothing; browsers that had the erased record open are told so, by rows that say of nobody whose it was."""
    own = update(MySession).where(col(MySession.compartment) == compartment)
    session.exec(own.values(ended=ERASED, compartment="", code_hash=b""))


def forget_sessions(session: Session, *, now: datetime) -> None:
    """Nothing; sessions leave a day after they expired. Until then their browser is told why nothing opens."""
    session.exec(delete(MySession).where(col(MySession.expires) < now - FORGET_AFTER))


def cookie_name(settings: Settings) -> str:
    """The cookie's name; `__Host-` where TLS makes browsers accept it."""
    return "__Host-telemed_my" if settings.is_tls else "telemed_my"


def set_cookie(response: Response, settings: Settings, *, token: str) -> None:
    """Nothing; the browser keeps the cookie until it closes and never shows it to a script."""
    response.set_cookie(
        cookie_name(settings), token, path="/", httponly=True, samesite="strict", secure=settings.is_tls
    )


def clear_cookie(response: Response, settings: Settings) -> None:
    """Nothing; the answer makes the browser forget the session."""
    response.delete_cookie(cookie_name(settings), httponly=True, samesite="strict", secure=settings.is_tls)


def opened(session: Session, vault: Vault, token: str, *, now: datetime) -> tuple[MyPatient, bool]:
    """Whose record a cookie value opens, and whether its use should be noted; `NotSignedIn` says why it opens none."""
    found = session.exec(select(MySession).where(col(MySession.hash) == digest(vault, token))).one_or_none()
    if found is None:
        raise NotSignedIn(EXPIRED)
    if found.ended:
        raise NotSignedIn(found.ended)
    if found.expires <= now or found.used + IDLE <= now:
        raise NotSignedIn(EXPIRED)
    patient_id = compartments.patient_of(session, found.compartment)
    if patient_id is None:
        raise NotSignedIn(EXPIRED)
    patient = MyPatient(found.tenant, patient_id, found.compartment, found.code_hash)
    return patient, found.used + NOTED <= now


def note_use(session: Session, vault: Vault, token: str, *, now: datetime) -> None:
    """Nothing; the session has been used now."""
    own = update(MySession).where(col(MySession.hash) == digest(vault, token), col(MySession.ended) == "")
    session.exec(own.values(used=now))


def digest(vault: Vault, token: str) -> bytes:
    """What the database has of a cookie value."""
    return vault.token("my-session", token[:LONGEST_TOKEN])
