"""Which Patients are one person: those with the same insurance number, and those that people have joined.

Every compartment has what it stands for by itself (`own`: the number's pseudonym, else one of the Patient alone) and the
person it belongs to (`person`: the smallest `own` of all that hangs together). Nothing else remembers a person, so taking
a join back gives each side what it had.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Table, bindparam, delete, func, or_, select, update
from sqlmodel import Session

from fhir.insurance import number_of
from fhir.rows import COMPARTMENT
from fhir.tables import PersonLink
from infra.statements import Statement
from infra.vault import Vault

LINK: Final = cast(Table, PersonLink.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
# Among the advisory locks of PostgreSQL: who joins and separates is alone, who only comes with a number is not.
LOCK: Final = 0x7E1E_BE50
AT_ONCE: Final = 500  # names in one statement

_BEHIND: Final = (
    select(COMPARTMENT.c.person).where(COMPARTMENT.c.id == bindparam("compartment")).correlate(None).scalar_subquery()
)
_SAME: Final = Statement(select(COMPARTMENT.c.id, COMPARTMENT.c.own).where(COMPARTMENT.c.person == _BEHIND))


class Standing(NamedTuple):
    """A compartment's place among the persons."""

    own: str
    person: str
    apart: bool


def own(vault: Vault, patient_id: str, patient: dict[str, Any], *, apart: bool) -> str:
    """What a Patient stands for by itself; `apart` if somebody said that its number is not to be believed."""
    number = None if apart else number_of(patient)
    return vault.pseudonym("person alone", patient_id) if number is None else vault.pseudonym("person", number)


def components(owns: Mapping[str, str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The person of each compartment: the smallest `own` among those that hang together. Pure."""
    parent = {name: name for name in owns.values()}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in links:
        low, high = sorted((root(owns[one]), root(owns[other])))
        # The smaller one stays on top, so a root is the smallest of its own.
        parent[high] = low
    return {compartment: root(name) for compartment, name in owns.items()}


def alone(session: Session) -> None:
    """Nothing; until this unit ends no other joins or separates anybody. On SQLite a unit that writes is alone anyway."""
    _lock(session, "pg_advisory_xact_lock")


def standing(session: Session, compartment: str) -> Standing | None:
    """The compartment's place among the persons; None if there is no such compartment."""
    wanted = select(COMPARTMENT.c.own, COMPARTMENT.c.person, COMPARTMENT.c.apart)
    found = session.connection().execute(wanted.where(COMPARTMENT.c.id == compartment)).first()
    return None if found is None else Standing(*found)


def came(session: Session, owns: Collection[str]) -> None:
    """Nothing; new compartments with these numbers belong to the persons that stand behind the numbers already."""
    # Who joins somebody meanwhile waits for us, and then sees the new ones.
    _lock(session, "pg_advisory_xact_lock_shared")
    wanted, names = select(COMPARTMENT.c.own, COMPARTMENT.c.person).distinct(), sorted(owns)
    for start in range(0, len(names), AT_ONCE):
        part = COMPARTMENT.c.own.in_(names[start : start + AT_ONCE])
        joined = wanted.where(part, COMPARTMENT.c.person != COMPARTMENT.c.own)
        for name, person in session.connection().execute(joined).fetchall():
            behind = update(COMPARTMENT).where(COMPARTMENT.c.own == name).values(person=person)
            session.connection().execute(behind)


def stand_for(session: Session, compartment: str, name: str, *, apart: bool) -> None:
    """Nothing; the compartment stands for somebody else by itself from now on, and all persons are right again."""
    alone(session)
    values = {"own": name, "apart": apart}
    session.connection().execute(update(COMPARTMENT).where(COMPARTMENT.c.id == compartment).values(values))
    settle(session, [compartment])


def join(session: Session, link: PersonLink) -> None:
    """Nothing; two compartments are one person's until the link is taken back. The unit must be `alone`."""
    session.add(link)
    session.flush()
    settle(session, [link.one, link.other])


def part(session: Session, one: str, other: str) -> None:
    """Nothing; what joined these two is taken back. The unit must be `alone`."""
    session.connection().execute(delete(LINK).where(LINK.c.one == one, LINK.c.other == other))
    settle(session, [one, other])


def leave(session: Session, compartment: str) -> None:
    """Nothing; no link names the compartment any more, which is about to go. The unit must be `alone`."""
    beside = [other if one == compartment else one for one, other in links_of(session, [compartment])]
    gone = or_(LINK.c.one == compartment, LINK.c.other == compartment)
    session.connection().execute(delete(LINK).where(gone))
    settle(session, [compartment, *beside])


def same(session: Session, compartment: str) -> dict[str, str]:
    """All compartments of the person that stands behind this one, itself included, with what each stands for alone."""
    return {str(id): str(name) for id, name in _SAME.rows(session, {"compartment": compartment})}


def confirmed(session: Session, compartment: str) -> frozenset[str]:
    """This compartment and those that people have joined with it; not who merely has the same number."""
    known = frozenset((compartment,))
    while (found := known.union(*links_of(session, sorted(known)))) != known:
        known = found
    return known


def links_of(session: Session, compartments: Sequence[str]) -> list[tuple[str, str]]:
    """The links that name one of the compartments."""
    named = or_(LINK.c.one.in_(compartments), LINK.c.other.in_(compartments))
    found = session.connection().execute(select(LINK.c.one, LINK.c.other).where(named)).fetchall()
    return [(one, other) for one, other in found]


def settle(session: Session, touched: Iterable[str]) -> None:
    """Nothing; the persons of all that hangs together with these compartments, or did until now, are right again."""
    known, links = _around(session, frozenset(touched))
    now = components({id: each.own for id, each in known.items()}, links)
    for id, person in sorted(now.items()):
        if known[id].person != person:
            moved = update(COMPARTMENT).where(COMPARTMENT.c.id == id).values(person=person)
            session.connection().execute(moved)


def _around(session: Session, touched: frozenset[str]) -> tuple[dict[str, Standing], list[tuple[str, str]]]:
    """Everybody whom these may be one person with, or were, and what joins them: a handful, found step by step."""
    known: dict[str, Standing] = {}
    links: list[tuple[str, str]] = []
    while True:
        asked = touched | {end for link in links for end in link}
        behind = {each.own for each in known.values()}, {each.person for each in known.values()}
        columns = select(COMPARTMENT.c.id, COMPARTMENT.c.own, COMPARTMENT.c.person, COMPARTMENT.c.apart)
        wanted = or_(
            COMPARTMENT.c.id.in_(sorted(asked)),
            COMPARTMENT.c.own.in_(sorted(behind[0])),
            COMPARTMENT.c.person.in_(sorted(behind[1])),
        )
        found = {id: Standing(*rest) for id, *rest in session.connection().execute(columns.where(wanted)).fetchall()}
        if found.keys() == known.keys():
            return known, [link for link in links if known.keys() >= set(link)]
        known, links = found, links_of(session, sorted(found))


def _lock(session: Session, function: str) -> None:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(getattr(func, function)(LOCK)))
