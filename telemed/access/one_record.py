"""A policy for one record: what a room of its own lets somebody do there who has no scopes, by the platform's own rule.

Rows are decided where all others are, by `Reach.SELF` and `Reach.REGION`; here stands only for whom, which types, and
which of them may be changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fhir.policy import REGION_WIDE, Action
from infra.caller import Caller, Role
from infra.problems import Forbidden
from telemed.access.policy import CarePermit
from telemed.access.rule import Reach, Standing, clause
from telemed.access.table import MEMBERS, Group

READABLE: Final = frozenset(
    type
    for group in (
        Group.PERSON,
        Group.BOOKING,
        Group.CLINICAL,
        Group.COORDINATION,
        Group.TASK,
        Group.CONSENT,
        Group.DEVICES,
    )
    for type in MEMBERS[group]
)
CHANGES: Final = frozenset({Action.CREATE, Action.UPDATE})


class NotOfTheRecord(Forbidden):
    """This is not part of the record."""


@dataclass(frozen=True, slots=True)
class OneRecord:
    """The policy for one compartment and the region's directory, for callers of one role."""

    compartment: str
    role: Role
    now: Callable[[], datetime]
    changeable: frozenset[str] = frozenset()

    def permit(self, caller: Caller, action: Action, type: str) -> CarePermit:
        """The permit, or `NotOfTheRecord` for other roles, and for what lies outside the record."""
        if caller.role is not self.role or type not in READABLE | REGION_WIDE:
            raise NotOfTheRecord
        if action.changes and not (action in CHANGES and type in self.changeable):
            raise NotOfTheRecord
        reach = Reach.REGION if type in REGION_WIDE else Reach.SELF
        standing = Standing(caller.tenant, one=self.compartment)
        return CarePermit(reach, standing, clause(reach, standing, now=self.now), self.now)
