"""Migrations: a database brought to the newest revision has exactly the tables of the models."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from infra import migrate
from infra.database import open_database
from infra.revision import MIGRATIONS, newest_revision, present_revision
from telemed import schema

PACKAGES = ("infra", "fhir", "video", "anonymise", "telemed")


async def test_the_newest_revision_has_the_tables_of_the_models(empty_database_url: str) -> None:
    database = open_database(empty_database_url)

    await migrate.upgrade(database)

    ours = {table for module in schema.MODULES for table in tables_of(module.__name__)}
    differences = [d for d in await migrate.missing(database) if not is_of_a_test(d)]
    assert await present_revision(database) == newest_revision()
    assert differences == []
    assert ours
    await database.close()


async def test_both_revisions_are_read_without_alembic_as_alembic_reads_them(empty_database_url: str) -> None:
    database = open_database(empty_database_url)
    before = await present_revision(database)

    await migrate.upgrade(database)

    scripts = ScriptDirectory(str(MIGRATIONS))
    current = await database.read(lambda s: MigrationContext.configure(s.connection()).get_current_revision())
    assert before is None
    assert await present_revision(database) == current
    assert newest_revision() == scripts.get_current_head()
    await database.close()


def test_of_several_revisions_the_newest_is_the_one_that_no_other_builds_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "versions").mkdir()
    for older, name in ((None, "c"), ("c", "a"), ("a", "b")):
        down = f'"{older}"' if older else "None"
        text = f'"""Some."""\n\nrevision = "{name}"\ndown_revision: str | None = {down}\n'
        (tmp_path / "versions" / f"{name}.py").write_text(text)
    monkeypatch.setattr("infra.revision.MIGRATIONS", tmp_path)

    assert newest_revision() == "b" == ScriptDirectory(str(tmp_path)).get_current_head()


async def test_migrating_again_changes_nothing(empty_database_url: str) -> None:
    database = open_database(empty_database_url)
    await migrate.upgrade(database)

    await migrate.upgrade(database)

    assert await present_revision(database) == newest_revision()
    await database.close()


def test_no_table_is_missing_from_the_schema() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if module.name.endswith((".models", ".tables")) and not module.name.startswith("fhir.models"):
                importlib.import_module(module.name)

    known = {table for module in schema.MODULES for table in tables_of(module.__name__)}
    assert {table.__name__ for table in tabled() if not table.__module__.startswith("tests.")} == known


def tabled() -> list[type[SQLModel]]:
    return [mapper.class_ for mapper in SQLModel._sa_registry.mappers]


def tables_of(module: str) -> set[str]:
    return {table.__name__ for table in tabled() if table.__module__ == module}


def is_of_a_test(difference: object) -> bool:
    """True for tables that tests in the same process have declared."""
    return "test_" in str(difference)
