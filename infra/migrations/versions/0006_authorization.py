"""people allow apps: grants, codes, refresh tokens, launches

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("oauth_grant", "authorization_code", "refresh_token", "oauth_launch", "revoked_token")


def upgrade() -> None:
    """Apply."""
    # The defaults are for code of before, which goes on registering clients while this one starts.
    for column in (
        sa.Column("name", sa.String(length=60), nullable=False, server_default=""),
        sa.Column("redirect_uris", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("launch_url", sa.String(length=500), nullable=False, server_default=""),
        sa.Column("jwks_uri", sa.String(length=500), nullable=False, server_default=""),
        sa.Column("public", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("oauth_client", column)
    op.create_table(
        "oauth_grant",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        *_whose(),
        sa.Column("scope", sa.String(length=2000), nullable=False),
        sa.Column("nonce", sa.String(length=255), nullable=False),
        sa.Column("session", sa.LargeBinary(length=32), nullable=True),
        sa.Column("opened", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("ended", infra.columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "authorization_code",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("redirect_uri", sa.String(length=500), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        *_once(),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "refresh_token",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        *_once(),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "oauth_launch",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        *_whose(),
        *_once(),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "revoked_token",
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("jti"),
    )
    for table in TABLES:
        op.create_index(op.f(f"ix_{table}_expires"), table, ["expires"], unique=False)
    op.create_index(op.f("ix_oauth_grant_client_id"), "oauth_grant", ["client_id"], unique=False)
    op.create_index(op.f("ix_oauth_grant_user_id"), "oauth_grant", ["user_id"], unique=False)
    op.create_index(op.f("ix_refresh_token_grant_id"), "refresh_token", ["grant_id"], unique=False)


def _whose() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("user_kind", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
    )


def _once() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("expires", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("used", infra.columns.UtcDateTime(), nullable=True),
    )


def downgrade() -> None:
    """Take back."""
    for table in reversed(TABLES):
        op.drop_table(table)
    for name in ("public", "jwks_uri", "launch_url", "redirect_uris", "name"):
        op.drop_column("oauth_client", name)
