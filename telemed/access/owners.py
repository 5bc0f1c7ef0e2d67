"""Who owns an entry of the directory or the calendar: whoever keeps what it stands under.

Everybody in the region reads these entries and picks from them whom to refer to and where to book. One that stands under
another clinic's Organization or Schedule would pass for that clinic's own.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import select

from fhir import later
from fhir.here import named
from fhir.rows import RESOURCE
from fhir.store import Change
from infra.among import among
from infra.caller import Caller
from infra.database import Session
from infra.problems import Issue, Unprocessable
from infra.statements import Statement
from telemed.access.table import REGION_WIDE

# The reference under which an entry stands. PractitionerRole.practitioner is none: doctors work in several clinics.
OWNING: Final[Mapping[str, str]] = {
    "PractitionerRole": "organization",
    "HealthcareService": "providedBy",
    "Location": "managingOrganization",
    "Organization": "partOf",
    "Schedule": "actor",
    "Slot": "schedule",
}
Data = Mapping[str, Any]
Target = tuple[str, str]
# Who keeps the resources with these ids, deleted ones too.
TENANTS_OF_ALL: Final = Statement(
    select(RESOURCE.c.type, RESOURCE.c.id, RESOURCE.c.tenant).where(among(RESOURCE.c.id, "ids"))
)


class OwnedElsewhere(Unprocessable):
    """This belongs to another clinic: an entry of yours can't stand under it. Name one that your clinic keeps."""

    issue = "business-rule"


class ColleagueElsewhere(Unprocessable):
    """Another clinic keeps this practitioner: say in organization for which Organization of yours the role is."""

    issue = "business-rule"


def refuse_foreign_owner(session: Session, caller: Caller, change: Change) -> None:
    """Nothing; `OwnedElsewhere` or `ColleagueElsewhere` where an entry would pass for another clinic's. A hook."""
    after = change.after
    if after is None or change.type not in OWNING:
        return

    def check() -> None:
        wrong = problem(session, change.type, after, tenant=change.stored.tenant)
        if wrong is not None:
            raise wrong

    # The Organization of a role may be written by a later entry of the same transaction.
    later.at_the_end(check)


def problem(session: Session, type: str, data: Data, *, tenant: str) -> Unprocessable | None:
    """Why an entry that this tenant keeps does not stand under what is its own; None if it does."""
    element = OWNING[type]
    owners = list(_targets(data.get(element)))
    colleague = list(_targets(data.get("practitioner"))) if type == "PractitionerRole" else []
    keepers = _keepers(session, {*owners, *colleague})
    if any(keepers.get(owner, tenant) != tenant for owner in owners):
        return _refused(OwnedElsewhere, f"{type}.{element}")
    if any(keepers.get(one, tenant) != tenant for one in colleague) and not any(one in keepers for one in owners):
        return _refused(ColleagueElsewhere, f"{type}.organization")
    return None


def _refused(problem: type[Unprocessable], place: str) -> Unprocessable:
    return problem(issues=[Issue(problem.issue, problem.__doc__ or "", (place,))])


def _targets(found: Any) -> Iterator[Target]:
    # What is not region-wide is passed over: a refusal would tell that it exists.
    for each in found if isinstance(found, list) else [found or {}]:
        target = named(each.get("reference"))
        if target and target[0] in REGION_WIDE:
            yield target


def _keepers(session: Session, targets: set[Target]) -> dict[Target, str]:
    """The tenant of each that is here, deleted ones too: what a clinic has withdrawn does not become anybody's."""
    if not targets:
        return {}
    found = TENANTS_OF_ALL.rows(session, {"ids": sorted({id for _, id in targets})})
    return {(type, id): tenant for type, id, tenant in found if (type, id) in targets}
