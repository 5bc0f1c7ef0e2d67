"""Statistics are extracted in parts that any worker reads, sealed until the draft is made; the public asks for data."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import infra.columns

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "extract_run",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("frozen", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "extract_part",
        sa.Column("run", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.String(length=32), nullable=False),
        sa.Column("before", sa.String(length=32), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("run", "number"),
    )
    op.create_table(
        "data_request",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("made", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_data_request_made", "data_request", ["made"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("data_request")
    op.drop_table("extract_part")
    op.drop_table("extract_run")
