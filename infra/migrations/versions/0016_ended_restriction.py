"""A restriction that is over shuts no record for PostgreSQL's row security either; it goes by the time it is told."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TENANT = "current_setting('telemed.tenant', true)"
NOW = "coalesce(nullif(current_setting('telemed.now', true), '')::bigint, 0)"
BEFORE = f"""CREATE OR REPLACE FUNCTION is_bound_to(wanted varchar) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM compartment WHERE id = wanted AND tenant = {TENANT})
        OR EXISTS (SELECT FROM care_grant g WHERE g.compartment = wanted AND g.tenant = {TENANT} AND NOT EXISTS (
            SELECT FROM restriction r WHERE r.compartment = wanted AND (g.kind <> 'Consent' OR g."from" < r.since)));
END $$"""  # of constants  # nosec B608
BOUND = f"""CREATE OR REPLACE FUNCTION is_bound_to(wanted varchar) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM compartment WHERE id = wanted AND tenant = {TENANT})
        OR EXISTS (SELECT FROM care_grant g WHERE g.compartment = wanted AND g.tenant = {TENANT} AND NOT EXISTS (
            SELECT FROM restriction r WHERE r.compartment = wanted AND r.until > {NOW}
                AND (g.kind <> 'Consent' OR g."from" < r.since)));
END $$"""  # of constants  # nosec B608


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(BOUND)


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(BEFORE)
