"""Tables of open questions between clinics, and of what was answered with no. What is joined stands in `fhir.tables`."""

from datetime import datetime

from sqlalchemy import Column, Index, String
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class PersonQuestion(SQLModel, table=True):
    """A clinic asks another one by name whether a Patient of its own is known there. Whether it is, nobody can tell."""

    __tablename__ = "person_question"
    __table_args__ = (Index("person_question_to", "tenant", "likeness"),)

    compartment: str = Field(sa_column=Column(String(32), primary_key=True))  # the asker's Patient
    tenant: str = Field(sa_column=Column(String(64), primary_key=True))  # who is asked
    asked_by: str = Field(sa_column=Column(String(64), nullable=False))
    # A keyed hash over names and birth date: only who keeps a Patient with the same ones is shown the question.
    likeness: str = Field(sa_column=Column(String(32), nullable=False))
    asked: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class PersonRefusal(SQLModel, table=True):
    """Somebody said that another Patient is not this one; it is not proposed again."""

    __tablename__ = "person_refusal"

    compartment: str = Field(sa_column=Column(String(32), primary_key=True))
    other: str = Field(sa_column=Column(String(32), primary_key=True))
