"""The tables of the record. What stands here in plain text is listed in DESIGN 4; everything else is sealed.

`data_key` columns carry no foreign key: destroying a key erases its rows without touching them.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String
from sqlmodel import Field, SQLModel

from infra.append_only import append_only
from infra.columns import RowId, UtcDateTime


def _row_id() -> Column[int]:
    # Made by fhir.ids, not by the database: all rows of a write are known before the first statement.
    return Column(RowId, primary_key=True, autoincrement=False)


class Resource(SQLModel, table=True):
    """The present version of every resource; a deleted one keeps its row and loses its body."""

    __tablename__ = "resource"
    __table_args__ = (
        Index("resource_of_type", "type", "last_updated", "rid"),
        Index("resource_of_compartment", "compartment", "type"),
    )

    rid: int = Field(sa_column=_row_id())
    id: str = Field(sa_column=Column(String(64), nullable=False, unique=True))
    type: str = Field(sa_column=Column(String(32), nullable=False))
    version: int
    deleted: bool = Field(sa_column=Column(Boolean, nullable=False))
    last_updated: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    compartment: str | None = Field(default=None, sa_column=Column(String(32), nullable=True))
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class History(SQLModel, table=True):
    """Every version that is no longer the present one, sealed as it was."""

    __tablename__ = "resource_history"
    __table_args__ = (Index("history_of_type", "type", "last_updated", "rid", "version"),)

    rid: int = Field(sa_column=_row_id())
    version: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    id: str = Field(sa_column=Column(String(64), nullable=False))
    type: str = Field(sa_column=Column(String(32), nullable=False))
    deleted: bool = Field(sa_column=Column(Boolean, nullable=False))
    last_updated: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    compartment: str | None = Field(default=None, sa_column=Column(String(32), nullable=True))
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Token(SQLModel, table=True):
    """The blind index: which resource holds which value, without the value."""

    __tablename__ = "token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    t: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    rid: int = Field(sa_column=_row_id())


class IndexState(SQLModel, table=True):
    """What the index of one type is made of, and how far a rebuild of it has come (`fhir.reindex`)."""

    __tablename__ = "index_state"

    type: str = Field(sa_column=Column(String(32), primary_key=True))
    form: str = Field(sa_column=Column(String(32), nullable=False))  # of the tokens that every resource has; "" unknown
    target: str | None = Field(default=None, sa_column=Column(String(32), nullable=True))  # of a rebuild under way
    place: int = Field(sa_column=Column(BigInteger, nullable=False))  # the last row that it has done


class UniqueToken(SQLModel, table=True):
    """Who holds the criteria of a conditional create; the primary key lets only one of several at once win."""

    __tablename__ = "unique_token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    t: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    rid: int = Field(sa_column=Column(BigInteger, nullable=False))


class Compartment(SQLModel, table=True):
    """One patient's record: the pseudonym it is filed under, and the person behind it (`fhir.persons`)."""

    __tablename__ = "compartment"

    id: str = Field(sa_column=Column(String(32), primary_key=True))
    tenant: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    patient_id: str = Field(sa_column=Column(String(64), nullable=False, unique=True))
    person: str = Field(sa_column=Column(String(32), nullable=False, index=True))
    own: str = Field(sa_column=Column(String(32), nullable=False, index=True))  # whom it stands for by itself
    apart: bool = Field(
        sa_column=Column(Boolean, nullable=False)
    )  # somebody said that its number is not to be believed


class Restriction(SQLModel, table=True):
    """A compartment whose processing is restricted (Art. 18 GDPR): it is kept, and nobody works with it."""

    __tablename__ = "restriction"

    compartment: str = Field(sa_column=Column(String(32), primary_key=True))
    since: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))  # far away until its lifting is announced


class PersonLink(SQLModel, table=True):
    """Two compartments that people have joined: one person's until somebody takes it back."""

    __tablename__ = "person_link"

    # Of a merge: the Patient that is replaced, and the one that replaces it. Of a link: in the order of their names.
    one: str = Field(sa_column=Column(String(32), primary_key=True))
    other: str = Field(sa_column=Column(String(32), primary_key=True, index=True))
    kind: str = Field(sa_column=Column(String(8), nullable=False))
    since: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    was_active: bool | None = Field(
        default=None, sa_column=Column(Boolean, nullable=True)
    )  # before a merge, if it said so


class AuditRow(SQLModel, table=True):
    """One access. Neither changed nor deleted, which the database refuses; its detail is sealed."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("audit_event_of_tenant", "tenant", "recorded", "id"),
        Index("audit_event_of_compartment", "compartment", "recorded"),
    )

    id: int = Field(sa_column=_row_id())
    recorded: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    tenant: str = Field(sa_column=Column(String(64), nullable=False))
    compartment: str | None = Field(default=None, sa_column=Column(String(32), nullable=True))
    action: str = Field(sa_column=Column(String(20), nullable=False))
    type: str = Field(sa_column=Column(String(32), nullable=False))
    resource_id: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))
    version: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    agent: str = Field(sa_column=Column(String(128), nullable=False))
    agent_tenant: str = Field(sa_column=Column(String(64), nullable=False))
    role: str = Field(sa_column=Column(String(20), nullable=False))
    purpose: str = Field(sa_column=Column(String(20), nullable=False))
    outcome: str = Field(sa_column=Column(String(2), nullable=False))
    request_id: str = Field(sa_column=Column(String(64), nullable=False))
    data_key: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    detail: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))


append_only(AuditRow.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
