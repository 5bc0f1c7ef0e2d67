"""Tables of My data. Codes, PINs and cookies stand here only as keyed hashes, patients only under their pseudonym."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, LargeBinary, String
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class LetterState(StrEnum):
    """What became of a letter's code."""

    ACTIVE = "active"
    REPLACED = "replaced"


class LetterCode(SQLModel, table=True):
    """The code of one "my data" letter: whose record it opens, until when, and the PIN that goes with it."""

    __tablename__ = "letter_code"

    hash: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    factor: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    compartment: str = Field(sa_column=Column(String(32), nullable=False, index=True))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    state: str = Field(default=LetterState.ACTIVE, sa_column=Column(String(10), nullable=False))
    issued: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class LetterAttempt(SQLModel, table=True):
    """Attempts per code since the last right one, whether the code exists or not, so that both cost and answer the same."""

    __tablename__ = "letter_attempt"

    hash: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    failures: int
    last: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class MySession(SQLModel, table=True):
    """One device that showed code and PIN; it opens the record of one patient."""

    __tablename__ = "my_session"

    hash: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    code_hash: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False, index=True))
    compartment: str = Field(sa_column=Column(String(32), nullable=False, index=True))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    used: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    ended: str = Field(default="", sa_column=Column(String(10), nullable=False))
