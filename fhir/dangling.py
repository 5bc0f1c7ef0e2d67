"""References that lead nowhere, refused where the operator wants it (TELEMED_DANGLING_REFERENCES=refuse).

Only references to this server are looked at. A resource that is absent, deleted or not for this caller to read looks the
same; types that the caller may not read at all are passed over, as nothing can be said about them.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import Session

from fhir import later
from fhir.models import KNOWN
from fhir.policy import Action, Permit, Policy, admits
from fhir.rows import RESOURCE
from fhir.rules.faults import MOST
from fhir.store import Change, Hook
from fhir.unresolved import references
from infra.caller import Caller
from infra.problems import Forbidden, Issue, Unprocessable
from infra.row_security import act

AT_ONCE: Final = 5000  # references of one query

_LITERAL: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/\d+)?")
_WANTED: Final = (RESOURCE.c.id, RESOURCE.c.type, RESOURCE.c.tenant, RESOURCE.c.compartment)

Target = tuple[str, str]


class Dangling(Unprocessable):
    """A reference leads to a resource that is not there."""

    issue = "not-found"


def refuse_dangling(policy: Policy, base_url: str) -> Hook:
    """The hook that lets no write through whose references to this server lead nowhere."""

    def written(session: Session, caller: Caller, change: Change) -> None:
        # What a transaction refers to may be written by a later entry of it.
        later.at_the_end(lambda: check(session, caller, change))

    def check(session: Session, caller: Caller, change: Change) -> None:
        if change.after is None:
            return
        wanted = dict.fromkeys(target for target, _ in targets(change.type, change.after, base_url))
        wanted.pop((change.type, change.id), None)
        absent = wanted.keys() - present(policy, session, caller, list(wanted))
        found = (place for target, place in targets(change.type, change.after, base_url) if target in absent)
        if places := list(islice(found, MOST)):
            text = "There is no such resource that you may read. Create it first, or leave the reference out."
            raise Dangling(issues=[Issue(Dangling.issue, text, (place,)) for place in places])

    return written


def targets(type: str, data: dict[str, Any], base_url: str) -> Iterator[tuple[Target, str]]:
    """Type and id of each reference to a resource of this server, and where it stands."""
    for link, place in references(data, type):
        literal = _LITERAL.fullmatch(link.removeprefix(f"{base_url}/"))
        if literal and literal[1] in KNOWN:
            yield (literal[1], literal[2]), place


def present(policy: Policy, session: Session, caller: Caller, wanted: list[Target]) -> set[Target]:
    """Those that are there for this caller, and those of types that it may not read."""
    permits: dict[str, Permit] = {}
    found: set[Target] = set()
    for type in sorted({type for type, _ in wanted}):
        try:
            permits[type] = policy.permit(caller, Action.READ, type)
        except Forbidden:
            found |= {target for target in wanted if target[0] == type}
    asked = [target for target in wanted if target[0] in permits]
    act(session, caller.tenant)
    for start in range(0, len(asked), AT_ONCE):
        statement = select(*_WANTED).where(RESOURCE.c.deleted.is_(False), _any(permits, asked[start : start + AT_ONCE]))
        rows = session.connection().execute(statement).fetchall()
        # Where only the opened resource could tell, it counts as absent: nobody learns what they may not read.
        found |= {
            (row.type, row.id)
            for row in rows
            if permits[row.type].is_decided and admits(permits[row.type], session, caller, row=row)
        }
    return found


def _any(permits: dict[str, Permit], wanted: list[Target]) -> ColumnElement[bool]:
    by_type: dict[str, list[str]] = {}
    for type, id in wanted:
        by_type.setdefault(type, []).append(id)
    return or_(
        *(and_(RESOURCE.c.type == type, RESOURCE.c.id.in_(ids), permits[type].clause) for type, ids in by_type.items())
    )
