"""People who may allow an app something: clinicians by the console's session, others by a source of their own.

A source says who is signed in with a browser, who that is today, and whether a session still stands. What the
authorisation server does with them is the same for all: a patient's "My data" session is one more source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlencode

from sqlmodel import Session
from starlette.requests import HTTPConnection

from infra.caller import Role
from infra.settings import Settings
from infra.vault import Vault
from telemed.identity import sessions
from telemed.identity.models import Clinician, ConsoleSession
from telemed.identity.sessions import cookie_name, note_use, signed_in

SIGN_IN = "/console/sign-in"


class UserKind(StrEnum):
    """What a person is to the authorisation server."""

    CLINICIAN = "clinician"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class User:
    """A person as they are today. `subject` is the id of their Practitioner or Patient; `session` names the browser's."""

    kind: UserKind
    id: str
    tenant: str
    role: Role
    subject: str
    session: bytes = b""

    @property
    def fhir_user(self) -> str:
        """The reference to the person's own resource."""
        return f"{'Patient' if self.kind is UserKind.PATIENT else 'Practitioner'}/{self.subject}"


class UserSource(Protocol):
    """Where people of one kind sign in."""

    @property
    def kind(self) -> UserKind:
        """The kind of people."""
        ...

    @property
    def sign_in(self) -> str:
        """The path of the page where they sign in; it takes `next`, a path of ours."""
        ...

    def signed_in(self, session: Session, connection: HTTPConnection, *, now: datetime) -> User | None:
        """Who is signed in with this browser; part of a writing unit."""
        ...

    def today(self, session: Session, id: str) -> User | None:
        """Who this is today, without a session; nobody if they may do nothing any more."""
        ...

    def stands(self, session: Session, browser: bytes, *, now: datetime) -> bool:
        """True while the browser's session that `User.session` named has not ended."""
        ...


class Clinicians:
    """People with a session of the console."""

    kind = UserKind.CLINICIAN
    sign_in = SIGN_IN

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings = settings
        self._vault = vault

    def signed_in(self, session: Session, connection: HTTPConnection, *, now: datetime) -> User | None:
        """The clinician of the console's cookie."""
        secret = connection.cookies.get(cookie_name(self._settings), "")
        found = signed_in(session, self._vault, secret=secret, now=now) if secret else None
        if found is None:
            return None
        if found.stale:
            note_use(session, self._vault, secret=secret, now=now)
        return _user(found.clinician, session=sessions.digest(self._vault, secret))

    def today(self, session: Session, id: str) -> User | None:
        """The clinician with the role of today; nobody once switched off."""
        found = session.get(Clinician, id)
        return _user(found) if found is not None and found.active else None

    def stands(self, session: Session, browser: bytes, *, now: datetime) -> bool:
        """True until the clinician signs out or the session's twelve hours are over."""
        found = session.get(ConsoleSession, browser)
        return found is not None and found.expires > now


def source_of(users: Sequence[UserSource], kind: str) -> UserSource | None:
    """The source of a kind of people; nothing if there is none here."""
    return next((source for source in users if source.kind == kind), None)


def sign_in_address(source: UserSource, asked: Sequence[tuple[str, str]]) -> str:
    """Where to sign in, and come back from to the authorisation that was asked for: a path of ours, never an address."""
    return f"{source.sign_in}?{urlencode({'next': f'/oauth/authorize?{urlencode(asked)}'})}"


def _user(clinician: Clinician, *, session: bytes = b"") -> User:
    role = Role(clinician.role)
    return User(UserKind.CLINICIAN, clinician.id, clinician.tenant, role, clinician.practitioner_id, session)
