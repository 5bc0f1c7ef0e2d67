"""The table of jobs."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class JobState(StrEnum):
    """Where a job is: waiting, being done, done, or given up after its last attempt."""

    PENDING = "pending"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"


class Job(SQLModel, table=True):
    """One job. `kind` names its handler and `ref` is the id of what it is about; nothing else travels."""

    __tablename__ = "outbox"

    id: str = Field(primary_key=True, max_length=40)
    kind: str = Field(max_length=40)
    ref: str = Field(max_length=80)
    key: str | None = Field(default=None, unique=True, max_length=120)
    state: str = Field(default=JobState.PENDING, max_length=10, index=True)
    attempts: int = 0
    due: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    claimed: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    finished: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    error: str = Field(default="", max_length=80)
