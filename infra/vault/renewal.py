"""The next version of a data key: new writes use it, what older versions sealed stays and opens."""

from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as unique_insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from infra.problems import Conflict, NotFound
from infra.vault.models import DataKey, KeyChange, KeyEvent
from infra.vault.sealing import Vault


class NoSuchKey(NotFound):
    """There is no data key of this patient or clinic. One is made with the first write."""


class RenewedMeanwhile(Conflict):
    """Somebody else renewed this data key at the same moment."""


def renew(session: Session, vault: Vault, scope: str, *, now: datetime) -> int:
    """The version of the new data key of this scope. Running processes use it within a minute."""
    newest = session.execute(select(func.max(DataKey.version)).where(col(DataKey.scope) == scope)).scalar_one_or_none()
    if newest is None:
        raise NoSuchKey
    row, _ = vault.new_key(scope, version=newest + 1)
    try:
        session.execute(insert(DataKey).values(row))
    except IntegrityError as other:
        raise RenewedMeanwhile from other
    change = unique_insert(KeyChange).values(
        scope=scope, event=KeyEvent.RENEWED.value, at=now, tenant="", line=b"", cleared=True
    )
    session.execute(change.on_conflict_do_update(index_elements=["scope", "event"], set_={"at": now}))
    return int(newest) + 1
