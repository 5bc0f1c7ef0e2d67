"""The table of grants: which tenant's record about a patient is open to which other tenant, until when."""

from datetime import datetime

from sqlalchemy import Column, Index, String
from sqlmodel import Field, SQLModel

from infra.columns import RowId, UtcDateTime


class CareGrant(SQLModel, table=True):
    """One patient's compartment is open to one more tenant, because a resource of the record says so."""

    __tablename__ = "care_grant"
    __table_args__ = (
        Index("care_grant_compartment_tenant", "compartment", "tenant"),
        Index("care_grant_source", "source"),
    )

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    compartment: str = Field(max_length=64)
    tenant: str = Field(max_length=64)
    # Empty: everybody of the tenant. Else one practitioner of it, in an emergency (`telemed.emergency`).
    subject: str = Field(default="", sa_column=Column(String(64), nullable=False, server_default=""))
    kind: str = Field(max_length=16)
    source: str = Field(max_length=130)
    # Whose word it is: the grant can't outlast what this tenant itself may see (see settle.py).
    granted_by: str = Field(max_length=64)
    since: datetime = Field(sa_column=Column("from", UtcDateTime, nullable=False))
    # What the source says, and what holds after settling. FOREVER where the source names no end.
    asked_until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
