"""Tables of notices. Addresses, names and codes stand here only sealed, under the patient's own data key."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, LargeBinary, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class Channel(StrEnum):
    """How a notice reaches its reader."""

    MAIL = "mail"
    LETTER = "letter"


class NoticeState(StrEnum):
    """Whether a notice is still to be delivered."""

    WAITING = "waiting"
    DELIVERED = "delivered"


class Notice(SQLModel, table=True):
    """One thing to tell one person; told once for each appointment, sequence and channel."""

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("appointment_id", "sequence", "channel"),)

    id: str = Field(sa_column=Column(String(32), primary_key=True))
    appointment_id: str = Field(sa_column=Column(String(64), nullable=False))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    compartment: str = Field(sa_column=Column(String(32), nullable=False))
    channel: str = Field(sa_column=Column(String(8), nullable=False))
    sequence: int
    state: str = Field(default=NoticeState.WAITING, sa_column=Column(String(10), nullable=False))
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class SinkMessage(SQLModel, table=True):
    """A delivered notice in the local sink, as it would have left."""

    __tablename__ = "sink_message"

    notice_id: str = Field(sa_column=Column(String(32), primary_key=True))
    appointment_id: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    compartment: str = Field(sa_column=Column(String(32), nullable=False))
    channel: str = Field(sa_column=Column(String(8), nullable=False))
    delivered: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
