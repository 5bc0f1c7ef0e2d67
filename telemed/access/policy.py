"""The policy that the record asks: role, scopes and type give a reach or a refusal, the reach gives a filter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import ColumnElement, String, and_, bindparam
from sqlmodel import Session

from fhir.compartments import pseudonym
from fhir.policy import Action, Opened
from infra.caller import Caller, Role
from infra.clock import Clock
from infra.problems import Conflict, Forbidden
from infra.vault import Vault
from telemed.access import bounds
from telemed.access.bounds import EVERYTHING, Bound
from telemed.access.rule import Reach, Row, Said, Standing, clause, entry, holds, is_entered, is_open, said_of
from telemed.access.scopes import bounds as bounds_of
from telemed.access.table import CONTEXT, REGION_WIDE, letters

# All of an action's letters are needed.
LETTER: dict[Action, str] = {
    Action.CREATE: "c",
    Action.READ: "r",
    Action.VREAD: "r",
    Action.HISTORY: "r",
    # SMART 2.2: searching a type and reading its history are one permission.
    Action.HISTORY_TYPE: "s",
    Action.UPDATE: "u",
    # A patch tests what is there and is answered with all of it.
    Action.PATCH: "ru",
    Action.DELETE: "d",
    Action.SEARCH: "s",
    Action.OPERATION: "r",
}
# Roles that act inside patients' compartments; the others own no clinical reach whatever the rows say.
CARING = frozenset({Role.SYSTEM, Role.SERVICE, Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR, Role.RECEPTIONIST})


# v3-ActReason: the purpose under which, and only under which, broken glass lets its breaker in (`telemed.emergency`).
EMERGENCY = "ETREAT"


class RecordRestricted(Conflict):
    """The processing of this record is restricted (Art. 18 GDPR). Ask your clinic's privacy officer."""


class NotInScope(Forbidden):
    """The token's scope or the role does not cover this action on this type."""


def reach_of(role: Role, action: Action, type: str, *, has_patient: bool = False) -> Reach | None:
    """How far this action goes for this role, before any scope, or nothing if it does not exist for it. Pure."""
    if not set(LETTER[action]) <= set(letters(role, type)):
        return None
    if role is Role.PRIVACY_OFFICER and type not in REGION_WIDE:
        return Reach.OWN
    if action.changes:
        return Reach.OWN_CHANGE
    if type in REGION_WIDE:
        return Reach.REGION
    if role is Role.PATIENT:
        return Reach.SELF if has_patient else Reach.ONE
    return Reach.RECORD


def _contexts(role: Role, *, has_patient: bool) -> set[str]:
    return {CONTEXT[role], "patient"} if has_patient else {CONTEXT[role]}


@dataclass(frozen=True, slots=True)
class _Told:
    """What the database tells of compartments, for one standing at one moment."""

    session: Session
    standing: Standing
    now: datetime
    enters: bool

    def said(self, compartment: str) -> Sequence[Said]:
        """What holds now for the tenant in a compartment; nothing for a role that acts in none."""
        if not self.enters:
            return ()
        return said_of(self.session, self.standing, compartment=compartment, now=self.now)


class Decision(NamedTuple):
    """How far an action goes, and what of that the scopes leave; no `left` is all of it."""

    reach: Reach
    left: tuple[Bound, ...]


@lru_cache(maxsize=8192)
def decision(role: Role, scopes: frozenset[str], has_patient: bool, action: Action, type: str) -> Decision | None:  # noqa: FBT001  a fact
    """What this role may do with these scopes, or nothing if it is refused. Pure.

    With a patient in context the scopes `patient/` count, too: those of a clinician beside their own, those of a patient
    for their own record.
    """
    reach = reach_of(role, action, type, has_patient=has_patient)
    if reach is None or role is Role.SERVICE:
        return None if reach is None else Decision(reach, ())
    found = _left(scopes, _contexts(role, has_patient=has_patient), type, LETTER[action])
    if found is None or reach is Reach.ONE:
        return None if found is None else Decision(reach, ())
    if found and reach in (Reach.REGION, Reach.SELF):
        # The reach of a patient's own record is that record; who works where is about no patient.
        found = tuple(sorted({bound._replace(of_patient=False) for bound in found}))
        found = () if EVERYTHING in found else found
    if found:
        found = bounds.usable(found, action=action, type=type) or None
    return None if found is None else Decision(reach, found)


def standing_of(caller: Caller) -> Standing:
    """For whom the rule is asked when this caller wants to act in a record."""
    return Standing(caller.tenant, subject=in_emergency(caller), stores=caller.role is Role.SERVICE)


def in_emergency(caller: Caller) -> str:
    """Who acts in an emergency; empty in daily work."""
    return caller.subject if caller.purpose == EMERGENCY else ""


def _left(scopes: frozenset[str], contexts: set[str], type: str, wanted: str) -> tuple[Bound, ...] | None:
    """What the scopes leave for all of these letters; nothing where two of them leave different parts."""
    parts = {bounds_of(scopes, contexts, type=type, letter=letter) for letter in wanted}
    if None in parts or len(parts - {()}) > 1:
        return None
    return next(iter(parts - {()}), ())


@dataclass(frozen=True, slots=True)
class CarePermit:
    """An allowance: a filter for SQL, and the same rule for a row in hand."""

    reach: Reach
    standing: Standing
    clause: ColumnElement[bool]
    now: Callable[[], datetime]
    bounds: tuple[Bound, ...] = ()
    patient: str = ""
    is_decided: bool = True

    def entitled(self, session: Session, caller: Caller, compartment: str) -> bool:
        """True if this caller may act in this patient's compartment now.

        `RecordRestricted` for whom nothing but a restriction keeps from it: what they write would lie outside the record.
        """
        if self.reach is Reach.SELF:
            return compartment == self.standing.one
        if caller.role not in CARING:
            return False
        asked, now = standing_of(caller), self.now()
        # Mostly it is, and mostly by one row.
        if is_open(session, asked.tenant, compartment=compartment, now=now, subject=asked.subject, stores=asked.stores):
            return True
        if is_entered(said_of(session, replace(asked, stores=True), compartment=compartment, now=now)):
            raise RecordRestricted
        return False

    def entry(self, caller: Caller) -> ColumnElement[bool] | None:
        """`entitled` as a filter, for the compartment in the parameter `entered`; None where nobody may enter any."""
        if self.reach is Reach.SELF:
            return bindparam("entered", type_=String()) == self.standing.one
        return entry(standing_of(caller), now=self.now) if caller.role in CARING else None

    def admits(self, session: Session, caller: Caller, row: Row) -> bool:
        """True if the row is within reach of this permit; decided without the clause."""
        if self.bounds and not bounds.admits(self.bounds, row, patient=self.patient):
            return False
        return holds(
            self.reach,
            row,
            standing=self.standing,
            told=lambda: _Told(session, self.standing, self.now(), caller.role in CARING),
        )

    def shows(self, stored: Opened) -> bool:
        """True if what stands in the resource is what the scopes leave of its type."""
        return not self.bounds or bounds.shows(self.bounds, stored, patient=self.patient)


class CarePolicy:
    """The platform's policy: the access table, the token's scopes, and the grants and denials of the record."""

    def __init__(self, clock: Clock, vault: Vault | None = None) -> None:
        # Grants come from appointments and periods, so they end by the clock that appointments go by.
        self._now = clock.now
        self._vault = vault
        self._known = lru_cache(maxsize=8192)(self._find)
        self._permit = lru_cache(maxsize=4096)(self._make)
        self._bounded = lru_cache(maxsize=4096)(self._make_bounded)

    def permit(self, caller: Caller, action: Action, type: str) -> CarePermit:
        """The permit, or `NotInScope` where scope or role does not cover the action on this type."""
        # Whoever acts for a clinic is one of many with the same permit; a patient's visit, or an emergency, is about one.
        subject = caller.subject if caller.role is Role.PATIENT else in_emergency(caller)
        return self._known(caller.tenant, subject, caller.role, caller.scopes, caller.patient, action, type)

    def _find(
        self, tenant: str, subject: str, role: Role, scopes: frozenset[str], patient: str, action: Action, type: str
    ) -> CarePermit:
        made = decision(role, scopes, bool(patient), action, type)
        if made is None:
            raise NotInScope
        reach, left = made
        compartment = pseudonym(self._keys, patient) if patient else ""
        one = {Reach.SELF: compartment, Reach.ONE: subject}.get(reach, "")
        standing = Standing(tenant, one, "" if role is Role.PATIENT else subject, stores=role is Role.SERVICE)
        return self._bounded(reach, standing, left, type, compartment) if left else self._permit(reach, standing)

    def _make(self, reach: Reach, standing: Standing) -> CarePermit:
        return CarePermit(reach, standing, clause(reach, standing, now=self._now), self._now)

    def _make_bounded(
        self, reach: Reach, standing: Standing, left: tuple[Bound, ...], type: str, patient: str
    ) -> CarePermit:
        wide = clause(reach, standing, now=self._now)
        within = and_(wide, bounds.clause(left, type, patient=patient, vault=self._keys))
        return CarePermit(reach, standing, within, self._now, left, patient, bounds.is_decided(left, type))

    @property
    def _keys(self) -> Vault:
        # Without keys nothing that is narrowed can be found, so nothing of it is open.
        if self._vault is None:
            raise NotInScope
        return self._vault
