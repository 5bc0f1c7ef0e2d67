"""The running service signs its log of accesses by itself."""

from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from fhir.audit import AUDIT
from fhir.ledger.models import LEAF
from infra.database import open_database
from tests.telemed.service import demo_settings, running

PATIENT = '{"resourceType": "Patient", "gender": "female"}'


async def counts(url: str) -> list[int]:
    """How many rows the log has, and how many leaves."""

    def unit(session: Session) -> list[int]:
        asked = (select(func.count()).select_from(table) for table in (AUDIT, LEAF))
        return [int(session.connection().execute(each).scalar_one()) for each in asked]

    database = open_database(url)
    found = await database.read(unit)
    await database.close()
    return found


async def test_what_was_answered_is_signed_and_copied_when_the_service_has_stopped(
    database_url: str, tmp_path: Path
) -> None:
    settings = demo_settings(tmp_path, database_url).model_copy(update={"checkpoints_dir": tmp_path / "copies"})
    (tmp_path / "copies").mkdir()

    async with running(settings) as service, await service.system("north") as http:
        assert (await http.post("/fhir/Patient", content=PATIENT)).status_code == 201

    rows, leaves = await counts(database_url)
    assert rows == leaves > 0
    assert "localhost:8000/audit/north\n" in next((tmp_path / "copies").iterdir()).read_text()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_where_the_queue_is_on_redis_the_service_leaves_signing_to_the_worker(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = demo_settings(tmp_path, database_url).model_copy(update={"redis_url": redis_url})

    async with running(settings) as service, await service.system("north") as http:
        assert (await http.post("/fhir/Patient", content=PATIENT)).status_code == 201
        before = await counts(database_url)
        await service.services.sequencer.catch_up()  # as a worker does every second

    assert before[0] > before[1] == 0
    assert await counts(database_url) == [before[0], before[0]]
