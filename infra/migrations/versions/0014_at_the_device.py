"""Who is at a patient's device and where, for the call alone; calls back by phone; notes that are not saved yet."""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("visit", sa.Column("company", sa.String(), nullable=False, server_default=""))
    op.add_column("visit", sa.Column("place", sa.LargeBinary(), nullable=True))
    op.add_column("visit", sa.Column("place_key", sa.Integer(), nullable=True))
    op.add_column("visit", sa.Column("here_since", infra.columns.UtcDateTime(), nullable=True))
    op.add_column("visit", sa.Column("call_back", sa.String(), nullable=True))
    op.create_table(
        "note_draft",
        sa.Column("appointment_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("compartment", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("saved", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("data_key", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("appointment_id"),
    )
    op.create_index("ix_note_draft_saved", "note_draft", ["saved"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("note_draft")
    for column in ("company", "place", "place_key", "here_since", "call_back"):
        op.drop_column("visit", column)
