"""Passkeys, recovery codes, invitations, external accounts; what a session knows; records opened in an emergency."""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "passkey",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("clinician_id", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("created", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("used", infra.columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_passkey_clinician_id", "passkey", ["clinician_id"])
    op.create_table(
        "recovery_code",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("clinician_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_recovery_code_clinician_id", "recovery_code", ["clinician_id"])
    op.create_table(
        "invitation",
        sa.Column("clinician_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("clinician_id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "used_challenge",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_used_challenge_expires", "used_challenge", ["expires"])
    op.create_table(
        "external_account",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("clinician_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sa.UniqueConstraint("clinician_id"),
    )
    op.create_table(
        "emergency_access",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("clinician_id", sa.String(length=64), nullable=False),
        sa.Column("compartment", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("opened", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("until", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("reviewed", infra.columns.UtcDateTime(), nullable=True),
        sa.Column("reviewer", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_emergency_access_tenant", "emergency_access", ["tenant"])
    op.create_index("ix_emergency_access_compartment", "emergency_access", ["compartment"])
    op.create_table(
        "emergency_attempt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("clinician_id", sa.String(length=64), nullable=False),
        sa.Column("tried", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_emergency_attempt_clinician_id", "emergency_attempt", ["clinician_id"])
    op.create_index("ix_emergency_attempt_tried", "emergency_attempt", ["tried"])
    # Sessions that are open now were opened without a proof that these columns could tell of.
    op.add_column("console_session", sa.Column("verified", infra.columns.UtcDateTime(), nullable=True))
    op.add_column("console_session", sa.Column("proof", sa.String(length=8), nullable=False, server_default=""))
    op.add_column("console_session", sa.Column("browser", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("care_grant", sa.Column("subject", sa.String(length=64), nullable=False, server_default=""))


def downgrade() -> None:
    """Undo."""
    op.drop_column("care_grant", "subject")
    for name in ("browser", "proof", "verified"):
        op.drop_column("console_session", name)
    for name in ("emergency_attempt", "emergency_access", "external_account", "used_challenge"):
        op.drop_table(name)
    for name in ("invitation", "recovery_code", "passkey"):
        op.drop_table(name)
