"""What SQL can tell about the rows of the log that a search for AuditEvents wants; it loses none of them.

The rest of a row shows only when it is rendered as an AuditEvent (`fhir.audit_event`), and is checked there.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, and_, false, or_, true

from fhir import compartments
from fhir.audit import AUDIT
from fhir.ids import decode
from fhir.rows import within
from fhir.search.conditions import Condition, Moment, Prefix, Target, TokenValue, Value
from fhir.search.query import Bounds, Query
from infra.vault import Vault

PREFIX: Final = "log-"

Clause = ColumnElement[bool]


def lookup(vault: Vault, query: Query) -> list[Clause]:
    """Filters over the columns of the log."""
    where: list[Clause] = []
    if query.ids is not None:
        numbers = [decode(id.removeprefix(PREFIX)) for id in query.ids if id.startswith(PREFIX)]
        where.append(AUDIT.c.id.in_([number for number in numbers if number is not None]))
    where += [or_(*(within(AUDIT.c.recorded, bounds) for bounds in either)) for either in query.updated]
    where += [_condition(vault, condition) for condition in query.conditions if not condition.negated]
    return where


def _condition(vault: Vault, condition: Condition) -> Clause:
    reader = _READERS.get(condition.parameter.name)
    return true() if reader is None else or_(false(), *(reader(vault, value) for value in condition.values))


def _date(vault: Vault, value: Value) -> Clause:
    if not isinstance(value, Moment):
        return true()
    start, end = value.interval
    # A row is one moment, so what begins within it also lies within it.
    match value.prefix:
        case Prefix.EQ:
            return within(AUDIT.c.recorded, Bounds(start, end))
        case Prefix.GE | Prefix.GT | Prefix.SA:
            return within(AUDIT.c.recorded, Bounds(start, None))
        case Prefix.LE | Prefix.LT | Prefix.EB:
            return within(AUDIT.c.recorded, Bounds(None, end))
    return true()


def _links(vault: Vault, value: Value) -> Clause:
    if not isinstance(value, Target):
        return true()
    return or_(false(), *(_named(vault, address) for address in sorted(value.addresses)))


def _named(vault: Vault, address: str) -> Clause:
    type, _, id = address.rpartition("/")
    direct = and_(AUDIT.c.type == type, AUDIT.c.resource_id == id)
    if type != "Patient":
        return direct
    # The patient stands beside whatever of the record was accessed.
    return or_(direct, AUDIT.c.compartment == compartments.pseudonym(vault, id))


def _column(name: str) -> Callable[[Vault, Value], Clause]:
    def is_code(vault: Vault, value: Value) -> Clause:
        if not isinstance(value, TokenValue) or value.code is None:
            return true()
        found: Clause = AUDIT.c[name] == value.code
        return found

    return is_code


_READERS: Final[dict[str, Callable[[Vault, Value], Clause]]] = {
    "date": _date,
    "entity": _links,
    "patient": _links,
    "subtype": _column("action"),
    "outcome": _column("outcome"),
}
