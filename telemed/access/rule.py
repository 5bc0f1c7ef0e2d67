"""The rule about rows, once in SQL and once in memory; a property test holds the two together.

Reading: what the caller's own tenant wrote (it must keep its documentation, Section 630f BGB), what is region-wide, the
compartments of its own patients, and compartments that a grant opens now.
Changing: only what the own tenant wrote, and only while the compartment is open; so nothing moves out of a record
that has been closed. A patient's session reads its one appointment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from sqlalchemy import ColumnElement, Select, String, Table, and_, bindparam, exists, or_, select
from sqlmodel import Session

from fhir.rows import COMPARTMENT, RESOURCE
from infra.columns import UtcDateTime
from infra.statements import Statement
from telemed.access.models import CareGrant

CARE_GRANT: Final = cast(Table, CareGrant.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it


class Reach(StrEnum):
    """How far an allowed action goes."""

    REGION = "region"
    RECORD = "record"
    OWN_CHANGE = "own-change"
    ONE = "one"


class Row(Protocol):
    """The plain part of a resource's row."""

    @property
    def id(self) -> str:
        """The resource's id."""
        ...

    @property
    def tenant(self) -> str:
        """Who wrote it."""
        ...

    @property
    def compartment(self) -> str | None:
        """Whose patient's record it belongs to, if to one."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Who asks, for the rule: a tenant, for a patient's session the one resource, in an emergency who it is."""

    tenant: str
    one: str = ""
    subject: str = ""


def holds(reach: Reach, row: Row, *, standing: Standing, opened: Callable[[str], bool]) -> bool:
    """True if the row is within reach; `opened` says whether a compartment is open to the standing's tenant now."""
    if reach is Reach.REGION:
        return True
    if reach is Reach.ONE:
        return row.id == standing.one
    own = row.tenant == standing.tenant
    # `opened` costs a query, so it is asked last.
    if reach is Reach.RECORD:
        return own or (row.compartment is not None and opened(row.compartment))
    return own and (row.compartment is None or opened(row.compartment))


def clause(reach: Reach, standing: Standing, *, now: Callable[[], datetime]) -> ColumnElement[bool]:
    """The same rule as a filter over `fhir.tables.Resource`. `now` is asked each time a statement runs."""
    if reach is Reach.REGION:
        return RESOURCE.c.id.is_not(None)
    if reach is Reach.ONE:
        return RESOURCE.c.id == standing.one
    own = RESOURCE.c.tenant == standing.tenant
    within = or_(_home(standing.tenant), _granted(standing, now))
    if reach is Reach.RECORD:
        return or_(own, within)
    return and_(own, or_(RESOURCE.c.compartment.is_(None), within))


def is_open(session: Session, tenant: str, *, compartment: str, now: datetime, subject: str = "") -> bool:
    """True if the compartment is of the tenant's own patient, or a grant opens it to the tenant now.

    `subject` is who asks in an emergency: grants for one person count for nobody else, and not in their daily work.
    """
    asked = {"asked_compartment": compartment, "asked_tenant": tenant, "asked_now": now, "asked_subject": subject}
    found = _IS_OPEN.first(session, asked)
    return found is not None and bool(found[0])


@lru_cache(maxsize=4096)
def entry(tenant: str, *, now: Callable[[], datetime], subject: str = "") -> ColumnElement[bool]:
    """`is_open` as a filter, for the compartment in the parameter `entered`. `now` is asked each time it runs."""
    moment = bindparam("access_now", callable_=now, type_=UtcDateTime(), unique=True)
    return _open_to(tenant, bindparam("entered", type_=String()), moment, subject)


def _open_to(tenant: Any, compartment: Any, moment: Any, subject: Any) -> ColumnElement[bool]:
    home = exists().where(COMPARTMENT.c.id == compartment, COMPARTMENT.c.tenant == tenant)
    return or_(home, exists().where(CARE_GRANT.c.compartment == compartment, _valid(tenant, moment, subject)))


def _home(tenant: str) -> ColumnElement[bool]:
    same = exists().where(COMPARTMENT.c.id == RESOURCE.c.compartment, COMPARTMENT.c.tenant == tenant)
    return same.correlate(RESOURCE)


def _granted(standing: Standing, now: Callable[[], datetime]) -> ColumnElement[bool]:
    moment = bindparam("access_now", callable_=now, type_=UtcDateTime(), unique=True)
    valid = _valid(standing.tenant, moment, standing.subject)
    grant = exists().where(CARE_GRANT.c.compartment == RESOURCE.c.compartment, valid)
    return grant.correlate(RESOURCE)


def _valid(tenant: Any, moment: Any, subject: Any) -> ColumnElement[bool]:
    # Without an emergency the comparison is with a constant, so that daily work asks no more than it did.
    everybodys = CARE_GRANT.c.subject == ""
    whose = everybodys if isinstance(subject, str) and not subject else or_(everybodys, CARE_GRANT.c.subject == subject)
    return and_(CARE_GRANT.c.tenant == tenant, whose, CARE_GRANT.c["from"] <= moment, CARE_GRANT.c.until > moment)


def _is_open() -> Select[tuple[bool]]:
    compartment, tenant = bindparam("asked_compartment", type_=String()), bindparam("asked_tenant", type_=String())
    moment, subject = bindparam("asked_now", type_=UtcDateTime()), bindparam("asked_subject", type_=String())
    return select(_open_to(tenant, compartment, moment, subject))


# Built once: building it for each question costs more than the database's answer.
_IS_OPEN: Final = Statement(_is_open())
