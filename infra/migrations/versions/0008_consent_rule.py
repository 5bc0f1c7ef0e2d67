"""What a Consent closes stands in a table of its own, a grant may be for a part of the record, and rows are guarded.

Row security is PostgreSQL's; what it says is told in `telemed.access.net`.
"""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TENANT = "current_setting('telemed.tenant', true)"
BOUND = f"""CREATE FUNCTION is_bound_to(wanted varchar) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM compartment WHERE id = wanted AND tenant = {TENANT})
        OR EXISTS (SELECT FROM care_grant WHERE compartment = wanted AND tenant = {TENANT});
END $$"""  # of constants  # nosec B608
TYPES = "'HealthcareService', 'Location', 'Organization', 'Practitioner', 'PractitionerRole', 'Schedule', 'Slot'"
OWN = f"tenant = {TENANT} OR {TENANT} = '*'"
SEEN = f"{OWN} OR type IN ({TYPES}) OR is_bound_to(compartment)"
POLICIES = {
    "resource": {
        "seen": f"FOR SELECT USING ({SEEN})",
        "added": f"FOR INSERT WITH CHECK ({OWN})",
        "changed": f"FOR UPDATE USING ({SEEN}) WITH CHECK ({OWN})",
        "removed": f"FOR DELETE USING ({OWN})",
    },
    "audit_event": {"seen": f"FOR SELECT USING ({OWN})", "added": "FOR INSERT WITH CHECK (true)"},
}
POLICIES["resource_history"] = POLICIES["resource"]


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
    if op.get_bind().dialect.name == "postgresql":
        op.execute(BOUND)
        for table, policies in POLICIES.items():
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            for name, policy in policies.items():
                op.execute(f"CREATE POLICY {name} ON {table} {policy}")


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        for table, policies in POLICIES.items():
            op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            for name in policies:
                op.execute(f"DROP POLICY {name} ON {table}")
        op.execute("DROP FUNCTION is_bound_to(varchar)")
    op.drop_table("consent_rule")
    with op.batch_alter_table("care_grant") as batch_op:
        batch_op.drop_column("item")
        batch_op.drop_column("type")
