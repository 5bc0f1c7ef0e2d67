"""The record for statistics: bodies in bulk, with the person behind each and no policy in between.

Only the statistics job uses it, inside its own process, to count persons; nothing it reads may leave singly (DESIGN 8).
"""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, String, and_, bindparam, func, literal, or_, select
from sqlmodel import Session

from fhir.rows import COMPARTMENT, DATA_KEY, HEADS, HISTORY, RESOURCE, RESTRICTION, SealedRow, opened
from infra.columns import UtcDateTime
from infra.statements import Statement
from infra.vault import Binding, Sealed, Vault, WrappedKey

_AT: Final = bindparam("at", type_=UtcDateTime())


class Row(NamedTuple):
    """One resource of a patient's compartment as it was at a moment, opened but not parsed."""

    person: str
    type: str
    tenant: str
    id: str
    body: bytes


class Span(NamedTuple):
    """Some persons: those whose pseudonym is at least `first` and, where there is an end, below `before`."""

    first: str
    before: str


EVERYBODY: Final = Span("", "g")  # pseudonyms are hexadecimal digits


class Reader:
    """Reads the records of persons, a span at a time, so that each span may be another worker's."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def spans(self, session: Session, *, at_most: int) -> tuple[Span, ...]:
        """All persons in spans of about so many: pseudonyms are evenly spread, so equal parts of their range will do."""
        number = session.execute(select(func.count(func.distinct(COMPARTMENT.c.person)))).scalar_one()
        digits = 0
        while number > at_most * 16**digits:
            digits += 1
        edges = [EVERYBODY.first, *(f"{part:0{digits}x}" for part in range(1, 16**digits)), EVERYBODY.before]
        return tuple(Span(first, before) for first, before in itertools.pairwise(edges))

    def rows(self, session: Session, types: Sequence[str], *, at: datetime, of: Span = EVERYBODY) -> Iterator[Row]:
        """The resources of these types that belonged to patients of the span at a moment, each version as it was then.

        Resources outside any compartment have no person and are left out, as are deleted and erased ones, and all of a
        person who has had the processing of a record restricted, in whichever clinic (Art. 18 GDPR).
        """
        within = {"first": of.first, "before": of.before, "at": at}
        # All keys of the span at once: with each row they would be most of what is read.
        keys = {key[0]: WrappedKey._make(key) for key in _KEYS.rows(session, within)}
        restricted = {person for (person,) in _RESTRICTED.rows(session, within)}
        open_known = self.vault.open_known
        for statement in _statements(tuple(types)):
            for person, type, tenant, id, version, compartment, data_key, sealed in statement.rows(session, within):
                if person in restricted:
                    continue
                to = Binding(tenant, type, id, version, compartment)
                body = open_known(sealed, data_key, to=to)
                if body is None:
                    if data_key not in keys:
                        continue  # erased between the two questions
                    body = self.vault.open(Sealed(data_key, sealed), key=keys[data_key], to=to)
                yield Row(person, type, tenant, id, body)

    def organizations(self, session: Session, *, at: datetime) -> Iterator[Row]:
        """The present Organizations; they belong to no person, so theirs is empty."""
        for row in map(SealedRow._make, _ORGANIZATIONS.rows(session)):
            if not row.deleted and row.last_updated <= at:
                yield Row("", row.type, row.tenant, row.id, opened(self.vault, row).body)


_ORGANIZATIONS: Final = Statement(HEADS.where(RESOURCE.c.type == "Organization"))


_WITHIN: Final = (COMPARTMENT.c.person >= bindparam("first"), COMPARTMENT.c.person < bindparam("before"))
_KEYS: Final = Statement(
    select(DATA_KEY.c.id, DATA_KEY.c.scope, DATA_KEY.c.provider_version, DATA_KEY.c.wrapped)
    .join(COMPARTMENT, DATA_KEY.c.scope == literal("c:", String).concat(COMPARTMENT.c.id))
    .where(*_WITHIN)
)
_RESTRICTED: Final = Statement(
    select(COMPARTMENT.c.person)
    .join(RESTRICTION, RESTRICTION.c.compartment == COMPARTMENT.c.id)
    .where(*_WITHIN)
    .distinct()
)


@lru_cache(maxsize=8)
def _statements(types: tuple[str, ...]) -> tuple[Statement, Statement]:
    """What has not changed since, and what has, as it was before.

    What changed its compartment in between is left out: it is no longer, or was not yet, this person's.
    """
    # Not by the index of types: SQLite would read all resources of a type for each span. These are found by compartment.
    of_types = or_(*(RESOURCE.c.type.concat("") == type for type in types))
    present = RESOURCE.join(COMPARTMENT, COMPARTMENT.c.id == RESOURCE.c.compartment)
    unchanged = (
        _of(RESOURCE)
        .select_from(present)
        .where(*_WITHIN, of_types, RESOURCE.c.deleted.is_(False), RESOURCE.c.last_updated <= _AT)
    )
    later = HISTORY.alias("later")
    then = select(func.max(later.c.version)).where(later.c.rid == RESOURCE.c.rid, later.c.last_updated <= _AT)
    same = and_(HISTORY.c.rid == RESOURCE.c.rid, HISTORY.c.compartment == RESOURCE.c.compartment)
    before = (
        _of(HISTORY)
        .select_from(present.join(HISTORY, same))
        .where(*_WITHIN, of_types, HISTORY.c.deleted.is_(False), RESOURCE.c.last_updated > _AT)
        .where(HISTORY.c.version == then.scalar_subquery())
    )
    return Statement(unchanged), Statement(before)


def _of(table: Any) -> Select[Any]:
    names = ("type", "tenant", "id", "version", "compartment", "data_key", "body")
    return select(COMPARTMENT.c.person, *(table.c[name] for name in names))
