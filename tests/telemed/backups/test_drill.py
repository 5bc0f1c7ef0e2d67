"""The restore drill: a backup of yesterday comes back; who was erased since stays erased, everybody else is whole."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import col, select
from structlog.testing import capture_logs

from fhir.audit import DONE
from fhir.compartments import pseudonym
from fhir.tables import AuditRow
from infra import migrate
from infra.backup import postgres_dump, sqlite_file
from infra.backup.problems import (
    CannotWrite,
    FileTaken,
    NoSuchBackup,
    OtherDatabase,
    ServiceRuns,
    ToolsMissing,
)
from infra.database import open_database
from infra.settings import Settings
from infra.vault import FileKeyProvider, KeysUnusable
from telemed.backups import service as backups
from telemed.backups.checks import RecordNotWhole
from telemed.backups.service import NoList, NotEmpty, back_up, restore
from telemed.keys import erasing
from telemed.keys.erasing import erase
from telemed.keys.replay import REPLAY
from telemed.ledger.service import verified
from telemed.services import Services
from tests.telemed.keys.patients import found, left, order, registered, status
from tests.telemed.service import demo_settings, running

PEOPLE = ("Adler", "Bach", "Clausen")


@pytest.fixture
async def settings(empty_database_url: str, tmp_path: Path) -> Settings:
    """A demo whose tables are made."""
    database = open_database(empty_database_url)
    await migrate.upgrade(database)
    await database.close()
    return demo_settings(tmp_path / "data", empty_database_url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a backup will be."""
    return tmp_path / "yesterday.backup"


async def backed_up(settings: Settings, file: Path) -> list[str]:
    """The ids of three patients, of whom the second one was erased after the backup."""
    async with running(settings) as service:
        http = await service.system("a")
        ids = [await registered(http, family) for family in PEOPLE]
        await back_up(settings, file)
        await erase(service.services.eraser, order(ids[1]))
        await registered(http, "Later")
    return ids


async def last_told(services: Services, patient_id: str) -> tuple[str, str]:
    """What the log tells last of a patient, and who did it: the log that told of the erasure is not there any more."""
    about = col(AuditRow.compartment) == pseudonym(services.vault, patient_id)
    done = select(AuditRow.action, AuditRow.agent).where(about, AuditRow.outcome == DONE)
    found = await services.database.read(lambda session: session.exec(done.order_by(col(AuditRow.id).desc())).first())
    assert found is not None
    return found


async def require_drill_passed(settings: Settings, ids: list[str]) -> None:
    """Nothing; the second patient can't be read, the others are whole, a search finds them, the log verifies."""
    async with running(settings) as service:
        http = await service.system("a")
        assert [await status(http, id) for id in ids] == [200, 404, 200]
        assert [await found(http, family) for family in (*PEOPLE, "Later")] == [[ids[0]], [], [ids[2]], []]
        assert await left(service.services.database, service.services.vault, ids[1]) == {}
        assert await last_told(service.services, ids[1]) == ("delete", REPLAY)
        await service.services.sequencer.catch_up()
    assert (await verified(settings, tell=lambda _done, _all: None)).first == []


async def test_a_restored_backup_brings_back_everybody_but_who_was_erased(settings: Settings, file: Path) -> None:
    ids = await backed_up(settings, file)

    restored = await restore(settings, file, over=True)

    assert (restored.whole.patients, restored.erased_again) == (2, 1)
    assert is_ours_alone(file)
    await require_drill_passed(settings, ids)


async def test_a_backup_that_others_put_back_is_freed_of_who_was_erased_before_it_is_served(
    settings: Settings, file: Path
) -> None:
    ids = await backed_up(settings, file)

    await put_back_by_hand(settings, file)

    with capture_logs() as lines:
        await require_drill_passed(settings, ids)
    assert [line["count"] for line in lines if line["event"] == "destroyed_keys_replayed"] == [1]


async def test_without_the_list_who_was_erased_would_come_back(settings: Settings, file: Path) -> None:
    ids = await backed_up(settings, file)
    await put_back_by_hand(settings, file)

    settings.destroyed_keys.unlink()

    async with running(settings) as service:
        assert await status(await service.system("a"), ids[1]) == 200


async def test_without_the_list_nothing_is_restored_unless_somebody_says_so(settings: Settings, file: Path) -> None:
    ids = await backed_up(settings, file)
    await put_back_by_hand(settings, file)  # so that no database knows of the erasure either
    settings.destroyed_keys.unlink()

    with pytest.raises(NoList, match="--without-list"):
        await restore(settings, file, over=True)
    restored = await restore(settings, file, over=True, without_list=True)

    assert (restored.whole.patients, restored.erased_again) == (3, 0)
    async with running(settings) as service:
        assert await status(await service.system("a"), ids[1]) == 200


async def test_a_list_that_is_gone_is_made_anew_of_what_the_database_knows_before_that_is_lost(
    settings: Settings, file: Path
) -> None:
    ids = await backed_up(settings, file)
    settings.destroyed_keys.unlink()

    await restore(settings, file, over=True)

    await require_drill_passed(settings, ids)


async def put_back_by_hand(settings: Settings, file: Path) -> None:
    """Nothing; the database is the backup's, by other means than our command."""
    if settings.database.startswith("sqlite"):
        path = Path(settings.database.removeprefix("sqlite:///"))
        sqlite_file.require_alone(path)
        shutil.copyfile(file, path)
        return
    database = open_database(settings.database)
    server = await database.read(postgres_dump.server_version)
    await database.write(postgres_dump.drop_tables)
    await database.close()
    postgres_dump.put_back(settings.database, file, server=server)


async def test_what_a_killed_erasure_did_not_write_into_the_list_is_written_before_its_database_is_lost(
    settings: Settings, file: Path
) -> None:
    async with running(settings) as service:
        http, eraser = await service.system("a"), service.services.eraser
        ids = [await registered(http, family) for family in PEOPLE]
        await back_up(settings, file)
        unit = partial(erasing._destroyed, eraser=eraser, order=order(ids[1]))
        await eraser.database.write(unit)
        assert eraser.listed.lines() == []

    await restore(settings, file, over=True)

    await require_drill_passed(settings, ids)


async def test_a_record_is_not_lost_unless_somebody_says_so(settings: Settings, file: Path) -> None:
    ids = await backed_up(settings, file)

    with pytest.raises(NotEmpty, match="--replace"):
        await restore(settings, file, over=False)

    async with running(settings) as service:
        assert await status(await service.system("a"), ids[0]) == 200


async def test_a_restore_into_a_database_in_use_is_refused(settings: Settings, file: Path) -> None:
    await backed_up(settings, file)

    async with running(settings) as service:
        with pytest.raises(ServiceRuns, match="Stop the service"):
            await restore(settings, file, over=True)
        assert len(await found(await service.system("a"), "Later")) == 1


def is_ours_alone(file: Path) -> bool:
    """True if nobody else can read the file."""
    return file.stat().st_mode & 0o077 == 0


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def letter(file: Path) -> Path:
    """A file that is no backup."""
    file.write_bytes(b"a letter")
    return file


async def test_a_backup_is_never_written_over_and_other_files_are_none(settings: Settings, letter: Path) -> None:
    FileKeyProvider(settings.keys)
    before = files(letter.parent).keys()

    with pytest.raises(FileTaken):
        await back_up(settings, letter)
    with pytest.raises(OtherDatabase):
        await restore(settings, letter, over=True)
    with pytest.raises(NoSuchBackup):
        await restore(settings, letter.with_name("none"), over=True)
    assert files(letter.parent)[letter.name] == b"a letter" and files(letter.parent).keys() == before


async def test_a_backup_of_other_keys_does_not_pass_for_whole(
    settings: Settings, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backed_up(settings, file)
    elsewhere = settings.model_copy(update={"key_file": tmp_path / "other" / "keys.json"})
    FileKeyProvider(elsewhere.keys)

    with pytest.raises(KeysUnusable, match="do not open what is stored"):
        await restore(elsewhere, file, over=True, without_list=True)
    monkeypatch.setattr(backups, "require_all_fitting", lambda session, vault: None)
    with pytest.raises(RecordNotWhole, match="3 of 3 patients"):
        await restore(elsewhere, file, over=True, without_list=True)


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_without_postgresqls_programs_a_backup_says_what_to_install(
    settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_dump, "_candidates", lambda name: iter(()))

    with pytest.raises(ToolsMissing, match=r"pg_dump of PostgreSQL \d+ or newer"):
        await back_up(settings, file)
    assert file.name not in files(file.parent)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_backup_comes_up_on_a_new_machine_with_the_keys(settings: Settings, file: Path, tmp_path: Path) -> None:
    ids = await backed_up(settings, file)
    shutil.copytree(settings.keys.parent, tmp_path / "new", ignore=shutil.ignore_patterns("*.sqlite3*"))
    moved = settings.model_copy(update={"data_dir": tmp_path / "new", "database_url": ""})

    restored = await restore(moved, file, over=False)

    assert (restored.whole.patients, restored.erased_again) == (2, 1)
    await require_drill_passed(moved, ids)


async def test_a_backup_that_is_damaged_or_can_be_written_nowhere_changes_nothing(
    settings: Settings, file: Path
) -> None:
    ids = await backed_up(settings, file)
    damage(file)

    with pytest.raises(OtherDatabase):
        await restore(settings, file, over=True)
    with pytest.raises(CannotWrite):
        await back_up(settings, file.parent / "none" / "file")
    async with running(settings) as service:
        assert await status(await service.system("a"), ids[0]) == 200


def damage(file: Path) -> None:
    """Nothing; most of the backup is gone."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 3])


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_keys_are_not_in_a_backup(settings: Settings, file: Path) -> None:
    await backed_up(settings, file)

    secrets = [part for part in files(settings.data_dir)["keys.json"].split(b'"') if len(part) == 44]

    assert len(secrets) == 2
    assert not any(secret in files(file.parent)[file.name] for secret in secrets)
