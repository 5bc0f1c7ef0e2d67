"""What the store asks before it shows or changes anything; telemed.access answers.

A policy turns (caller, action, type) into a permit or refuses by raising `infra.problems.Forbidden`. The permit's clause
filters in SQL; `admits` decides once more on the row that came back, so that a wrong clause alone opens nothing.
"""

from enum import StrEnum
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement
from sqlmodel import Session

from infra.caller import Caller


class Action(StrEnum):
    """FHIR interactions on one type, by the codes of http://hl7.org/fhir/restful-interaction."""

    CREATE = "create"
    READ = "read"
    VREAD = "vread"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    HISTORY = "history-instance"
    HISTORY_TYPE = "history-type"
    SEARCH = "search-type"
    OPERATION = "operation"  # of no type's own: for the log

    @property
    def changes(self) -> bool:
        """True where the interaction writes."""
        return self in (Action.CREATE, Action.UPDATE, Action.PATCH, Action.DELETE)


# DESIGN 5: who works where and when is known to the whole region; it is written by its own tenant alone.
REGION_WIDE: Final = frozenset(
    ["Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "Schedule", "Slot"]
)


class Protected(Protocol):
    """The plain part of a row, as far as access depends on it."""

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
        """Who wrote the resource."""
        ...

    @property
    def compartment(self) -> str | None:
        """The pseudonym of the one patient that it is about, if there is one."""
        ...


class Filed(Protected, Protocol):
    """The plain part of a row as it came from the database."""

    @property
    def restricted(self) -> bool:
        """True if there is a restriction of the record it belongs to; it may be over by now."""
        ...


class Opened(Protected, Protocol):
    """A resource whose body has been opened."""

    @property
    def data(self) -> dict[str, Any]:
        """The parsed body."""
        ...


class Permit(Protocol):
    """An allowance for one caller, one action and one type."""

    @property
    def clause(self) -> ColumnElement[bool]:
        """A filter over the columns type, tenant and compartment of `fhir.tables.Resource`."""
        ...

    def entitled(self, session: Session, caller: Caller, compartment: str) -> bool:
        """True if this caller may act in this patient's compartment now."""
        ...

    def entry(self, caller: Caller) -> ColumnElement[bool] | None:
        """`entitled` as a filter, for the compartment in the parameter `entered`; None where nobody may enter any."""
        ...

    def admits(self, session: Session, caller: Caller, row: Filed) -> bool:
        """True if the row is within this allowance; decided without the clause."""
        ...

    @property
    def is_decided(self) -> bool:
        """True if rows alone decide; False where a row that is admitted may still hold what is not to be shown."""
        ...

    def shows(self, stored: Opened) -> bool:
        """True if what stands in the resource is within this allowance, too; asked of all that leaves or is written."""
        ...


class Policy(Protocol):
    """Decides who may do what; a pure function of its arguments and its configuration."""

    def permit(self, caller: Caller, action: Action, type: str) -> Permit:
        """The permit, or `Forbidden` where scope or role does not cover the action on this type."""
        ...


def admits(permit: Permit, session: Session, caller: Caller, *, row: Filed) -> bool:
    """True if the row may be shown or changed: the second look, after the clause and independent of it."""
    return permit.admits(session, caller, row)
