"""The record held against its log: each resource has to be in the newest version that was written into the log.

A whole old row that was put back in place of a newer one opens; only this sees it. What an erasure took is not there and is
no difference: where it lay is told by the log, and that this was erased by a proof that who writes to the database can't make.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy import Row, Subquery, and_, func, or_, select
from sqlmodel import Session

from fhir.audit import AUDIT, DONE
from fhir.policy import Action
from fhir.rows import HISTORY, RESOURCE

WRITES: Final = tuple(str(action) for action in Action if action.changes)
_WRITTEN: Final = (AUDIT.c.action.in_(WRITES), AUDIT.c.outcome == DONE, AUDIT.c.resource_id.is_not(None))


def differences(session: Session, *, erased: Collection[str] = ()) -> Iterator[str]:
    """What is in another version than the log says, or gone, or without a past; without personal data.

    `erased` are the compartments whose keys are proven to be destroyed.
    """
    connection, written = session.connection(), _written()
    both = select(RESOURCE.c.type, RESOURCE.c.id, RESOURCE.c.version, written.c.newest)
    joined = both.outerjoin(written, written.c.resource_id == RESOURCE.c.id)
    other = or_(written.c.newest.is_(None), written.c.newest != RESOURCE.c.version)
    for type, id, version, newest in connection.execute(joined.where(other).order_by(RESOURCE.c.rid)):
        if newest is not None and newest > version:
            yield f"rolled back: {type}/{id} is in version {version}, the log has written {newest}"
        else:
            yield f"beside the log: {type}/{id} is in version {version}, the log has written {newest or 'none'}"
    for id, newest, compartment in _gone(session):
        if compartment not in erased:
            yield f"removed: {id}, of which the log has written version {newest}"
    yield from _pasts(session, erased)


def count_erased(session: Session, erased: Collection[str]) -> int:
    """How many resources that the log tells of are gone with these compartments."""
    return sum(compartment in erased for _id, _newest, compartment in _gone(session)) if erased else 0


def count(session: Session) -> int:
    """How many resources the record has."""
    return int(session.connection().execute(select(func.count()).select_from(RESOURCE)).scalar_one())


def _gone(session: Session) -> Sequence[Row[str, int, str | None]]:
    """What the log tells of and the record lacks: its id, its newest version, and in whose compartment that lay."""
    written = _written()
    missing = select(written.c.resource_id, written.c.newest)
    missing = missing.outerjoin(RESOURCE, RESOURCE.c.id == written.c.resource_id).where(RESOURCE.c.id.is_(None))
    gone = missing.subquery()
    # Joined, in one pass: the log has no index by resource, so that each by itself would read all of it.
    newest = (AUDIT.c.resource_id == gone.c.resource_id, AUDIT.c.version == gone.c.newest)
    lay = select(gone.c.resource_id, gone.c.newest, func.max(AUDIT.c.compartment)).join(AUDIT, and_(*newest))
    lay = lay.where(*_WRITTEN).group_by(gone.c.resource_id, gone.c.newest)
    return session.connection().execute(lay.order_by(gone.c.resource_id)).fetchall()


def _written() -> Subquery:
    """The newest version of each resource that the log tells of."""
    done = select(AUDIT.c.resource_id, func.max(AUDIT.c.version).label("newest"))
    return done.where(*_WRITTEN).group_by(AUDIT.c.resource_id).subquery()


def _pasts(session: Session, erased: Collection[str]) -> Iterator[str]:
    past = select(HISTORY.c.rid, func.count().label("kept")).group_by(HISTORY.c.rid).subquery()
    kept = func.coalesce(past.c.kept, 0)
    heads = select(RESOURCE.c.type, RESOURCE.c.id, RESOURCE.c.version, kept).outerjoin(
        past, past.c.rid == RESOURCE.c.rid
    )
    shortened = heads.where(kept != RESOURCE.c.version - 1)
    taken = _erased_versions(session, shortened.subquery(), erased) if erased else Counter[str]()
    for type, id, version, there in session.connection().execute(shortened):
        if there + taken[id] != version - 1:
            yield f"history: {type}/{id} is in version {version} and has {there} earlier ones"


def _erased_versions(session: Session, shortened: Subquery, erased: Collection[str]) -> Counter[str]:
    """How many earlier versions of these lay in erased compartments: they were about that patient before they were corrected."""
    earlier = (AUDIT.c.resource_id == shortened.c.id, AUDIT.c.version < shortened.c.version)
    lay = select(shortened.c.id, AUDIT.c.version, AUDIT.c.compartment).distinct().join(AUDIT, and_(*earlier))
    found = session.connection().execute(lay.where(*_WRITTEN))
    return Counter(id for id, _version, compartment in found if compartment in erased)
