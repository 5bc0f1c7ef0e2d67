"""For which tenant a transaction works, told to PostgreSQL: its row security (telemed.access.net) goes by it.

A connection begins as the service itself, which sees every row. What acts for a caller says so before it asks for rows; a
connection that says nothing, somebody's own with our account, sees nothing. SQLite has no row security and is told nothing.
"""

from typing import Any, Final

from sqlalchemy import event
from sqlmodel import Session

NAME: Final = "telemed.tenant"
EVERY: Final = "*"  # no Organization has this id (FHIR R4, id)
AT_FIRST: Final = {NAME: EVERY}  # what asyncpg sends when it connects, without a round trip of its own

_ACTING: Final = "acting_tenant"
# Until the transaction ends, or the savepoint in which it was said is rolled back.
_SAY: Final = f"SELECT set_config('{NAME}', $1, true)"


def watch(session: Session) -> None:
    """Nothing; the session is one on PostgreSQL, and works for every tenant until it is told otherwise."""
    session.info[_ACTING] = EVERY
    event.listen(session, "after_soft_rollback", _forget)


def act(session: Session, tenant: str) -> None:
    """Nothing; what the session asks from now on is asked for this tenant. A round trip, if it was another before."""
    if session.info.get(_ACTING, tenant) != tenant:
        session.connection().exec_driver_sql(_SAY, (tenant,))
        session.info[_ACTING] = tenant


def said(tenant: str) -> str:
    """The statement that makes a connection work for this tenant from now on."""
    quoted = tenant.replace("'", "''")
    return f"SET {NAME} = '{quoted}'"


def _forget(session: Session, _: Any) -> None:
    session.info[_ACTING] = None
