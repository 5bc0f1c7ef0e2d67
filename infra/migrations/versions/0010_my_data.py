"""Letters and sessions of "my data"; who comes along to a visit has a code of their own.

Revision ID: 0010
Revises: 0005
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import infra.columns

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "letter_code",
        sa.Column("hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("factor", sa.LargeBinary(length=16), nullable=False),
        sa.Column("compartment", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("issued", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_letter_code_compartment"), "letter_code", ["compartment"])
    op.create_table(
        "letter_attempt",
        sa.Column("hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_letter_attempt_last"), "letter_attempt", ["last"])
    op.create_table(
        "my_session",
        sa.Column("hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("compartment", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("used", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("ended", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_my_session_code_hash"), "my_session", ["code_hash"])
    op.create_index(op.f("ix_my_session_compartment"), "my_session", ["compartment"])
    op.create_index(op.f("ix_my_session_expires"), "my_session", ["expires"])
    op.add_column("join_code", sa.Column("person", sa.String(), server_default="", nullable=False))
    op.add_column("visit_session", sa.Column("person", sa.String(), server_default="", nullable=False))
    op.add_column("visit_session", sa.Column("seen", infra.columns.UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Take back."""
    for table, column in (("visit_session", "seen"), ("visit_session", "person"), ("join_code", "person")):
        op.drop_column(table, column)
    for table in ("my_session", "letter_attempt", "letter_code"):
        op.drop_table(table)
