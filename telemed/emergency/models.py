"""The table of broken glass: who opened which record, from when until when, and who has reviewed it."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class EmergencyAccess(SQLModel, table=True):
    """One record that one clinician opened in an emergency. The reason is sealed under the patient's key."""

    __tablename__ = "emergency_access"

    id: str = Field(primary_key=True, max_length=32)
    tenant: str = Field(max_length=64, index=True)
    # The caller's subject: the practitioner that the grant is for.
    subject: str = Field(max_length=64)
    clinician_id: str = Field(max_length=64)
    compartment: str = Field(max_length=64, index=True)
    patient_id: str = Field(max_length=64)
    reason: str = Field(max_length=10)
    opened: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    reviewed: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    reviewer: str | None = Field(default=None, max_length=64)
    verdict: str | None = Field(default=None, max_length=16)
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EmergencyAttempt(SQLModel, table=True):
    """One try to open a record, matched or not; counted, so that the form can't be used to look for people."""

    __tablename__ = "emergency_attempt"

    id: str = Field(primary_key=True, max_length=32)
    clinician_id: str = Field(max_length=64, index=True)
    tried: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
