"""Whatever somebody does who may write to the database, verifying names it; and without its parts it would not."""

import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from fhir.ledger import heads
from infra.database import Database, SqliteDatabase, open_database
from tests.fhir import record
from tests.fhir.ledger import logs, worlds

NORTH = "tenant = 'north'"
LAST = f"(SELECT MAX(place) FROM audit_leaf WHERE {NORTH})"
EVENT = f"(SELECT event FROM audit_leaf WHERE {NORTH} AND place = {{}})"
OLD = "1000 AS id"
COLUMNS = (
    "recorded, tenant, compartment, action, type, resource_id, version, agent, agent_tenant, role, purpose, outcome, "
    "request_id, data_key, detail"
)
ROLLED_BACK = (
    (
        "UPDATE resource SET version = 2, last_updated = h.last_updated, body = h.body, data_key = h.data_key "
        "FROM resource_history h WHERE h.rid = resource.rid AND h.version = 2 AND resource.version = 3"
    ),
    "DELETE FROM resource_history WHERE version = 2",
)
# The state before the last checkpoint, as if yesterday's file were put back.
YESTERDAY = (
    f"DELETE FROM audit_event WHERE id IN (SELECT event FROM audit_leaf WHERE {NORTH} AND place >= 5)",
    f"DELETE FROM audit_leaf WHERE {NORTH} AND place >= 5",
    f"DELETE FROM audit_checkpoint WHERE {NORTH} AND size > 5",
    "DELETE FROM resource WHERE id NOT IN (SELECT resource_id FROM audit_event WHERE resource_id IS NOT NULL)",
    "DELETE FROM resource_history WHERE rid NOT IN (SELECT rid FROM resource)",
)
HARMS: dict[str, tuple[str, ...]] = {
    "event changed: log-": (f"UPDATE audit_event SET agent = 'somebody' WHERE id = {EVENT.format(2)}",),
    "event removed: log-": (f"DELETE FROM audit_event WHERE id = {EVENT.format(2)}",),
    "leaf removed: number 2 of north": (
        f"DELETE FROM audit_event WHERE id = {EVENT.format(2)}",
        f"DELETE FROM audit_leaf WHERE {NORTH} AND place = 2",
    ),
    "shortened: north has 5 events, 9 are signed in the second place": YESTERDAY,
    "shortened: north has 8 events, 9 are signed in the database and the second place": (
        f"DELETE FROM audit_event WHERE id = {EVENT.format(8)}",
        f"DELETE FROM audit_leaf WHERE {NORTH} AND place = 8",
    ),
    "not in the log: log-": (f"INSERT INTO audit_event SELECT {OLD}, {COLUMNS} FROM audit_event LIMIT 1",),
    "not signed: north has 10 events": (
        f"INSERT INTO audit_event SELECT {OLD}, {COLUMNS} FROM audit_event WHERE {NORTH} LIMIT 1",
        f"INSERT INTO audit_leaf SELECT 'north', 9, 1000, hash FROM audit_leaf WHERE {NORTH} AND place = 0",
    ),
    "history rewritten: the first 5 events of north are not those that were signed in the database": (
        f"UPDATE audit_leaf SET event = -event WHERE {NORTH} AND place IN (3, 4)",
        f"UPDATE audit_leaf SET place = 90 - place, event = -event WHERE {NORTH} AND place IN (3, 4)",
        f"UPDATE audit_leaf SET place = place - 83 WHERE {NORTH} AND place IN (86, 87)",
    ),
    "not ours: the checkpoint of north with 9 events": (
        f"UPDATE audit_checkpoint SET note = REPLACE(note, 'north', 'norths') WHERE {NORTH} AND size = 9",
    ),
    "not signed: north has 9 events": (f"DELETE FROM audit_checkpoint WHERE {NORTH} AND size = 9",),
    "peaks changed: checkpoint of north with 9 events": (
        (f"UPDATE audit_checkpoint SET peaks = (SELECT hash FROM audit_leaf WHERE {NORTH} AND place = 0)"
        f" WHERE {NORTH} AND size = 9"),
    ),
    "node changed: height 8, number 0 of north": (
        f"INSERT INTO audit_node SELECT 'north', 8, 0, hash FROM audit_leaf WHERE {NORTH} AND place = 0",
    ),
    "shortened: south has 0 events, 1 are signed in the second place": (
        "DELETE FROM audit_event WHERE tenant = 'south'",
        "DELETE FROM audit_leaf WHERE tenant = 'south'",
        "DELETE FROM audit_checkpoint WHERE tenant = 'south'",
    ),
    "rolled back: Patient/": ROLLED_BACK,
    "removed: ": ("DELETE FROM resource WHERE version = 3",),
    "beside the log: Patient/": ("UPDATE resource SET version = 4 WHERE version = 3",),
    "history: Patient/": ("DELETE FROM resource_history WHERE version = 1",),
}  # fmt: skip


async def test_an_untouched_log_has_no_difference(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await worlds.grown(database, tmp_path, north, south)
    await north.get("/Patient?family=Waiting")

    report = await database.read(lambda session: worlds.verified(session, tmp_path))

    assert report.first == [] and report.differences == 0
    assert (report.logs, report.events, report.checkpoints, report.copies) == (2, 10, 5, 5)
    assert (report.resources, report.waiting) == (4, 1)


async def test_lines_about_whom_a_search_found_are_leaves_as_any_other(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await worlds.grown(database, tmp_path, north, south)
    await record.created(north, record.patient(name=[{"family": "Musterhorn"}]))
    await north.get("/Patient?family=Muster")
    await logs.sequencer(database, tmp_path).catch_up()

    report = await database.read(lambda session: worlds.verified(session, tmp_path))

    assert (report.first, report.waiting, report.events) == ([], 0, 10 + 1 + 3)


async def test_every_harm_is_named(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await worlds.grown(database, tmp_path, north, south)

    for named, harm in HARMS.items():
        report = await worlds.after(database, tmp_path, *harm)
        assert [text for text in report.first if text.startswith(named)], (named, report.first)
    assert (await worlds.after(database, tmp_path)).first == []


async def test_without_the_comparison_of_heads_a_row_that_was_rolled_back_is_not_seen(
    database: Database,
    tmp_path: Path,
    north: httpx.AsyncClient,
    south: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await worlds.grown(database, tmp_path, north, south)
    seen = await worlds.after(database, tmp_path, *ROLLED_BACK)

    monkeypatch.setattr(heads, "differences", lambda _session, **_: iter(()))
    unseen = await worlds.after(database, tmp_path, *ROLLED_BACK)

    assert seen.first == [f"rolled back: Patient/{id} is in version 2, the log has written 3"]
    assert unseen.differences == 0


async def test_without_the_second_place_yesterdays_database_is_not_seen(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await worlds.grown(database, tmp_path, north, south)

    seen = await worlds.after(database, tmp_path, *YESTERDAY)
    unseen = await worlds.after(database, tmp_path, *YESTERDAY, notes=False)

    assert seen.first == ["shortened: north has 5 events, 9 are signed in the second place"]
    assert unseen.first == []


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_an_old_file_that_grew_on_is_another_history(
    database: SqliteDatabase, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await worlds.grown(database, tmp_path, north, south)
    await database.close()
    shutil.copy(database.path, tmp_path / "old.sqlite3")
    for name, count in ((database.path.name, 3), ("old.sqlite3", 4)):
        opened = open_database(f"sqlite:///{tmp_path / name}")
        await logs.reads(opened, count)
        await logs.sequencer(opened, tmp_path, copies=name != "old.sqlite3").catch_up()
        if name == "old.sqlite3":
            report = await opened.read(lambda session: worlds.verified(session, tmp_path))
        await opened.close()

    assert "signed in the second place" in report.first[0]


async def test_a_note_that_others_put_into_the_second_place_is_named(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await worlds.grown(database, tmp_path, north, south)
    file = next((tmp_path / "copies").iterdir())
    file.write_text(file.read_text().replace("\n9\n", "\n8\n"))

    report = await database.read(lambda session: worlds.verified(session, tmp_path))

    assert report.first == ["not ours: a checkpoint in the second place, number 4"]


async def test_checkpoints_that_are_gone_from_the_second_place_are_named(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await worlds.grown(database, tmp_path, north, south)
    file = next((tmp_path / "copies").iterdir())
    file.write_text(file.read_text().replace(await logs.newest(database) + "\n", ""))

    read = [partial(worlds.verified, folder=tmp_path, later=later) for later in (timedelta(0), timedelta(hours=1))]
    found = [await database.read(unit) for unit in read]

    assert [report.first for report in found] == [
        [],  # it may be on its way
        ["not copied: the second place knows 5 events of north, 9 are signed here"],
    ]


async def test_only_the_first_differences_are_told_and_all_are_counted(database: Database, tmp_path: Path) -> None:
    await logs.reads(database, 40)
    await logs.sequencer(database, tmp_path).catch_up()

    report = await worlds.after(database, tmp_path, "UPDATE audit_event SET purpose = 'FUN'")

    assert (report.differences, len(report.first)) == (40, 20)
    assert record.caller().subject not in " ".join(report.first)
