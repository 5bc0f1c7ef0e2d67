"""What a Consent closes, as rows: each denial with the exceptions to it, for the clinics that it names."""

from collections.abc import Iterator, Sequence
from typing import Final

from infra.database import Session
from telemed.access.actors import keepers
from telemed.access.models import ConsentRule
from telemed.access.provisions import Line, parts

EVERYBODY: Final = ""
# Whom no clinic acts as: a denial of these says nothing about clinics.
PEOPLE: Final = frozenset({"Patient", "RelatedPerson"})
MOST: Final = 2000  # rows of one Consent; one that would be more closes all to everybody


def closings(session: Session, said: Sequence[Line], *, compartment: str, source: str) -> list[ConsentRule]:
    """The rows of a Consent's lines; none if it denies nothing."""
    if all(line.permits for line in said):
        return []
    clinics = keepers(session, {actor for line in said for actor in line.actors or ()}, deleted=True)
    made: list[ConsentRule] = []
    for line in said:
        for tenant in _tenants(line, clinics):
            for type, item in parts(line):
                made.append(_rule(line, compartment, source, (tenant, type, item)))
                if len(made) > MOST:
                    whole = next(one for one in said if not one.permits)
                    return [_rule(whole, compartment, source, (EVERYBODY, "", ""))]
    return made


def _tenants(line: Line, clinics: dict[str, str]) -> Iterator[str]:
    """Whom a line is about. A denial of somebody whose clinic can't be told is one of every clinic."""
    if line.actors is None:
        yield EVERYBODY
        return
    people = {actor for actor in line.actors if actor.partition("/")[0] in PEOPLE}
    named = {clinics.get(actor, EVERYBODY) for actor in line.actors - people}
    if line.permits:
        yield from sorted(named - {EVERYBODY})
    else:
        yield from [EVERYBODY] if EVERYBODY in named else sorted(named)


def _rule(line: Line, compartment: str, source: str, about: tuple[str, str, str]) -> ConsentRule:
    tenant, type, item = about
    return ConsentRule(
        compartment=compartment,
        source=source,
        path=line.path,
        permits=line.permits,
        tenant=tenant,
        type=type,
        item=item,
        since=line.since,
        until=line.until,
    )
