"""The sequencer: each row becomes a leaf once, whoever commits when, and what it signs is what is there."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fhir.ids import first_after, made_at
from fhir.ledger.keys import signing_keys
from fhir.ledger.models import CHECKPOINT, KEY, LEAF, NODE
from fhir.ledger.sequencer import USUAL
from infra.checkpoints import Checkpoint, opened
from infra.database import Database
from tests.fhir import record
from tests.fhir.ledger import logs
from tests.fixtures.trees import root_of


async def said(database: Database, folder: Path, tenant: str = "north") -> Checkpoint:
    """What the newest checkpoint says, its signature verified."""
    vault = record.vault(folder)
    keys = await database.read(lambda session: signing_keys(session, vault))
    return opened(await logs.newest(database, tenant), [key.public for key in keys])


async def test_every_row_becomes_a_leaf_of_its_tenants_log(database: Database, tmp_path: Path) -> None:
    north = await logs.reads(database, 5)
    south = await logs.reads(database, 3, tenant="south")

    done = await logs.sequencer(database, tmp_path).catch_up()

    assert done == 8
    assert await logs.events(database) == [row["id"] for row in north]
    assert await logs.events(database, "south") == [row["id"] for row in south]
    for tenant, size in (("north", 5), ("south", 3)):
        root = await logs.root(database, tenant)
        assert await said(database, tmp_path, tenant) == (f"telemed.example/audit/{tenant}", size, root)


async def test_a_log_grows_on_by_what_is_new_alone(database: Database, tmp_path: Path) -> None:
    first = await logs.reads(database, 3)
    await logs.sequencer(database, tmp_path).catch_up()
    second = await logs.reads(database, 4)

    done = [await each.catch_up() for each in [logs.sequencer(database, tmp_path)] * 2]

    assert done == [4, 0]
    assert await logs.events(database) == [row["id"] for row in first + second]
    assert [each["size"] for each in await logs.every(database, CHECKPOINT)] == [3, 7]
    assert (await said(database, tmp_path)).root == await logs.root(database)


async def test_a_row_that_is_committed_later_than_a_younger_one_is_not_lost(database: Database, tmp_path: Path) -> None:
    older, younger = logs.read_of("p-1"), logs.read_of("p-2")
    sequencer = logs.sequencer(database, tmp_path)
    await logs.write(database, [younger])
    await sequencer.catch_up()
    await logs.write(database, [older])

    after_the_last = await sequencer.catch_up(since=younger["id"])
    within_the_usual_time = await sequencer.catch_up(since=first_after(made_at(younger["id"]) - USUAL))

    assert (after_the_last, within_the_usual_time) == (0, 1)
    assert await logs.events(database) == [younger["id"], older["id"]]


async def test_of_several_sequencers_one_makes_a_leaf_of_a_row(database: Database, tmp_path: Path) -> None:
    made = await logs.reads(database, 40)
    several = [logs.sequencer(database, tmp_path) for _ in range(4)]

    done = await asyncio.gather(*(each.catch_up() for each in several))
    done.append(await several[0].catch_up())

    assert sum(done) == 40
    assert await logs.events(database) == [row["id"] for row in made]
    assert len(await logs.every(database, KEY)) == 1


async def test_every_256_leaves_the_root_over_them_is_kept(database: Database, tmp_path: Path) -> None:
    await logs.reads(database, 600)

    await logs.sequencer(database, tmp_path).catch_up()

    hashed = [leaf["hash"] for leaf in await logs.every(database, LEAF)]
    nodes = [(node["height"], node["place"], node["hash"]) for node in await logs.every(database, NODE)]
    assert nodes == [(8, 0, root_of(hashed[:256])), (8, 1, root_of(hashed[256:512]))]


@pytest.mark.parametrize("harm", ["note = 'x'", "peaks = zeroed", "size = 2"])
async def test_nothing_is_signed_on_top_of_a_checkpoint_that_is_not_ours(
    database: Database, database_kind: str, tmp_path: Path, harm: str
) -> None:
    await logs.reads(database, 1)
    await logs.sequencer(database, tmp_path).catch_up()
    zeroed = "zeroblob(32)" if database_kind == "sqlite" else f"'\\x{'00' * 32}'"
    await logs.run(database, f"UPDATE audit_checkpoint SET {harm.replace('zeroed', zeroed)}")
    await logs.reads(database, 2)
    south = await logs.reads(database, 2, tenant="south")

    with capture_logs() as lines:
        await logs.sequencer(database, tmp_path).catch_up()

    assert [line["tenant"] for line in lines if line["event"] == "audit_log_broken"] == ["north"]
    assert len(await logs.events(database)) == 1
    assert await logs.events(database, "south") == [row["id"] for row in south]


async def test_a_log_that_is_shorter_than_it_was_does_not_grow(database: Database, tmp_path: Path) -> None:
    sequencer = logs.sequencer(database, tmp_path)
    for _ in range(2):
        await logs.reads(database, 1)
        await sequencer.catch_up()
    await logs.run(database, "DELETE FROM audit_leaf WHERE place = 1", "DELETE FROM audit_checkpoint WHERE size = 2")

    with capture_logs() as lines:
        assert await sequencer.catch_up() == 0

    assert "audit_log_broken" in {line["event"] for line in lines}
    assert len(await logs.events(database)) == 1


async def test_the_time_without_a_signature_is_told(database: Database, tmp_path: Path) -> None:
    await logs.reads(database, 3)

    with capture_logs() as lines:
        await logs.sequencer(database, tmp_path).catch_up()

    told = next(line for line in lines if line["event"] == "audit_sequenced")
    assert told["count"] == 3 and 0 <= told["seconds"] < 60


async def test_more_than_is_taken_at_once_is_taken_all_the_same(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir.ledger.sequencer.AT_ONCE", 3)
    made = await logs.reads(database, 8)

    assert await logs.sequencer(database, tmp_path).catch_up() == 8
    assert await logs.events(database) == [row["id"] for row in made]
