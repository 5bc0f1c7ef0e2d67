"""Old looks are forgotten as was signed, and nobody else can remove one unseen."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from fhir.audit import AUDIT
from fhir.ids import made_at
from fhir.ledger import retention
from fhir.ledger.copies import FORGOTTEN
from fhir.ledger.retention import Forgotten, KeptTooShort, TooYoung, forget
from infra.database import Database
from infra.settings import LEAST_LOG_YEARS
from tests.fhir import record
from tests.fhir.ledger import logs, worlds

LATER = timedelta(days=366 * LEAST_LOG_YEARS, minutes=1)


async def forgot(
    database: Database, folder: Path, *, before: datetime, years: int = LEAST_LOG_YEARS, later: timedelta = LATER
) -> Forgotten:
    """What was forgotten from before a moment, as if that were asked ten years later."""
    vault, now = record.vault(folder), datetime.now(UTC) + later
    told = await database.write(lambda session: forget(session, vault, before=before, years=years, now=now))
    await logs.sequencer(database, folder).remember()  # what a start does: the second place hears of it
    return told


async def grown(database: Database, folder: Path, north: httpx.AsyncClient, south: httpx.AsyncClient) -> datetime:
    """A moment after all that a small record's log tells of by then; two more looks follow it, signed."""
    await worlds.grown(database, folder, north, south)
    moment = made_at(max(row["id"] for row in await logs.every(database, AUDIT))) + timedelta(milliseconds=1)
    while datetime.now(UTC) <= moment + timedelta(milliseconds=2):
        await north.get("/metadata")
    for _ in range(2):
        await north.get("/Patient?family=Later")
    await logs.sequencer(database, folder).catch_up()
    return moment


async def test_looks_go_their_leaves_stay_and_the_log_holds(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    moment = await grown(database, tmp_path, north, south)
    before = await logs.every(database, AUDIT)

    told = await forgot(database, tmp_path, before=moment)
    found = await database.read(lambda session: worlds.verified(session, tmp_path))
    kept = await logs.every(database, AUDIT)

    assert told.rows == len(before) - len(kept) > 0
    assert found.first == [] and f"forgotten: {told.rows} looks" in found.lost[0]
    assert {row["action"] for row in kept if made_at(row["id"]) < moment} <= {"create", "update", "delete", "patch"}
    assert found.events == len(before)


async def test_what_somebody_else_removes_is_still_named(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    moment = await grown(database, tmp_path, north, south)
    await forgot(database, tmp_path, before=moment)

    youngest = await worlds.after(
        database, tmp_path, "DELETE FROM audit_event WHERE id = (SELECT MAX(id) FROM audit_event)"
    )
    spoilt = "UPDATE audit_handover SET note = REPLACE(note, 'rows', 'row')"
    unsigned = await worlds.after(database, tmp_path, spoilt, notes=False)

    assert [text for text in youngest.first if text.startswith("event removed")]
    assert [text for text in unsigned.first if text.startswith("event removed")]


async def test_the_database_refuses_again_afterwards(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await forgot(database, tmp_path, before=await grown(database, tmp_path, north, south))

    with pytest.raises(DBAPIError, match="audit_event is append-only"):
        await database.write(lambda session: session.connection().exec_driver_sql("DELETE FROM audit_event") and None)


async def test_what_the_log_has_to_keep_is_not_forgotten(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    moment = await grown(database, tmp_path, north, south)

    with pytest.raises(TooYoung):
        await forgot(database, tmp_path, before=moment, later=LATER - timedelta(days=2))


@pytest.mark.parametrize("years", [-5, 0, 9])
async def test_ten_years_are_the_least_whatever_is_set(
    database: Database,
    tmp_path: Path,
    north: httpx.AsyncClient,
    south: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    years: int,
) -> None:
    moment = await grown(database, tmp_path, north, south)

    with pytest.raises(KeptTooShort):
        await forgot(database, tmp_path, before=moment, years=years)
    monkeypatch.setattr(retention, "LEAST_LOG_YEARS", -5)

    assert (
        await forgot(database, tmp_path, before=moment, years=years)
    ).rows > 0  # without the floor they would be gone


async def test_the_second_place_knows_what_was_forgotten_and_is_believed(
    database: Database, tmp_path: Path, north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    told = await forgot(database, tmp_path, before=await grown(database, tmp_path, north, south))

    without_note = await worlds.after(database, tmp_path, "DELETE FROM audit_handover")
    (tmp_path / "copies" / FORGOTTEN).unlink()
    without_copy = await worlds.after(database, tmp_path)
    neither = await worlds.after(database, tmp_path, "DELETE FROM audit_handover")

    assert without_note.first == [] and f"forgotten: {told.rows} looks" in without_note.lost[0]
    assert [text for text in without_copy.first if text.startswith("not copied")]
    assert [text for text in neither.first if text.startswith("event removed")]
