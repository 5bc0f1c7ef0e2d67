"""The log of accesses may be handed over to another signing key, and begin anew after a backup was put back."""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_handover",
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """CREATE TRIGGER audit_handover_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_handover
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""
        )
        return
    for what in ("UPDATE", "DELETE"):
        op.execute(
            f"""CREATE TRIGGER audit_handover_append_only_{what} BEFORE {what} ON audit_handover
            BEGIN SELECT RAISE(ABORT, 'audit_handover is append-only'); END"""
        )


def downgrade() -> None:
    """Take back."""
    op.drop_table("audit_handover")
