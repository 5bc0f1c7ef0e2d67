"""Records whose processing is restricted (Art. 18 GDPR) are told apart, by the policy and by the second net.

Bookings that met a person who is busy elsewhere are counted.
"""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TENANT = "current_setting('telemed.tenant', true)"
BEFORE = f"""CREATE OR REPLACE FUNCTION is_bound_to(wanted varchar) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM compartment WHERE id = wanted AND tenant = {TENANT})
        OR EXISTS (SELECT FROM care_grant WHERE compartment = wanted AND tenant = {TENANT});
END $$"""  # of constants  # nosec B608
BOUND = f"""CREATE OR REPLACE FUNCTION is_bound_to(wanted varchar) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM compartment WHERE id = wanted AND tenant = {TENANT})
        OR EXISTS (SELECT FROM care_grant g WHERE g.compartment = wanted AND g.tenant = {TENANT} AND NOT EXISTS (
            SELECT FROM restriction r WHERE r.compartment = wanted AND (g.kind <> 'Consent' OR g."from" < r.since)));
END $$"""  # of constants  # nosec B608


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "restriction",
        sa.Column("compartment", sa.String(length=32), nullable=False),
        sa.Column("since", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("until", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("compartment"),
    )
    op.create_table(
        "busy_met",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("at", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("busy_met_of_tenant", "busy_met", ["tenant", "at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(BOUND)


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(BEFORE)
    op.drop_table("busy_met")
    op.drop_table("restriction")
