"""Tables of schedules: which are managed here, when their slots are, and what is taken. Times stand in plain (DESIGN 4)."""

from datetime import datetime
from enum import StrEnum
from typing import Final, cast

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class SlotStatus(StrEnum):
    """FHIR's slotstatus, as far as it is used here."""

    FREE = "free"
    BUSY = "busy"
    HELD = "busy-tentative"
    CLOSED = "busy-unavailable"


class Origin(StrEnum):
    """Who wrote a slot last: the rules, which may close it again, or somebody else, whose word stands."""

    RULE = "rule"
    OTHER = "other"


class ManagedSchedule(SQLModel, table=True):
    """A Schedule whose slots and bookings are decided here."""

    __tablename__ = "managed_schedule"

    schedule_id: str = Field(sa_column=Column(String(64), primary_key=True))
    tenant: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    role_id: str | None = Field(default=None, sa_column=Column(String(64), nullable=True, index=True))
    minutes: int
    codes: str = ""  # service types and specialties, blank-separated, for $find


class ScheduleResource(SQLModel, table=True):
    """Which practitioner, room or device a managed schedule occupies with each booking."""

    __tablename__ = "schedule_resource"

    schedule_id: str = Field(sa_column=Column(String(64), primary_key=True))
    resource: str = Field(sa_column=Column(String(100), primary_key=True, index=True))


class SlotTime(SQLModel, table=True):
    """The times and status of one Slot of a managed schedule, to find free ones without opening the record."""

    __tablename__ = "slot_time"
    __table_args__ = (Index("slot_time_of_schedule", "schedule_id", "start"),)

    slot_id: str = Field(sa_column=Column(String(64), primary_key=True))
    schedule_id: str = Field(sa_column=Column(String(64), nullable=False))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    start: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    end: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    origin: str = Field(sa_column=Column(String(8), nullable=False))
    # What rules or owner want; `status` is what bookings make of it. A slot that is not offered can't be booked.
    offered: bool = Field(sa_column=Column(Boolean, nullable=False))
    status: str = Field(sa_column=Column(String(20), nullable=False))
    hold_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))


SLOT_TIME: Final = cast(Table, SlotTime.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it


class Bookable(SQLModel, table=True):
    """One row per resource, locked by whoever books it, always in the order of the names."""

    __tablename__ = "bookable"

    resource: str = Field(sa_column=Column(String(100), primary_key=True))


class Occupancy(SQLModel, table=True):
    """The arbiter: who has a resource in a five-minute tick. The primary key makes a second booking impossible."""

    __tablename__ = "occupancy"
    __table_args__ = (Index("occupancy_of_appointment", "appointment_id"),)

    resource: str = Field(sa_column=Column(String(100), primary_key=True))
    tick: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    lane: int = Field(default=0, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    kind: str = Field(default="visit", sa_column=Column(String(8), nullable=False))
    appointment_id: str = Field(sa_column=Column(String(64), nullable=False))
    hold_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
