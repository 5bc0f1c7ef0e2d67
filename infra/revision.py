"""At which revision the tables are, and which one this version of the program expects: asked at every start.

Without Alembic, whose imports are a good part of a start and which only `infra.migrate` needs.
"""

import re
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text
from sqlmodel import Session

from infra.database import Database

MIGRATIONS: Final = Path(__file__).with_name("migrations")
TABLE: Final = "alembic_version"
_VERSION: Final = text("SELECT version_num FROM alembic_version")
# As Alembic writes them; a test compares what is read here with what Alembic says.
NAMES: Final = re.compile(r"^(revision|down_revision)\b[^=]*= (?:\"([^\"]+)\"|None)$", re.MULTILINE)


async def present_revision(database: Database) -> str | None:
    """The revision the database is at; None if it has none."""
    return await database.read(_present)


def newest_revision() -> str | None:
    """The revision that this version of the program expects: the one that no other builds on."""
    found = [dict(NAMES.findall(file.read_text())) for file in (MIGRATIONS / "versions").glob("*.py")]
    older = {revision["down_revision"] for revision in found}
    return next((revision["revision"] for revision in found if revision["revision"] not in older), None)


def _present(session: Session) -> str | None:
    if not inspect(session.connection()).has_table(TABLE):
        return None
    found: str | None = session.connection().execute(_VERSION).scalar()
    return found
