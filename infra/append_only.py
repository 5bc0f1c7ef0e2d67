"""Tables whose rows are only ever added: the database itself refuses to change or remove one.

It guards against mistakes of ours and of operators. Whoever owns the database can drop the triggers; that is what
signed checkpoints in a second place are for (fhir/README.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Table, event

# One function for all tables; insufficient_privilege, as if the account had no right to it. A statement that finds no
# row is refused, too.
_POSTGRES: Final = (
    """CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501'; END $$""",
    """CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
)
_SQLITE: Final = tuple(
    f"CREATE TRIGGER {{table}}_append_only_{what} BEFORE {what} ON {{table}} "
    "BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    for what in ("UPDATE", "DELETE")
)
_LIFTED_POSTGRES: Final = tuple(
    f"ALTER TABLE {{table}} {what} TRIGGER {{table}}_append_only" for what in ("DISABLE", "ENABLE")
)
_LIFTED_SQLITE: Final = "DROP TRIGGER {table}_append_only_DELETE"


def append_only(table: Table) -> None:
    """Nothing; wherever the table is made from now on, its rows can neither be changed nor removed."""
    event.listen(table, "after_create", _refuse_changes)


@contextmanager
def removable(connection: Connection, table: Table) -> Iterator[None]:
    """A stretch of a unit in which rows of the table may be removed; who may not alter it is refused."""
    off, on = _LIFTED_POSTGRES if connection.dialect.name == "postgresql" else (_LIFTED_SQLITE, _SQLITE[1])
    connection.exec_driver_sql(off.format(table=table.name))
    yield
    connection.exec_driver_sql(on.format(table=table.name))


def _refuse_changes(table: Table, connection: Connection, **_: Any) -> None:
    for statement in _POSTGRES if connection.dialect.name == "postgresql" else _SQLITE:
        connection.exec_driver_sql(statement.format(table=table.name))
