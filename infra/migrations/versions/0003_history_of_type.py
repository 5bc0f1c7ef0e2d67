"""history of type

Revision ID: 0003
Revises: 0002
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply: past versions are found by type, in the order of time."""
    op.create_index("history_of_type", "resource_history", ["type", "last_updated", "rid", "version"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index("history_of_type", table_name="resource_history")
