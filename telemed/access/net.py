"""The second net: PostgreSQL itself gives a tenant no row of somebody to whom nothing binds it.

It shares nothing with `rule.py`, so that a mistake there alone opens nothing. It is coarser on purpose: it knows whose a
row is, whose patient it is about, whether there is a grant, and whether a restriction in force outweighs it, but not when
a grant holds, no roles and no denials. It holds for accounts without SUPERUSER and BYPASSRLS; `telemed doctor` tells.
https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from typing import Any, Final

from sqlalchemy import Connection, event, text
from sqlmodel import Session, SQLModel

from fhir.policy import REGION_WIDE
from infra.row_security import EVERY, MOMENT, NAME

TABLES: Final = ("resource", "resource_history")
LOG: Final = "audit_event"

_TENANT: Final = f"current_setting('{NAME}', true)"
# By whoever does not say what time it is, nothing is over yet.
NOW: Final = f"coalesce(nullif(current_setting('{MOMENT}', true), '')::bigint, 0)"
_TYPES: Final = ", ".join(f"'{type}'" for type in sorted(REGION_WIDE))
# A function and not two sub-queries: what is one's own, most of all, costs nothing of it, not even its planning.
BOUND: Final = f"""CREATE OR REPLACE FUNCTION is_bound_to(wanted varchar) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM compartment WHERE id = wanted AND tenant = {_TENANT})
        OR EXISTS (SELECT FROM care_grant g WHERE g.compartment = wanted AND g.tenant = {_TENANT} AND NOT EXISTS (
            SELECT FROM restriction r WHERE r.compartment = wanted AND r.until > {NOW}
                AND (g.kind <> 'Consent' OR g."from" < r.since)));
END $$"""  # of constants  # nosec B608
_OWN: Final = f"tenant = {_TENANT} OR {_TENANT} = '{EVERY}'"
_SEEN: Final = f"{_OWN} OR type IN ({_TYPES}) OR is_bound_to(compartment)"
_FORCED: Final = (
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",  # for the tables' owner, too
)
# A row that is only locked (FOR UPDATE) is asked like one that is changed; what it is changed to has to be one's own.
_RECORD: Final = (
    *_FORCED,
    f"CREATE POLICY seen ON {{table}} FOR SELECT USING ({_SEEN})",
    f"CREATE POLICY added ON {{table}} FOR INSERT WITH CHECK ({_OWN})",
    f"CREATE POLICY changed ON {{table}} FOR UPDATE USING ({_SEEN}) WITH CHECK ({_OWN})",
    f"CREATE POLICY removed ON {{table}} FOR DELETE USING ({_OWN})",
)
# Who was refused a look at somebody else's patient is told in the owner's log, too.
_LOGGED: Final = (
    *_FORCED,
    f"CREATE POLICY seen ON {{table}} FOR SELECT USING ({_OWN})",
    "CREATE POLICY added ON {table} FOR INSERT WITH CHECK (true)",
)
STATEMENTS: Final = (
    BOUND,
    *(statement.format(table=table) for table in TABLES for statement in _RECORD),
    *(statement.format(table=LOG) for statement in _LOGGED),
)
_BYPASSES: Final = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")


def is_bypassed(session: Session) -> bool:
    """True if the service's account is one that row security does not hold for."""
    if session.get_bind().dialect.name != "postgresql":
        return False
    return bool(session.connection().execute(_BYPASSES).scalar_one())


@event.listens_for(SQLModel.metadata, "after_create")
def _spread(_target: Any, connection: Connection, tables: Any = (), **_: Any) -> None:
    """Nothing; where all tables are made at once, the net is made with them."""
    if connection.dialect.name == "postgresql" and {*TABLES, LOG, "care_grant", "restriction"} <= {
        table.name for table in tables
    }:
        for statement in STATEMENTS:
            connection.exec_driver_sql(statement)
