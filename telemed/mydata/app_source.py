"""Patients as people who may allow an app something: whoever has shown code and PIN of a letter, as long as that letter counts."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session
from starlette.requests import HTTPConnection

from fhir import compartments
from infra.caller import Role
from infra.clock import Clock
from infra.settings import Settings
from infra.vault import Vault
from telemed.identity.users import User, UserKind
from telemed.mydata import sessions
from telemed.mydata.models import LetterCode, LetterState, MySession
from telemed.mydata.sessions import NotSignedIn, cookie_name


class Patients:
    """People with a session of "My data". Who they are is the letter: a new one ends what apps were allowed by the old one."""

    kind = UserKind.PATIENT
    sign_in = "/my"

    def __init__(self, settings: Settings, vault: Vault, clock: Clock) -> None:
        self._settings = settings
        self._vault = vault
        self._now = clock.now

    def signed_in(self, session: Session, connection: HTTPConnection, *, now: datetime) -> User | None:
        """The patient of the letter's cookie."""
        token = connection.cookies.get(cookie_name(self._settings), "")
        try:
            found, stale = sessions.opened(session, self._vault, token, now=now)
        except NotSignedIn:
            return None
        if stale:
            sessions.note_use(session, self._vault, token, now=now)
        user = self.today(session, found.code_hash.hex())
        return replace(user, session=sessions.digest(self._vault, token)) if user else None

    def today(self, session: Session, id: str) -> User | None:
        """The patient of a letter; nobody once it was replaced, has run out, or the record was erased."""
        letter = session.get(LetterCode, bytes.fromhex(id))
        if letter is None or letter.state != LetterState.ACTIVE or letter.expires <= self._now():
            return None
        patient = compartments.patient_of(session, letter.compartment)
        return User(UserKind.PATIENT, id, letter.tenant, Role.PATIENT, patient) if patient else None

    def stands(self, session: Session, browser: bytes, *, now: datetime) -> bool:
        """True until the patient leaves, another device takes over, or the session's two hours are over."""
        found = session.get(MySession, browser)
        return found is not None and not found.ended and found.expires > now
