"""The patient's own record: the one place that says how far a My-data session reaches.

`own_store` and `own_caller` are all that the pages use. What they reach: everything in the compartment of the clinic's
Patient that the letter was issued for, whoever wrote it, and the region's directory, for names. What they change:
Consents and Tasks of that compartment.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import ColumnElement, String, and_, bindparam, literal, or_
from sqlmodel import Session

from fhir.policy import REGION_WIDE, Action, Opened, Protected
from fhir.rows import RESOURCE
from fhir.store import Store, Watching
from infra.caller import Caller, Role
from infra.problems import Forbidden
from telemed.access.table import MEMBERS, Group
from telemed.mydata.sessions import MyPatient
from telemed.services import Services

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
CHANGEABLE: Final = frozenset({"Consent", "Task"})
CHANGES: Final = frozenset({Action.CREATE, Action.UPDATE})
# http://terminology.hl7.org/CodeSystem/v3-ActReason: the patient asked for it.
PURPOSE: Final = "PATRQT"


class NotYours(Forbidden):
    """This is not part of your own record."""


def own_store(services: Services, patient: MyPatient) -> Store:
    """The record as far as it is this patient's own; what follows from a change follows as from any other."""
    # Hooks that refuse by the operator's choice ask the platform's policy, which this caller has nothing in.
    follow = [hook for hook in services.store.hooks if isinstance(hook, Watching)]
    return Store(services.vault, OwnRecord(patient.compartment), services.clock, follow)


def own_caller(patient: MyPatient, *, request_id: str = "") -> Caller:
    """The patient, for the record and its log."""
    return Caller(
        tenant=patient.tenant, subject=patient.patient_id, role=Role.PATIENT, purpose=PURPOSE, request_id=request_id
    )


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """A policy for one patient: their compartment and the region's directory."""

    compartment: str

    def permit(self, caller: Caller, action: Action, type: str) -> "OwnPermit":
        """The permit, or `NotYours` for what is nobody's own record."""
        if caller.role is not Role.PATIENT:
            raise NotYours
        if action.changes and not (action in CHANGES and type in CHANGEABLE):
            raise NotYours
        if type not in READABLE and type not in REGION_WIDE:
            raise NotYours
        return OwnPermit(self.compartment)


@dataclass(frozen=True, slots=True)
class OwnPermit:
    """An allowance within one compartment: a filter for SQL, and the same rule for a row in hand."""

    compartment: str

    @property
    def clause(self) -> ColumnElement[bool]:
        """The rule as a filter."""
        return _clause(self.compartment)

    @property
    def is_decided(self) -> bool:
        """True: rows alone decide."""
        return True

    def shows(self, stored: Opened) -> bool:
        """True, whatever stands in the resource: it is about the patient who asks."""
        return True

    def entitled(self, session: Session, caller: Caller, compartment: str) -> bool:
        """True in the own compartment alone."""
        return compartment == self.compartment

    def entry(self, caller: Caller) -> ColumnElement[bool] | None:
        """`entitled` as a filter, for the compartment in the parameter `entered`."""
        return bindparam("entered", type_=String()) == literal(self.compartment)

    def admits(self, session: Session, caller: Caller, row: Protected) -> bool:
        """True if the row is of the own compartment or of the directory."""
        return row.compartment == self.compartment or (row.compartment is None and row.type in REGION_WIDE)


@lru_cache(maxsize=1024)
def _clause(compartment: str) -> ColumnElement[bool]:
    # Not IN: a prepared statement has no place for a list.
    directory = or_(*(RESOURCE.c.type == type for type in sorted(REGION_WIDE)))
    return or_(RESOURCE.c.compartment == compartment, and_(RESOURCE.c.compartment.is_(None), directory))
