"""Tables of a video visit. Codes, birth dates and cookies stand here only as keyed hashes."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import LargeBinary, false
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime

# A room's name is what its tickets are for, so nobody may guess one.
ROOM_BYTES = 18


class Guest(StrEnum):
    """Who holds a join code; the clinic's people come through the console instead."""

    PATIENT = "patient"
    RELATIVE = "relative"
    NURSE = "nurse"
    INTERPRETER = "interpreter"


class CodeState(StrEnum):
    """What became of a join code."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    OVER = "over"


class Stage(StrEnum):
    """How far a visit has come."""

    EXPECTED = "expected"
    WAITING = "waiting"
    ADMITTED = "admitted"
    ENDED = "ended"


class JoinCode(SQLModel, table=True):
    """One join code: which appointment it opens, when, and the second factor that goes with it."""

    __tablename__ = "join_code"

    hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    factor: bytes = Field(sa_type=LargeBinary)
    appointment_id: str = Field(index=True)
    tenant: str
    role: str
    # Who of several in one role; empty for the patient. A random name, as people who come along are not registered.
    person: str = ""
    state: str = CodeState.ACTIVE
    opens: datetime = Field(sa_type=UtcDateTime)
    closes: datetime = Field(sa_type=UtcDateTime)


class JoinAttempt(SQLModel, table=True):
    """Failed attempts per code, whether the code exists or not, so that both cost and answer the same."""

    __tablename__ = "join_attempt"

    hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    failures: int
    last: datetime = Field(sa_type=UtcDateTime, index=True)


class VisitSession(SQLModel, table=True):
    """One device that showed code and birth date; it may take part in one appointment."""

    __tablename__ = "visit_session"

    hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    code_hash: bytes = Field(sa_type=LargeBinary, index=True)
    appointment_id: str = Field(index=True)
    tenant: str
    role: str
    person: str = ""
    expires: datetime = Field(sa_type=UtcDateTime)
    ended: str = ""
    # When who comes along last asked for the page: the only sign that they wait.
    seen: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Visit(SQLModel, table=True):
    """The visit of one appointment: its random room, how far it has come, the encounter that documents it."""

    __tablename__ = "visit"

    appointment_id: str = Field(primary_key=True)
    tenant: str = Field(index=True)
    room: str
    stage: str = Stage.EXPECTED
    encounter_id: str | None = None
    waiting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    # What was said at the patient's device, kept for the call alone: who sits there, and sealed, where that is.
    company: str = Field(default="", sa_column_kwargs={"server_default": ""})
    place: bytes | None = Field(default=None, sa_type=LargeBinary)
    place_key: int | None = None
    here_since: datetime | None = Field(default=None, sa_type=UtcDateTime, nullable=True)
    # The Task that asks the clinic to phone; empty again once somebody has.
    call_back: str | None = None
    # Whether the patient has said how it was; what they said stands nowhere.
    answered: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class OpinionCount(SQLModel, table=True):
    """How many patients of a clinic answered so in one month (its first day)."""

    __tablename__ = "opinion_count"

    tenant: str = Field(primary_key=True)
    month: date = Field(primary_key=True)
    opinion: str = Field(primary_key=True)
    count: int


class NoteDraft(SQLModel, table=True):
    """A note that is being written in a consultation, sealed under the patient's key, until the visit is documented."""

    __tablename__ = "note_draft"

    appointment_id: str = Field(primary_key=True)
    tenant: str
    compartment: str
    # Counts up with every change, so that two windows notice each other.
    version: int
    author: str
    saved: datetime = Field(sa_type=UtcDateTime, index=True)
    data_key: int
    body: bytes = Field(sa_type=LargeBinary)
