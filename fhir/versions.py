"""The step from one version of a resource to the next: the version before is kept, the row and its tokens change.

On PostgreSQL it is one statement, as each is a round trip. SQLite has none that writes to several tables, and no trips.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ARRAY, LargeBinary, Select, Update, and_, any_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as unique_insert
from sqlmodel import Session

from fhir import rows
from fhir.rows import HISTORY, NAMES, RESOURCE, TOKEN, Stored
from infra.statements import Statement
from infra.vault import Sealed

Names = tuple[str, ...]
# Without a body the row keeps the key of the version before: it needs one for the JOIN.
_EMPTIED: Final[Names] = ("version", "deleted", "last_updated", "compartment", "body")
_SEALED: Final[Names] = (*_EMPTIED, "data_key")
_RID: Final = bindparam("old_rid", type_=RESOURCE.c.rid.type)
_KEPT: Final = insert(HISTORY).from_select(
    list(NAMES), select(*(RESOURCE.c[name] for name in NAMES)).where(RESOURCE.c.rid == _RID)
)


def step(
    session: Session,
    old: Stored,
    new: Stored,
    *,
    sealed: Sealed | None,
    gone: Collection[bytes],
    come: Collection[bytes],
) -> bool:
    """True if the row is in its next version, without the tokens that are gone and with those that come.

    False if it was not in the version `old` any more: then the unit must fail.
    """
    names = _SEALED if sealed else _EMPTIED
    head = {
        "old_rid": old.rid,
        "old_version": old.version,
        "new_version": new.version,
        "new_deleted": new.deleted,
        "new_last_updated": new.last_updated,
        "new_compartment": new.compartment,
        "new_data_key": sealed.data_key if sealed else None,
        "new_body": sealed.body if sealed else b"",
    }
    if session.get_bind().dialect.name == "postgresql":
        return _WHOLE[names].first(session, head | {"gone": sorted(gone), "come": sorted(come)}) is not None
    _KEEP.run(session, head)
    moved = _HEAD[names].run(session, head) == 1
    rows.remove_tokens(session, new.rid, gone)
    rows.add_more_tokens(session, new.rid, come)
    return moved


def _head(names: Names) -> Update:
    values = {name: bindparam(f"new_{name}", type_=RESOURCE.c[name].type) for name in names}
    at = and_(RESOURCE.c.rid == _RID, RESOURCE.c.version == bindparam("old_version"))
    return update(RESOURCE).where(at).values(values)


def _whole(names: Names) -> Select[Any]:
    head = _head(names).returning(RESOURCE.c.rid).cte("head")
    leaving = TOKEN.c.t == any_(bindparam("gone", type_=ARRAY(LargeBinary)))
    gone = delete(TOKEN).where(leaving, TOKEN.c.rid == _RID).cte("gone")
    entries = select(func.unnest(bindparam("come", type_=ARRAY(LargeBinary))), _RID)
    come = unique_insert(TOKEN).from_select(["t", "rid"], entries).on_conflict_do_nothing().cte("come")
    return select(head.c.rid).add_cte(_KEPT.cte("kept"), gone, come)


_KEEP: Final = Statement(_KEPT)
_HEAD: Final = {names: Statement(_head(names)) for names in (_SEALED, _EMPTIED)}
_WHOLE: Final = {names: Statement(_whole(names)) for names in (_SEALED, _EMPTIED)}
