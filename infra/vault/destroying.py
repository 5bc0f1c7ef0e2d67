"""Destroying the data keys of a scope: from the commit on, nothing that they sealed can be read again by anybody."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as unique_insert
from sqlmodel import Session, col

from infra.vault.destroyed import DestroyedList, DestroyedScope
from infra.vault.models import DataKey, KeyChange, KeyEvent

AT_ONCE: Final = 500
# Two machines' clocks differ, and a change is seen some time after the moment that it carries.
MARGIN: Final = timedelta(minutes=5)

_IS_DESTROYED: Final = col(KeyChange.event) == KeyEvent.DESTROYED.value


def destroy(session: Session, listed: DestroyedList, scope: str, *, tenant: str, at: datetime) -> bytes:
    """The line for the list of destroyed keys, to be added to it next; the scope has no data keys and gets none."""
    keys = session.execute(select(col(DataKey.id)).where(col(DataKey.scope) == scope)).scalars().all()
    line = listed.line(DestroyedScope(scope, tenant, tuple(keys), at))
    destroy_listed(session, listed, line)
    return line


def destroy_listed(session: Session, listed: DestroyedList, line: bytes) -> None:
    """Nothing; what a line of the list says is so in this database, too."""
    told = listed.read(line)
    values = {"scope": told.scope, "event": KeyEvent.DESTROYED.value, "at": told.at, "tenant": told.tenant}
    insert = unique_insert(KeyChange).values(**values, line=line, cleared=False)
    again = {"line": line, "cleared": False}
    session.execute(insert.on_conflict_do_update(index_elements=["scope", "event"], set_=again))
    with overwriting(session):
        session.execute(delete(DataKey).where(col(DataKey.scope) == told.scope))


def destruction(session: Session, scope: str) -> KeyChange | None:
    """How this scope's keys were destroyed; None if they were not."""
    return session.execute(select(KeyChange).where(col(KeyChange.scope) == scope, _IS_DESTROYED)).scalar_one_or_none()


def destructions(session: Session, *, uncleared: bool = False) -> list[KeyChange]:
    """All destructions that this database knows of, or those whose rows are not all cleared away yet."""
    statement = select(KeyChange).where(_IS_DESTROYED)
    found = session.execute(statement.where(~col(KeyChange.cleared)) if uncleared else statement).scalars().all()
    return list(found)


def proven(session: Session, listed: DestroyedList) -> set[str]:
    """The scopes that lines of this installation say are destroyed, in the list or here; what proves nothing is left out."""
    return {told.scope for line in (*listed.lines(), *_lines(session)) if (told := listed.proven(line)) is not None}


def _lines(session: Session) -> list[bytes]:
    return [change.line for change in destructions(session)]


def cleared(session: Session, scopes: Sequence[str]) -> None:
    """Nothing; all rows of these scopes are known to be gone."""
    session.execute(update(KeyChange).where(col(KeyChange.scope).in_(scopes), _IS_DESTROYED).values(cleared=True))


def present(session: Session, scopes: Iterable[str]) -> set[str]:
    """Which of the scopes have data keys."""
    asked, found = list(scopes), set[str]()
    for start in range(0, len(asked), AT_ONCE):
        part = col(DataKey.scope).in_(asked[start : start + AT_ONCE])
        found |= set(session.execute(select(col(DataKey.scope)).where(part)).scalars())
    return found


def changes_since(session: Session, moment: datetime) -> set[tuple[str, str, datetime]]:
    """What happened to keys since then, and some minutes before: scope, event, moment."""
    statement = select(col(KeyChange.scope), col(KeyChange.event), col(KeyChange.at))
    found = session.execute(statement.where(col(KeyChange.at) >= moment - MARGIN)).fetchall()
    return {(str(scope), str(event), at) for scope, event, at in found}


@contextmanager
def overwriting(session: Session) -> Iterator[None]:
    """A stretch in which SQLite writes zeros over what is deleted; PostgreSQL's vacuum does it in its own time."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA secure_delete").scalar_one()
    connection.exec_driver_sql("PRAGMA secure_delete=ON")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA secure_delete={int(before)}")  # nosemgrep: sql-put-together - a number
