"""The log of accesses gets a tree of hashes, and is append-only.

A later revision that alters one of these tables on SQLite makes it anew, and must make its triggers again.
"""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_key")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_leaf",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "place"),
        sa.UniqueConstraint("event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_node",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("height", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "height", "place"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("made", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "size"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_key",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("created", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _refuse_on_postgres()
    else:
        _refuse_on_sqlite()


def _refuse_on_postgres() -> None:
    op.execute(
        """CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501'; END $$"""
    )
    for table in TABLES:
        op.execute(
            f"""CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""
        )


def _refuse_on_sqlite() -> None:
    for table in TABLES:
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"""CREATE TRIGGER {table}_append_only_{what} BEFORE {what} ON {table}
                BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
            )


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_event_append_only ON audit_event")
    else:
        for what in ("UPDATE", "DELETE"):
            op.execute(f"DROP TRIGGER audit_event_append_only_{what}")
    for table in reversed(TABLES[1:]):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
