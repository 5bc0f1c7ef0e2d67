"""The table of wrapped data keys."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary, UniqueConstraint
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
