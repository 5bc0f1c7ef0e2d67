"""For which tenant a transaction works and when, told to PostgreSQL: its row security (telemed.access.net) goes by it.

A connection begins as the service itself, which sees every row. What acts for a caller says so before it asks for rows; a
connection that says nothing, somebody's own with our account, sees nothing. SQLite has no row security and is told nothing.
The time is the platform's clock, not the server's: a record is not to be shut by one and open by the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import event
from sqlmodel import Session

from infra.clock import Clock, is_within
from infra.columns import to_microseconds

NAME: Final = "telemed.tenant"
MOMENT: Final = "telemed.now"  # microseconds since 1970, as times stand in the tables
EVERY: Final = "*"  # no Organization has this id (FHIR R4, id)
AT_FIRST: Final = {NAME: EVERY}  # what asyncpg sends when it connects, without a round trip of its own
# A connection that stays with a tenant is told the time again so seldom that the round trip costs nothing. What began
# since is in force by an older time, too; what ended is over by a minute later.
FRESH: Final = timedelta(minutes=1)

_ACTING: Final = "acting_tenant"
_CLOCK: Final = "acting_clock"
# Until the transaction ends, or the savepoint in which it was said is rolled back.
_SAY: Final = f"SELECT set_config('{NAME}', $1, true), set_config('{MOMENT}', $2, true)"


@dataclass(frozen=True, slots=True)
class Told:
    """What a connection was told: for whom it works, and what time it was."""

    tenant: str
    at: datetime

    def holds(self, tenant: str, now: datetime) -> bool:
        """True if it need not be told anew to work for the tenant. No time counts for what works for every one."""
        return self.tenant == tenant and (tenant == EVERY or is_within(FRESH, since=self.at, now=now))

    @property
    def statement(self) -> str:
        """What tells it to a connection, from now on."""
        quoted = self.tenant.replace("'", "''")
        return f"SET {NAME} = '{quoted}'; SET {MOMENT} = '{to_microseconds(self.at)}'"


def watch(session: Session, clock: Clock) -> None:
    """Nothing; the session is one on PostgreSQL, and works for every tenant until it is told otherwise."""
    session.info[_ACTING], session.info[_CLOCK] = EVERY, clock
    event.listen(session, "after_soft_rollback", _forget)


def act(session: Session, tenant: str) -> None:
    """Nothing; what the session asks from now on is asked for this tenant. A round trip, if it was another before."""
    if session.info.get(_ACTING, tenant) != tenant:
        now = to_microseconds(session.info[_CLOCK].now())
        session.connection().exec_driver_sql(_SAY, (tenant, str(now)))
        session.info[_ACTING] = tenant


def _forget(session: Session, _: object) -> None:
    session.info[_ACTING] = None
