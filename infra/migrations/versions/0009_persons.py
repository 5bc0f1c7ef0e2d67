"""What joins Patients to one person, and what takes them apart again.

Until now a compartment knew its person only, which is what it stands for by itself as long as nobody was joined.
"""

import sqlalchemy as sa
from alembic import op

import infra.columns

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("compartment") as batch_op:
        batch_op.add_column(sa.Column("own", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("apart", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE compartment SET own = person")
    with op.batch_alter_table("compartment") as batch_op:
        batch_op.alter_column("own", existing_type=sa.String(length=32), nullable=False)
        batch_op.alter_column("apart", existing_type=sa.Boolean(), server_default=None)
        batch_op.create_index(batch_op.f("ix_compartment_own"), ["own"], unique=False)
    op.create_table(
        "person_link",
        sa.Column("one", sa.String(length=32), nullable=False),
        sa.Column("other", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("since", infra.columns.UtcDateTime(), nullable=False),
        sa.Column("was_active", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("one", "other"),
    )
    op.create_index(op.f("ix_person_link_other"), "person_link", ["other"], unique=False)
    op.create_table(
        "person_question",
        sa.Column("compartment", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("likeness", sa.String(length=32), nullable=False),
        sa.Column("asked", infra.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("compartment", "tenant"),
    )
    op.create_index("person_question_to", "person_question", ["tenant", "likeness"], unique=False)
    op.create_table(
        "person_refusal",
        sa.Column("compartment", sa.String(length=32), nullable=False),
        sa.Column("other", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("compartment", "other"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("person_refusal")
    op.drop_index("person_question_to", table_name="person_question")
    op.drop_table("person_question")
    op.drop_index(op.f("ix_person_link_other"), table_name="person_link")
    op.drop_table("person_link")
    with op.batch_alter_table("compartment") as batch_op:
        batch_op.drop_index(batch_op.f("ix_compartment_own"))
        batch_op.drop_column("apart")
        batch_op.drop_column("own")
