"""The record held against its log: each resource has to be in the newest version that was written into the log.

A whole old row that was put back in place of a newer one opens; only this sees it.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Subquery, func, or_, select
from sqlmodel import Session

from fhir.audit import AUDIT, DONE
from fhir.policy import Action
from fhir.rows import HISTORY, RESOURCE

WRITES: Final = tuple(str(action) for action in Action if action.changes)


def differences(session: Session) -> Iterator[str]:
    """What is in another version than the log says, or gone, or without a past; without personal data."""
    connection, written = session.connection(), _written()
    both = select(RESOURCE.c.type, RESOURCE.c.id, RESOURCE.c.version, written.c.newest)
    joined = both.outerjoin(written, written.c.resource_id == RESOURCE.c.id)
    other = or_(written.c.newest.is_(None), written.c.newest != RESOURCE.c.version)
    for type, id, version, newest in connection.execute(joined.where(other).order_by(RESOURCE.c.rid)):
        if newest is not None and newest > version:
            yield f"rolled back: {type}/{id} is in version {version}, the log has written {newest}"
        else:
            yield f"beside the log: {type}/{id} is in version {version}, the log has written {newest or 'none'}"
    gone = select(written.c.resource_id, written.c.newest).outerjoin(RESOURCE, RESOURCE.c.id == written.c.resource_id)
    for id, newest in connection.execute(gone.where(RESOURCE.c.id.is_(None)).order_by(written.c.resource_id)):
        yield f"removed: {id}, of which the log has written version {newest}"
    yield from _pasts(session)


def count(session: Session) -> int:
    """How many resources the record has."""
    return int(session.connection().execute(select(func.count()).select_from(RESOURCE)).scalar_one())


def _written() -> Subquery:
    """The newest version of each resource that the log tells of."""
    done = select(AUDIT.c.resource_id, func.max(AUDIT.c.version).label("newest"))
    done = done.where(AUDIT.c.action.in_(WRITES), AUDIT.c.outcome == DONE, AUDIT.c.resource_id.is_not(None))
    return done.group_by(AUDIT.c.resource_id).subquery()


def _pasts(session: Session) -> Iterator[str]:
    past = select(HISTORY.c.rid, func.count().label("kept")).group_by(HISTORY.c.rid).subquery()
    kept = func.coalesce(past.c.kept, 0)
    heads = select(RESOURCE.c.type, RESOURCE.c.id, RESOURCE.c.version, kept).outerjoin(
        past, past.c.rid == RESOURCE.c.rid
    )
    for type, id, version, there in session.connection().execute(heads.where(kept != RESOURCE.c.version - 1)):
        yield f"history: {type}/{id} is in version {version} and has {there} earlier ones"
