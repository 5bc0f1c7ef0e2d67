"""The tables of access: to whom a patient's record is open, and what a patient's Consent closes again."""

from datetime import datetime

from sqlalchemy import Boolean, Column, Index, String
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
    # What of the record: one type, one resource; empty is all of it. Only all of it lets the tenant act in the record.
    type: str = Field(default="", sa_column=Column(String(32), nullable=False, server_default=""))
    item: str = Field(default="", sa_column=Column(String(64), nullable=False, server_default=""))
    # Whose word it is: the grant can't outlast what this tenant itself may see (see settle.py).
    granted_by: str = Field(max_length=64)
    since: datetime = Field(sa_column=Column("from", UtcDateTime, nullable=False))
    # What the source says, and what holds after settling. FOREVER where the source names no end.
    asked_until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ConsentRule(SQLModel, table=True):
    """One line of a Consent that closes something: a denial, or an exception to a denial of the same Consent."""

    __tablename__ = "consent_rule"
    __table_args__ = (
        Index("consent_rule_compartment", "compartment"),
        Index("consent_rule_source", "source", "path"),
    )

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    compartment: str = Field(max_length=64)
    source: str = Field(max_length=130)
    # Where the provision stands in its Consent: what is nested in `.1.` begins with `.1.`, and comes after it.
    path: str = Field(max_length=64)
    permits: bool = Field(sa_column=Column(Boolean, nullable=False))
    # Whom, which type, which resource; empty is every one.
    tenant: str = Field(max_length=64)
    type: str = Field(max_length=32)
    item: str = Field(max_length=64)
    since: datetime = Field(sa_column=Column("from", UtcDateTime, nullable=False))
    until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
