"""How patients found their visits: counted by clinic and month, with no line for anybody."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("visit", sa.Column("answered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "opinion_count",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("opinion", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "month", "opinion"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("opinion_count")
    op.drop_column("visit", "answered")
