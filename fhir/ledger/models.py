"""The tables beside the log of accesses: leaves, nodes of their tree, signed checkpoints, the key that signs them.

Each tenant's log has a tree of its own. Rows are only ever added.
"""

from datetime import datetime
from typing import Final, cast

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text
from sqlmodel import Field, SQLModel

from infra.append_only import append_only
from infra.columns import UtcDateTime
from infra.merkle import HASH


class AuditLeaf(SQLModel, table=True):
    """Where one row of the log stands in its tenant's tree, and the hash over all of its columns."""

    __tablename__ = "audit_leaf"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tenant: str = Field(sa_column=Column(String(64), primary_key=True))
    place: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    event: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))
    hash: bytes = Field(sa_column=Column(LargeBinary(HASH), nullable=False))


class AuditNode(SQLModel, table=True):
    """The root of a complete subtree of 256 leaves, of 256 times 256 and so on: so a proof reads little."""

    __tablename__ = "audit_node"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tenant: str = Field(sa_column=Column(String(64), primary_key=True))
    height: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    place: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(HASH), nullable=False))


class AuditCheckpoint(SQLModel, table=True):
    """A signed state of one tenant's log. `peaks` are the hashes from which the tree grows on."""

    __tablename__ = "audit_checkpoint"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tenant: str = Field(sa_column=Column(String(64), primary_key=True))
    size: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    note: str = Field(sa_column=Column(Text, nullable=False))
    peaks: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class AuditKey(SQLModel, table=True):
    """The key that signs checkpoints, sealed; `name` is what their origins begin with."""

    __tablename__ = "audit_key"

    id: str = Field(sa_column=Column(String(16), primary_key=True))
    name: str = Field(sa_column=Column(String(255), nullable=False))
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    private: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class AuditHandover(SQLModel, table=True):
    """What a signing key has signed about the one after it; `key` is that one's id."""

    __tablename__ = "audit_handover"

    key: str = Field(sa_column=Column(String(16), primary_key=True))
    note: str = Field(sa_column=Column(Text, nullable=False))
    made: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


LEAF: Final = cast(Table, AuditLeaf.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
NODE: Final = cast(Table, AuditNode.__table__)  # type: ignore[attr-defined]  # as above
CHECKPOINT: Final = cast(Table, AuditCheckpoint.__table__)  # type: ignore[attr-defined]  # as above
KEY: Final = cast(Table, AuditKey.__table__)  # type: ignore[attr-defined]  # as above
HANDOVER: Final = cast(Table, AuditHandover.__table__)  # type: ignore[attr-defined]  # as above

for _table in (LEAF, NODE, CHECKPOINT, KEY, HANDOVER):
    append_only(_table)
