"""Bringing a database to the newest revision, and making the next one; what a start asks is in `infra.revision`."""

import io
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlmodel import Session, SQLModel

from infra.database import Database
from infra.revision import MIGRATIONS


async def upgrade(database: Database) -> None:
    """Nothing; the database has every revision, each applied once, all in one atomic unit."""
    await database.write(lambda session: command.upgrade(_config(session), "head"))


async def missing(database: Database) -> list[Any]:
    """How the models imported so far differ from the database's tables, as Alembic's operations; empty if they agree."""

    def differences(session: Session) -> list[Any]:
        options = {"compare_type": True}
        context = MigrationContext.configure(session.connection(), opts=options)
        return list(compare_metadata(context, SQLModel.metadata))

    return await database.read(differences)


async def make_revision(database: Database, message: str) -> None:
    """Nothing; a new file in infra/migrations/versions brings the tables to the models imported so far."""
    await database.write(lambda session: command.revision(_config(session), message=message, autogenerate=True))


def _config(session: Session) -> Config:
    config = _plain_config()
    config.attributes["connection"] = session.connection()
    return config


def _plain_config() -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
