"""The table of what the public asks of the statistics."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class DataRequest(SQLModel, table=True):
    """One suggestion or data request; its words are sealed, as whoever writes may name people."""

    __tablename__ = "data_request"

    id: str = Field(primary_key=True, max_length=32)
    made: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    status: str = Field(max_length=16)
    shown: bool = Field(default=False)
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
