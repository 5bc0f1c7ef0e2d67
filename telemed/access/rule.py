"""The rule about rows, once in SQL and once in memory; a property test holds the two together.

Reading: what the caller's own tenant wrote (it must keep its documentation, Section 630f BGB), what is region-wide, the
compartments of its own patients, and what a grant opens now; of these two not what a Consent of the patient denies.
Changing: only what the own tenant wrote, and only while the compartment is open; so nothing moves out of a record
that has been closed. A patient reads one appointment, or the record that is kept about them.

A record whose processing is restricted (Art. 18 GDPR) is kept and nothing else: to those who work with records it is as
shut as a stranger's, what they wrote themselves included, but for whom the patient has let in by a Consent since.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    String,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlmodel import Session

from fhir.rows import COMPARTMENT, RESOURCE, RESTRICTION
from infra.columns import UtcDateTime
from infra.statements import Statement
from telemed.access.models import CareGrant, ConsentRule

CARE_GRANT: Final = cast(Table, CareGrant.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
CONSENT_RULE: Final = cast(Table, ConsentRule.__table__)  # type: ignore[attr-defined]  # as above

# The kind of grant by which a patient lets somebody into a restricted record: "with the data subject's consent" (Art. 18 (2)).
CONSENTED: Final = "Consent"
# The patient's own clinic sees who closed the record for the patient: a denial does not hide itself from it.
TOLD_HOME: Final = "Consent"


class Reach(StrEnum):
    """How far an allowed action goes."""

    REGION = "region"
    RECORD = "record"
    OWN = "own"
    OWN_CHANGE = "own-change"
    ONE = "one"
    SELF = "self"  # a patient's own record: `Standing.one` is its compartment


class Row(Protocol):
    """The plain part of a resource's row."""

    @property
    def id(self) -> str:
        """The resource's id."""
        ...

    @property
    def type(self) -> str:
        """The resource type."""
        ...

    @property
    def tenant(self) -> str:
        """Who wrote it."""
        ...

    @property
    def compartment(self) -> str | None:
        """Whose patient's record it belongs to, if to one."""
        ...

    @property
    def restricted(self) -> bool:
        """Whether there is a restriction of that record, in force or not."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Who asks, for the rule: a tenant, for a patient one Appointment or the own record, in an emergency who it is.

    Who `stores` is the platform itself: keeping what is restricted is what it is there for.
    """

    tenant: str
    one: str = ""
    subject: str = ""
    stores: bool = False


class Said(NamedTuple):
    """One line that holds now for a tenant in a compartment: its home, a grant, a denial, an exception, a restriction."""

    kind: str  # home, grant, deny, permit, restricted
    source: str
    path: str
    type: str
    item: str

    def is_about(self, type: str, item: str) -> bool:
        """True if it is about this resource; of the whole record ("", "") only what is about all of it is."""
        return self.type in ("", type) and self.item in ("", item)


class Told(Protocol):
    """What the database tells of a compartment."""

    def said(self, compartment: str) -> Sequence[Said]:
        """What holds now for the standing's tenant in it."""
        ...


def holds(reach: Reach, row: Row, *, standing: Standing, told: Callable[[], Told]) -> bool:
    """True if the row is within reach; `told` is only asked where it depends on a compartment."""
    own = row.tenant == standing.tenant
    # The everyday question comes first, and what costs a query last.
    if reach is Reach.RECORD:
        if row.compartment is None or (own and (standing.stores or not row.restricted)):
            return own
        said = told().said(row.compartment)
        return (own and not is_restricted(said)) or is_shown(said, row.type, row.id)
    if reach is Reach.REGION:
        return True
    if reach is Reach.ONE:
        return row.id == standing.one
    if reach is Reach.SELF:
        return row.compartment is not None and row.compartment == standing.one
    if reach is Reach.OWN:
        return own
    return own and (row.compartment is None or is_entered(told().said(row.compartment)))


def is_shown(said: Sequence[Said], type: str, id: str) -> bool:
    """True if somebody of whom this is said may see the resource of a record; that they wrote it does not count."""
    home = any(line.kind == "home" for line in said)
    if home and type == TOLD_HOME:
        return True
    let_in = home or any(line.kind == "grant" and line.is_about(type, id) for line in said)
    return let_in and not is_denied(said, type, id)


def is_restricted(said: Sequence[Said]) -> bool:
    """True if the record's processing is restricted now for somebody of whom this is said."""
    return any(line.kind == "restricted" for line in said)


def is_entered(said: Sequence[Said]) -> bool:
    """True if somebody of whom this is said may act in the record: the patient's own clinic always may document."""
    if any(line.kind == "home" for line in said):
        return True
    return any(line.kind == "grant" and line.is_about("", "") for line in said) and not is_denied(said, "", "")


def is_denied(said: Sequence[Said], type: str, id: str) -> bool:
    """True if a denial is about the resource, to which no exception of the same Consent is."""
    about = [line for line in said if line.is_about(type, id)]
    excepted = [line for line in about if line.kind == "permit"]
    return any(
        not any(one.source == line.source and one.path.startswith(line.path) for one in excepted)
        for line in about
        if line.kind == "deny"
    )


def clause(reach: Reach, standing: Standing, *, now: Callable[[], datetime]) -> ColumnElement[bool]:
    """The same rule as a filter over `fhir.tables.Resource`. `now` is asked each time a statement runs."""
    if reach is Reach.REGION:
        return RESOURCE.c.id.is_not(None)
    if reach is Reach.ONE:
        return RESOURCE.c.id == standing.one
    if reach is Reach.SELF:
        return RESOURCE.c.compartment == standing.one
    own = RESOURCE.c.tenant == standing.tenant
    if reach is Reach.OWN:
        return own
    moment = bindparam("access_now", callable_=now, type_=UtcDateTime(), unique=True)
    home, tenant = _home(standing, moment), standing.tenant
    if reach is Reach.RECORD:
        let_in = or_(home, _granted(standing, moment, RESOURCE.c.type, RESOURCE.c.id))
        shown = and_(let_in, ~_denied(tenant, moment, RESOURCE.c.type, RESOURCE.c.id))
        free = own if standing.stores else and_(own, ~_restriction(RESOURCE.c.compartment, moment))
        return or_(free, shown, and_(home, RESOURCE.c.type == TOLD_HOME))
    let_in = and_(_granted(standing, moment), ~_denied(tenant, moment))
    return and_(own, or_(RESOURCE.c.compartment.is_(None), home, let_in))


def is_open(
    session: Session, tenant: str, *, compartment: str, now: datetime, subject: str = "", stores: bool = False
) -> bool:
    """True if the tenant may act in the record now: it is of its own patient, or a grant opens all of it.

    `subject` is who asks in an emergency: grants for one person count for nobody else, and not in their daily work.
    """
    asked = Standing(tenant, subject=subject, stores=stores)
    # Mostly it is of their own, which one row tells in a third of the time of all that is said.
    kept = _KEPT_AT_HOME if stores else _OPEN_AT_HOME
    if kept.first(session, {"asked_compartment": compartment, "asked_tenant": tenant, "asked_now": now}) is not None:
        return True
    return is_entered(said_of(session, asked, compartment=compartment, now=now))


def said_of(session: Session, standing: Standing, *, compartment: str, now: datetime) -> list[Said]:
    """What holds now for a tenant, and for the subject in an emergency, in a compartment."""
    asked = {"asked_compartment": compartment, "asked_tenant": standing.tenant, "asked_now": now}
    said = _SAID_TO_WHO_STORES if standing.stores else _SAID
    return [Said._make(row) for row in said.rows(session, asked | {"asked_subject": standing.subject})]


@lru_cache(maxsize=4096)
def entry(standing: Standing, *, now: Callable[[], datetime]) -> ColumnElement[bool]:
    """`is_open` as a filter, for the compartment in the parameter `entered`. `now` is asked each time it runs."""
    moment = bindparam("access_now", callable_=now, type_=UtcDateTime(), unique=True)
    entered = bindparam("entered", type_=String())
    home: ColumnElement[bool] = exists().where(_kept_at_home(entered, standing.tenant))
    granted = exists().where(
        CARE_GRANT.c.compartment == entered, _valid(standing.tenant, moment, standing.subject), _about(CARE_GRANT)
    )
    if not standing.stores:
        home, granted = and_(home, ~_restriction(entered, moment)), granted.where(~_outweighed(moment))
    return or_(home, and_(granted, ~_denial(entered, standing.tenant, moment)))


def _home(standing: Standing, moment: Any) -> ColumnElement[bool]:
    same = exists().where(_kept_at_home(RESOURCE.c.compartment, standing.tenant))
    home = same.correlate(RESOURCE)
    return home if standing.stores else and_(home, ~_restriction(RESOURCE.c.compartment, moment))


def _granted(standing: Standing, moment: Any, type: Any = None, item: Any = None) -> ColumnElement[bool]:
    """Whether a grant is about the row; without a type and an item, whether one is about the whole record."""
    grant = exists().where(
        CARE_GRANT.c.compartment == RESOURCE.c.compartment,
        _valid(standing.tenant, moment, standing.subject),
        _about(CARE_GRANT, type, item),
    )
    return (grant if standing.stores else grant.where(~_outweighed(moment))).correlate(RESOURCE)


ANY_RESTRICTION: Final = exists(select(RESTRICTION.c.compartment).limit(1).correlate(None))


def _restriction(compartment: Any, moment: Any) -> ColumnElement[bool]:
    """Whether the processing of a record is restricted now."""
    found = exists().where(RESTRICTION.c.compartment == compartment, RESTRICTION.c.until > moment)
    # Where nothing is restricted, which one look for all rows tells, no row is looked up.
    return and_(ANY_RESTRICTION, found.correlate_except(RESTRICTION))


def _outweighed(moment: Any) -> ColumnElement[bool]:
    """Whether a restriction of the record takes a grant its effect: all but what the patient has consented to since."""
    since = and_(CARE_GRANT.c.kind == CONSENTED, CARE_GRANT.c["from"] >= RESTRICTION.c.since)
    found = exists().where(RESTRICTION.c.compartment == CARE_GRANT.c.compartment, RESTRICTION.c.until > moment, ~since)
    return found.correlate_except(RESTRICTION)


def _denied(tenant: str, moment: Any, type: Any = None, item: Any = None) -> ColumnElement[bool]:
    return _denial(RESOURCE.c.compartment, tenant, moment, type, item)


def _denial(compartment: Any, tenant: str, moment: Any, type: Any = None, item: Any = None) -> ColumnElement[bool]:
    """Whether a denial is about the row that no exception of the same Consent is about, too."""
    denial, exception = CONSENT_RULE.alias("denial"), CONSENT_RULE.alias("exception")
    nested = func.substr(exception.c.path, 1, func.length(denial.c.path)) == denial.c.path
    excepted = exists().where(
        exception.c.source == denial.c.source,
        exception.c.permits.is_(True),
        nested,
        _in_force(exception, tenant, moment),
        _about(exception, type, item),
    )
    found = exists().where(
        denial.c.compartment == compartment,
        denial.c.permits.is_(False),
        _in_force(denial, tenant, moment),
        _about(denial, type, item),
        ~excepted.correlate(denial, RESOURCE),
    )
    return found.correlate(RESOURCE)


def _valid(tenant: Any, moment: Any, subject: Any) -> ColumnElement[bool]:
    # Without an emergency the comparison is with a constant, so that daily work asks no more than it did.
    everybodys = CARE_GRANT.c.subject == ""
    whose = everybodys if isinstance(subject, str) and not subject else or_(everybodys, CARE_GRANT.c.subject == subject)
    return and_(CARE_GRANT.c.tenant == tenant, whose, CARE_GRANT.c["from"] <= moment, CARE_GRANT.c.until > moment)


def _in_force(rule: Any, tenant: Any, moment: Any) -> ColumnElement[bool]:
    # Not IN: a list can't be part of a statement that is made once.
    whom = or_(rule.c.tenant == "", rule.c.tenant == tenant)
    return and_(whom, rule.c["from"] <= moment, rule.c.until > moment)


def _about(line: Any, type: Any = None, item: Any = None) -> ColumnElement[bool]:
    """Whether a line is about the resource; without a type and an item, whether it is about the whole record."""
    columns = ((line.c.type, type), (line.c.item, item))
    return and_(
        *(column == "" if wanted is None else or_(column == "", column == wanted) for column, wanted in columns)
    )


def _said(*, stores: bool) -> CompoundSelect[Any]:
    compartment, tenant = bindparam("asked_compartment", type_=String()), bindparam("asked_tenant", type_=String())
    moment, subject = bindparam("asked_now", type_=UtcDateTime()), bindparam("asked_subject", type_=String())
    grant, rule = CARE_GRANT.c, CONSENT_RULE.c
    empty = _text("")
    home = select(_text("home"), empty, empty, empty, empty).where(_kept_at_home(compartment, tenant))
    granted = select(_text("grant"), grant.source, empty, grant.type, grant.item).where(
        grant.compartment == compartment, _valid(tenant, moment, subject)
    )
    kinds = [
        select(_text(kind), rule.source, rule.path, rule.type, rule.item).where(
            rule.compartment == compartment,
            rule.permits.is_(kind == "permit"),
            _in_force(CONSENT_RULE, tenant, moment),
        )
        for kind in ("deny", "permit")
    ]
    if stores:
        return union_all(home, granted, *kinds)
    restricted = select(_text("restricted"), empty, empty, empty, empty).where(
        RESTRICTION.c.compartment == compartment, RESTRICTION.c.until > moment
    )
    home = home.where(~_restriction(compartment, moment))
    granted = granted.where(~_outweighed(moment))
    return union_all(home, granted, restricted, *kinds)


def _kept_at_home(compartment: Any, tenant: Any) -> ColumnElement[bool]:
    return and_(COMPARTMENT.c.id == compartment, COMPARTMENT.c.tenant == tenant)


def _text(word: str) -> ColumnElement[str]:
    return literal_column(f"'{word}'", String())


# Built once: building it for each question costs more than the database's answer.
_SAID: Final = Statement(_said(stores=False))
_SAID_TO_WHO_STORES: Final = Statement(_said(stores=True))
_ASKED: Final = (bindparam("asked_compartment", type_=String()), bindparam("asked_tenant", type_=String()))
_KEPT_AT_HOME: Final = Statement(select(COMPARTMENT.c.id).where(_kept_at_home(*_ASKED)))
_OPEN_AT_HOME: Final = Statement(
    select(COMPARTMENT.c.id).where(
        _kept_at_home(*_ASKED), ~_restriction(_ASKED[0], bindparam("asked_now", type_=UtcDateTime()))
    )
)
