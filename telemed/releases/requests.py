"""Suggestions and data requests from the public: taken, answered with a status, shown once the board has read them.

Every function is (part of) an atomic unit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from sqlmodel import Session, col, func, select

from fhir.ids import new_id
from infra.problems import NotFound, TooMany, Unprocessable
from infra.vault import Binding, Sealed, Vault
from telemed.releases.models import DataRequest

LONGEST: Final = 1000
LONGEST_ANSWER: Final = 500
MOST_A_DAY: Final = 50
"""Of all people together: the form must not fill the disk. Whoever has more to say writes to the contact."""
SHOWN: Final = 200
TENANT: Final = "statistics"


class Status(StrEnum):
    """How a request stands."""

    RECEIVED = "received"
    PLANNED = "planned"
    DONE = "done"
    DECLINED = "declined"


class Words(msgspec.Struct, frozen=True):
    """What was asked, and what the board answers."""

    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is shown."""

    id: str
    made: datetime
    status: Status
    shown: bool
    text: str
    answer: str


class NothingAsked(Unprocessable):
    """Say in at most 1,000 characters what you would like to know."""


class NoSuchRequest(NotFound):
    """There is no such request."""


class EnoughForToday(TooMany):
    """So many requests came today that no more are taken. Please write to the contact of the data set."""


def ask(session: Session, vault: Vault, text: str, *, now: datetime) -> str:
    """The id of a new request; nobody but the board reads it until the board shows it."""
    words = " ".join(text.split())
    if not 0 < len(words) <= LONGEST:
        raise NothingAsked
    today = select(func.count()).select_from(DataRequest).where(col(DataRequest.made) > now - timedelta(days=1))
    if session.exec(today).one() >= MOST_A_DAY:
        raise EnoughForToday
    id = new_id()
    sealed = _sealed(session, vault, id, Words(words))
    session.add(DataRequest(id=id, made=now, status=Status.RECEIVED, data_key=sealed.data_key, body=sealed.body))
    return id


def answer(session: Session, vault: Vault, id: str, *, status: Status, text: str, shown: bool) -> None:
    """Nothing; the request has this status and answer, and is shown to everybody or to the board alone."""
    found = session.get(DataRequest, id)
    if found is None:
        raise NoSuchRequest
    asked = _opened(session, vault, found).text
    sealed = _sealed(session, vault, id, Words(asked, " ".join(text.split())[:LONGEST_ANSWER]))
    found.status, found.shown = status, shown
    found.data_key, found.body = sealed.data_key, sealed.body


def requests(session: Session, vault: Vault, *, all: bool) -> list[Request]:
    """The latest requests, newest first: for the board all, for everybody those that it shows."""
    wanted = select(DataRequest).order_by(col(DataRequest.made).desc()).limit(SHOWN)
    found = session.exec(wanted if all else wanted.where(col(DataRequest.shown))).all()
    told = [(row, _opened(session, vault, row)) for row in found]
    return [Request(row.id, row.made, Status(row.status), row.shown, words.text, words.answer) for row, words in told]


def _sealed(session: Session, vault: Vault, id: str, words: Words) -> Sealed:
    return vault.seal(session, msgspec.json.encode(words), to=Binding(TENANT, "DataRequest", id))


def _opened(session: Session, vault: Vault, row: DataRequest) -> Words:
    content = vault.open_alone(session, Sealed(row.data_key, row.body), to=Binding(TENANT, "DataRequest", row.id))
    return msgspec.json.decode(content, type=Words)
