"""Run by Alembic: applies revisions over the connection that `infra.migrate` hands in."""

from alembic import context
from sqlmodel import SQLModel

connection = context.config.attributes["connection"]
# Batch mode rewrites a table where SQLite can't alter it.
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
