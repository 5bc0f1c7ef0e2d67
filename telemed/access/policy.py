"""The policy that the record asks: role, scopes and type give a reach or a refusal, the reach gives a filter."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement
from sqlmodel import Session

from fhir.policy import Action
from infra.caller import Caller, Role
from infra.clock import Clock
from infra.problems import Forbidden
from telemed.access.rule import Reach, Row, Standing, clause, entry, holds, is_open
from telemed.access.scopes import allows
from telemed.access.table import CONTEXT, REGION_WIDE, letters

LETTER: dict[Action, str] = {
    Action.CREATE: "c",
    Action.READ: "r",
    Action.VREAD: "r",
    Action.HISTORY: "r",
    # SMART 2.2: searching a type and reading its history are one permission.
    Action.HISTORY_TYPE: "s",
    Action.UPDATE: "u",
    Action.PATCH: "u",
    Action.DELETE: "d",
    Action.SEARCH: "s",
    Action.OPERATION: "r",
}
# Roles that act inside patients' compartments; the others own no clinical reach whatever the rows say.
CARING = frozenset({Role.SYSTEM, Role.SERVICE, Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR, Role.RECEPTIONIST})


# v3-ActReason: the purpose under which, and only under which, broken glass lets its breaker in (`telemed.emergency`).
EMERGENCY = "ETREAT"


class NotInScope(Forbidden):
    """The token's scope or the role does not cover this action on this type."""


@lru_cache(maxsize=8192)
def decide(role: Role, scopes: frozenset[str], action: Action, type: str) -> Reach | None:
    """How far this action goes for this role with these scopes, or nothing if it is refused. Pure."""
    letter = LETTER[action]
    if letter not in letters(role, type):
        return None
    if role is not Role.SERVICE and not allows(scopes, CONTEXT[role], type=type, letter=letter):
        return None
    if role is Role.PATIENT:
        return Reach.ONE
    if action.changes:
        return Reach.OWN_CHANGE
    return Reach.REGION if type in REGION_WIDE else Reach.RECORD


def in_emergency(caller: Caller) -> str:
    """Who acts in an emergency; empty in daily work."""
    return caller.subject if caller.purpose == EMERGENCY else ""


@dataclass(frozen=True, slots=True)
class CarePermit:
    """An allowance: a filter for SQL, and the same rule for a row in hand."""

    reach: Reach
    standing: Standing
    clause: ColumnElement[bool]
    now: Callable[[], datetime]

    def entitled(self, session: Session, caller: Caller, compartment: str) -> bool:
        """True if this caller may act in this patient's compartment now."""
        return caller.role in CARING and is_open(
            session, caller.tenant, compartment=compartment, now=self.now(), subject=in_emergency(caller)
        )

    def entry(self, caller: Caller) -> ColumnElement[bool] | None:
        """`entitled` as a filter, for the compartment in the parameter `entered`; None where nobody may enter any."""
        return entry(caller.tenant, now=self.now, subject=in_emergency(caller)) if caller.role in CARING else None

    def admits(self, session: Session, caller: Caller, row: Row) -> bool:
        """True if the row is within reach of this permit; decided without the clause."""
        return holds(
            self.reach,
            row,
            standing=self.standing,
            opened=lambda compartment: self.entitled(session, caller, compartment),
        )


class CarePolicy:
    """The platform's policy: the access table, the token's scopes, and the grants of the record."""

    def __init__(self, clock: Clock) -> None:
        # Grants come from appointments and periods, so they end by the clock that appointments go by.
        self._now = clock.now
        self._permit = lru_cache(maxsize=4096)(self._make)

    def permit(self, caller: Caller, action: Action, type: str) -> CarePermit:
        """The permit, or `NotInScope` where scope or role does not cover the action on this type."""
        reach = decide(caller.role, caller.scopes, action, type)
        if reach is None:
            raise NotInScope
        one = caller.subject if reach is Reach.ONE else ""
        return self._permit(reach, Standing(caller.tenant, one, in_emergency(caller)))

    def _make(self, reach: Reach, standing: Standing) -> CarePermit:
        return CarePermit(reach, standing, clause(reach, standing, now=self._now), self._now)
