"""The tables of an extraction that is under way: what was read so far, sealed, until the draft is made of it."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime

JOB: Final = "statistics.extract"
"""The kind of the jobs that read a part."""


class ExtractRun(SQLModel, table=True):
    """One extraction: of which cohort and period, as of which moment."""

    __tablename__ = "extract_run"

    id: str = Field(sa_column=Column(String(80), primary_key=True))
    frozen: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ExtractPart(SQLModel, table=True):
    """A span of persons of an extraction, and what it gave, once somebody has read it."""

    __tablename__ = "extract_part"

    run: str = Field(sa_column=Column(String(80), primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    first: str = Field(sa_column=Column(String(32), nullable=False))
    before: str = Field(sa_column=Column(String(32), nullable=False))
    data_key: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
