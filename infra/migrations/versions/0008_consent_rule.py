"""What a Consent closes stands in a table of its own, and a grant may be for a part of the record."""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("care_grant", sa.Column("type", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("care_grant", sa.Column("item", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "consent_rule",
        sa.Column("id", infra.columns.RowId, primary_key=True),
        sa.Column("compartment", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=130), nullable=False),
        sa.Column("path", sa.String(length=64), nullable=False),
        sa.Column("permits", sa.Boolean(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("from", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("until", infra.columns.UtcDateTime(), nullable=False),
    )
    op.create_index("consent_rule_compartment", "consent_rule", ["compartment"])
    op.create_index("consent_rule_source", "consent_rule", ["source", "path"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("consent_rule")
    with op.batch_alter_table("care_grant") as batch_op:
        batch_op.drop_column("item")
        batch_op.drop_column("type")
