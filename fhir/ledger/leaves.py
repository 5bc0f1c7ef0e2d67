"""A row of the log as a leaf: every column in one text, so that no change of any of them goes unnoticed."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, ColumnElement, type_coerce

from fhir.audit import AUDIT

# Begins each leaf. Another set of columns or another writing needs another one: leaves are for ever.
FORMAT: Final = "telemed.audit.1"
COLUMNS: Final = (
    "id", "recorded", "tenant", "compartment", "action", "type", "resource_id", "version",
    "agent", "agent_tenant", "role", "purpose", "outcome", "request_id", "data_key", "detail",
)  # fmt: skip
_TENANT: Final = COLUMNS.index("tenant")
_written: Final = msgspec.json.Encoder().encode

Row = Sequence[Any]


def columns() -> list[ColumnElement[Any]]:
    """What is selected for a leaf; moments as the whole microseconds that are stored."""
    return [type_coerce(AUDIT.c[name], BigInteger) if name == "recorded" else AUDIT.c[name] for name in COLUMNS]


def leaf(row: Row) -> bytes:
    """The leaf of a row of `columns`: a JSON array, of the sealed detail its SHA-256 alone.

    Whoever checks a proof can read it, and learns nothing of what was searched for.
    """
    *plain, detail = row
    return _written((FORMAT, *plain, None if detail is None else sha256(detail).hexdigest()))


def event_of(row: Row) -> int:
    """The id of the row."""
    return int(row[0])


def tenant_of(row: Row) -> str:
    """Whose log the row belongs to."""
    return str(row[_TENANT])
