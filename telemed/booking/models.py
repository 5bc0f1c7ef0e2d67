"""Tables of booking: what the engine knows of an appointment, and which requests were answered before."""

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, String
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class Booking(SQLModel, table=True):
    """An appointment with a managed schedule: when it is, its status, and how many invitations were sent."""

    __tablename__ = "booking"
    __table_args__ = (Index("booking_of_tenant", "tenant", "start"),)

    appointment_id: str = Field(sa_column=Column(String(64), primary_key=True))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    status: str = Field(sa_column=Column(String(20), nullable=False))
    start: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    end: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    hold_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    sequence: int = -1


class BusyMet(SQLModel, table=True):
    """A booking of a clinic that was refused because the person has an appointment elsewhere (`telemed.booking.busy`)."""

    __tablename__ = "busy_met"
    __table_args__ = (Index("busy_met_of_tenant", "tenant", "at"),)

    id: str = Field(sa_column=Column(String(32), primary_key=True))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    person: str = Field(sa_column=Column(String(32), nullable=False))  # a pseudonym of its own
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class AnsweredRequest(SQLModel, table=True):
    """A request with an Idempotency-Key that was carried out, as keyed hashes, and the version it made."""

    __tablename__ = "answered_request"

    key: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    request: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    appointment_id: str = Field(sa_column=Column(String(64), nullable=False))
    version: int
    answered: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
