"""A read, a create or a search as one statement: on PostgreSQL each further statement of a unit costs a round trip of 100 us.

These take the plain cases only, in which nothing is left to decide after the database has answered. All others, and
everything that goes wrong, is decided by the unit itself (`fhir.store`), from the beginning. README.md, "one round trip".
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, cast

from sqlalchemy import ARRAY, ColumnElement, LargeBinary, Select, Table, and_, bindparam, func, insert, or_, select
from sqlmodel import Session

from fhir import audit, room, rows
from fhir.audit import AUDIT, Access
from fhir.compartments import is_about_patients
from fhir.drafts import Draft
from fhir.policy import Action, admits
from fhir.rows import HEAD, RESOURCE, TOKEN, SealedRow, Stored
from fhir.search.asking import Asker
from fhir.search.candidates import Source, prepared
from fhir.search.pages import Found, Page, made
from fhir.search.plans import plan
from fhir.search.query import Query, Summary
from fhir.store import Store
from infra.caller import Caller
from infra.database import One
from infra.statements import Row, Statement
from infra.vault import Binding

TOKENS: Final = "new_tokens"
MANY: Final = 1_000_000  # more than fit on any page


class NoSession:
    """Stands where a session would be asked; a decision that needs one is not for here."""

    def __getattr__(self, name: str) -> Any:
        """Nothing; whoever asks the database leaves the decision to the unit."""
        raise NeedsSessionError


class NeedsSessionError(Exception):
    """The decision needs a query of its own."""


_NONE: Final = cast(Session, NoSession())


def read(store: Store, caller: Caller, type: str, id: str) -> One[Stored] | None:
    """The read of a resource of the caller's own tenant, with its line in the log."""
    permit = store.policy.permit(caller, Action.READ, type)
    if not permit.is_decided:
        return None
    access = Access(Action.READ, type, id)
    line = audit.row(caller, access, recorded=store.clock.now())

    def result(found: Sequence[Row]) -> Stored | None:
        row = SealedRow._make(found[0]) if found else None
        if row is None or row.deleted or row.tenant != caller.tenant:
            return None
        try:
            stored = rows.opened(store.vault, row) if admits(permit, _NONE, caller, row=row) else None
            return stored if stored is not None and permit.shows(stored) else None
        except NeedsSessionError:
            return None

    return One(_reading(permit.clause), _named(line) | {"wanted_id": id, "wanted_type": type}, result, caller.tenant)


def add(store: Store, caller: Caller, new: Draft) -> One[Stored] | None:
    """The create of a resource that no hook watches, in no compartment or in one that is open to the caller."""
    permit = store.policy.permit(caller, Action.CREATE, new.type)
    entry = permit.entry(caller)
    if new.type == "Patient" or store.is_watched(new.type) or (new.compartment and entry is None):
        return None
    stored = Stored(
        new.rid, new.type, new.id, 1, new.last_updated, caller.tenant, new.compartment, deleted=False, body=new.body
    )
    if not permit.shows(stored):
        return None
    to = Binding(stored.tenant, stored.type, stored.id, 1, stored.compartment or "")
    sealed = store.vault.seal_known(stored.body, to=to)
    if sealed is None:
        return None
    access = Access(Action.CREATE, new.type, new.id, 1, new.compartment)
    line = audit.row(caller, access, recorded=store.clock.now())
    values = _named(line) | rows.columns(stored, sealed) | {TOKENS: sorted(new.tokens), "entered": new.compartment}
    statement = _adding(entry if new.compartment else None)
    return One(statement, values, lambda made: stored if made else None, caller.tenant)


def search(store: Store, caller: Caller, query: Query) -> One[Page] | None:
    """The first page of a search that tokens decide, if all hits fit on it, are of the caller's own tenant, and show no
    patient whom the search did not name: others have lines of their own in the log, which are the unit's.
    """
    asker = Asker(store.vault, _NONE, caller, store.policy)
    permit = asker.permit(query.type)
    detail = store.sealed_search(caller, query)
    is_short = query.summary is not Summary.COUNT and 0 < query.count < room.FIRST
    if detail is None or not is_short or not permit.is_decided:
        return None
    named = detail["compartment"]
    if named is None and is_about_patients(query.type):
        return None  # nearly always shows somebody
    try:
        source = Source(asker, query, plan(asker, query), permit)
        usual = prepared(source, step=query.count + 1)
    except NeedsSessionError:
        return None
    if usual is None:
        return None
    asked, _, values = usual

    def result(found: Sequence[Row]) -> Page | None:
        hits = [SealedRow._make(row) for row in found]
        if len(hits) > query.count or any(
            row.tenant != caller.tenant or row.compartment not in (None, named) for row in hits
        ):
            return None  # the line is not written either
        if sum(len(row.body) for row in hits) > room.PAGE:
            return None  # so large a page is rare enough for its line to stand there twice
        try:
            seen = [rows.opened(store.vault, row) for row in hits if admits(permit, _NONE, caller, row=row)]
            return made(asker, query, Found([stored for stored in seen if permit.shows(stored)]), after=None)
        except NeedsSessionError:
            return None

    return One(_searching(asked), values | _named(detail) | {"fits": query.count}, result, caller.tenant)


@lru_cache(maxsize=4096)
def _searching(asked: Select[Any]) -> Statement:
    """Finds the hits; writes the line if the result is the answer, as otherwise the unit searches again."""
    found = asked.cte("found")
    named = bindparam("log_compartment", type_=AUDIT.c.compartment.type)
    told = or_(found.c.compartment.is_(None), found.c.compartment.is_not_distinct_from(named))
    own = and_(found.c.tenant == bindparam("log_tenant"), told)
    counted = select(func.count() + MANY * func.count().filter(~own)).select_from(found)
    line = select(*_line().values()).where(counted.scalar_subquery() <= bindparam("fits"))
    logged = insert(AUDIT).from_select(list(_line()), line).cte("logged")
    return Statement(select(found).order_by(found.c.rid.desc()).add_cte(logged))


@lru_cache(maxsize=4096)
def _reading(clause: ColumnElement[bool]) -> Statement:
    """Finds the row within the permit's filter and writes the line about it."""
    found = HEAD.where(clause, RESOURCE.c.tenant == bindparam("log_tenant")).cte("found")
    seen = {"version": found.c.version, "compartment": found.c.compartment}
    line = select(*(seen.get(name, value) for name, value in _line().items())).where(found.c.deleted.is_(False))
    return Statement(select(found).add_cte(insert(AUDIT).from_select(list(_line()), line).cte("logged")))


@lru_cache(maxsize=4096)
def _adding(entry: ColumnElement[bool] | None) -> Statement:
    """Writes row, tokens and line, if the compartment may be entered."""
    head = {name: bindparam(name, type_=RESOURCE.c[name].type) for name in RESOURCE.c.keys()}  # noqa: SIM118  # a column, not its name, comes otherwise
    row = select(*head.values()) if entry is None else select(*head.values()).where(entry)
    made = insert(RESOURCE).from_select(list(head), row).returning(RESOURCE.c.rid).cte("made")
    tokens = func.unnest(bindparam(TOKENS, type_=ARRAY(LargeBinary)))
    indexed = insert(TOKEN).from_select(["t", "rid"], select(tokens, made.c.rid)).cte("indexed")
    line = select(*_line().values()).select_from(made)
    logged = insert(AUDIT).from_select(list(_line()), line).cte("logged")
    return Statement(select(made.c.rid).add_cte(indexed, logged))


def _line() -> dict[str, Any]:
    """The columns of the log, each with the parameter it is given by."""
    table: Table = AUDIT
    return {column.name: bindparam(f"log_{column.name}", type_=column.type) for column in table.c}


def _named(line: dict[str, Any]) -> dict[str, Any]:
    return {f"log_{name}": value for name, value in line.items()}
