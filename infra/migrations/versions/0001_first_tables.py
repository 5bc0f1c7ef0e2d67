"""The first tables"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import infra.columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "answered_request",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("request", sa.LargeBinary(length=16), nullable=False),
        sa.Column("appointment_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("answered", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("answered_request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answered_request_answered"), ["answered"], unique=False)

    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("recorded", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("compartment", sa.String(length=32), nullable=True),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("resource_id", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=False),
        sa.Column("agent_tenant", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=2), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("audit_event_of_compartment", ["compartment", "recorded"], unique=False)
        batch_op.create_index("audit_event_of_tenant", ["tenant", "recorded", "id"], unique=False)

    op.create_table(
        "bookable", sa.Column("resource", sa.String(length=100), nullable=False), sa.PrimaryKeyConstraint("resource")
    )
    op.create_table(
        "booking",
        sa.Column("appointment_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("start", infra.columns.UtcDateTime(), nullable=True),
        sa.Column("end", infra.columns.UtcDateTime(), nullable=True),
        sa.Column("hold_until", infra.columns.UtcDateTime(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("appointment_id"),
    )
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.create_index("booking_of_tenant", ["tenant", "start"], unique=False)

    op.create_table(
        "care_grant",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("compartment", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("tenant", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(length=130), nullable=False),
        sa.Column("granted_by", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("from", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("asked_until", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("until", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("care_grant", schema=None) as batch_op:
        batch_op.create_index("care_grant_compartment_tenant", ["compartment", "tenant"], unique=False)
        batch_op.create_index("care_grant_source", ["source"], unique=False)

    op.create_table(
        "clinician",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("tenant", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("practitioner_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("clinician", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_clinician_tenant"), ["tenant"], unique=False)

    op.create_table(
        "compartment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("patient_id"),
    )
    with op.batch_alter_table("compartment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_compartment_person"), ["person"], unique=False)
        batch_op.create_index(batch_op.f("ix_compartment_tenant"), ["tenant"], unique=False)

    op.create_table(
        "console_session",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("clinician_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("opened", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("seen", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("console_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_console_session_clinician_id"), ["clinician_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_console_session_expires"), ["expires"], unique=False)

    op.create_table(
        "data_key",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("provider_version", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "version"),
    )
    op.create_table(
        "join_attempt",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    with op.batch_alter_table("join_attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_join_attempt_last"), ["last"], unique=False)

    op.create_table(
        "join_code",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("factor", sa.LargeBinary(), nullable=False),
        sa.Column("appointment_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("tenant", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("opens", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("closes", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    with op.batch_alter_table("join_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_join_code_appointment_id"), ["appointment_id"], unique=False)

    op.create_table(
        "managed_schedule",
        sa.Column("schedule_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("role_id", sa.String(length=64), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("codes", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("schedule_id"),
    )
    with op.batch_alter_table("managed_schedule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_managed_schedule_role_id"), ["role_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_managed_schedule_tenant"), ["tenant"], unique=False)

    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("appointment_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("compartment", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("appointment_id", "sequence", "channel"),
    )
    op.create_table(
        "oauth_client",
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("tenant", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("jwks", sa.JSON(), nullable=False),
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("client_id"),
    )
    with op.batch_alter_table("oauth_client", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_oauth_client_tenant"), ["tenant"], unique=False)

    op.create_table(
        "occupancy",
        sa.Column("resource", sa.String(length=100), nullable=False),
        sa.Column("tick", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("appointment_id", sa.String(length=64), nullable=False),
        sa.Column("hold_until", infra.columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("resource", "tick", "lane"),
    )
    with op.batch_alter_table("occupancy", schema=None) as batch_op:
        batch_op.create_index("occupancy_of_appointment", ["appointment_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("ref", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=120), nullable=True),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("claimed", infra.columns.UtcDateTime(), nullable=True),
        sa.Column("finished", infra.columns.UtcDateTime(), nullable=True),
        sa.Column("error", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_due"), ["due"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_state"), ["state"], unique=False)

    op.create_table(
        "resource",
        sa.Column("rid", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("last_updated", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("compartment", sa.String(length=32), nullable=True),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("rid"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("resource", schema=None) as batch_op:
        batch_op.create_index("resource_of_compartment", ["compartment", "type"], unique=False)
        batch_op.create_index("resource_of_type", ["type", "last_updated", "rid"], unique=False)

    op.create_table(
        "resource_history",
        sa.Column("rid", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("last_updated", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("compartment", sa.String(length=32), nullable=True),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("rid", "version"),
    )
    op.create_table(
        "schedule_resource",
        sa.Column("schedule_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("schedule_id", "resource"),
    )
    with op.batch_alter_table("schedule_resource", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedule_resource_resource"), ["resource"], unique=False)

    op.create_table(
        "sign_in_link",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("clinician_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "signing_key",
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("public", sa.JSON(), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("created", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("retires", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kid"),
    )
    op.create_table(
        "sink_message",
        sa.Column("notice_id", sa.String(length=32), nullable=False),
        sa.Column("appointment_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("compartment", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("delivered", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("data_key", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id"),
    )
    with op.batch_alter_table("sink_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sink_message_appointment_id"), ["appointment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sink_message_delivered"), ["delivered"], unique=False)

    op.create_table(
        "slot_time",
        sa.Column("slot_id", sa.String(length=64), nullable=False),
        sa.Column("schedule_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("start", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("end", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("hold_until", infra.columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("slot_id"),
    )
    with op.batch_alter_table("slot_time", schema=None) as batch_op:
        batch_op.create_index("slot_time_of_schedule", ["schedule_id", "start"], unique=False)

    op.create_table(
        "token",
        sa.Column("t", sa.LargeBinary(length=16), nullable=False),
        sa.Column("rid", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("t", "rid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unique_token",
        sa.Column("t", sa.LargeBinary(length=16), nullable=False),
        sa.Column("rid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("t"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "used_assertion",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("used_assertion", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_used_assertion_expires"), ["expires"], unique=False)

    op.create_table(
        "visit",
        sa.Column("appointment_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("tenant", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("room", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("stage", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("encounter_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("waiting_since", infra.columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("appointment_id"),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_visit_tenant"), ["tenant"], unique=False)

    op.create_table(
        "visit_session",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("appointment_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("tenant", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("ended", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    with op.batch_alter_table("visit_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_visit_session_appointment_id"), ["appointment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_visit_session_code_hash"), ["code_hash"], unique=False)


def downgrade() -> None:
    """Take back: there is nothing before the first tables."""
    connection = op.get_bind()
    tables = sa.MetaData()
    tables.reflect(connection)
    tables.drop_all(connection, [table for name, table in tables.tables.items() if name != "alembic_version"])
