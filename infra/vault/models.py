"""The tables of wrapped data keys and of what became of them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class DataKey(SQLModel, table=True):
    """A data key, wrapped. Its id is random, so that a key which never reached the disk can't be mistaken for another."""

    __tablename__ = "data_key"
    __table_args__ = (UniqueConstraint("scope", "version"),)

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    scope: str = Field(max_length=80)
    version: int = 1
    provider_version: int
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class KeyEvent(StrEnum):
    """What can happen to the data keys of a scope that other processes must hear of."""

    RENEWED = "renewed"
    DESTROYED = "destroyed"


class KeyChange(SQLModel, table=True):
    """The last change of one kind to the data keys of a scope. A destruction stays for ever: its scope gets no new key."""

    __tablename__ = "key_change"

    scope: str = Field(sa_column=Column(String(80), primary_key=True))
    event: str = Field(sa_column=Column(String(10), primary_key=True))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    # Of a destruction: whose patient it was, its line in the list of what is destroyed, and whether all is cleared away.
    tenant: str = Field(default="", sa_column=Column(String(64), nullable=False))
    line: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    cleared: bool = Field(default=True, sa_column=Column(Boolean, nullable=False))
