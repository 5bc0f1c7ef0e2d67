"""An index that another version made: `/readyz` and the doctor say so until `telemed reindex` has run."""

import json
from pathlib import Path

from sqlalchemy import update

from fhir.reindex import STATE, Progress
from infra import migrate
from infra.database import Session, open_database
from telemed.operators import findings, reindexed
from tests.fhir.record import patient
from tests.telemed.service import demo_settings, running


def aged(session: Session) -> None:
    """Nothing; what was indexed until now was indexed by another version."""
    session.connection().execute(update(STATE).values(form="older"))


async def test_a_reindex_is_told_to_be_due_until_it_is_done(empty_database_url: str, tmp_path: Path) -> None:
    database = open_database(empty_database_url)
    await migrate.upgrade(database)
    settings = demo_settings(tmp_path, empty_database_url)
    async with running(settings) as service:
        clinic = await service.system("a")
        assert (await clinic.post("/fhir/Patient", content=json.dumps(patient()))).status_code == 201
        assert (await service.http.get("/readyz")).json() == {"status": "ready"}

        await database.write(aged)
        told = await service.http.get("/readyz")
        advice = {finding.part: finding.advice for finding in await findings(settings) if not finding.good}
        steps: list[Progress] = []
        done = await reindexed(settings, (), tell=steps.append)

        assert (told.status_code, told.json()) == (200, {"status": "ready", "due": ["reindex"]})
        assert advice["index"].startswith("The index of ") and "Run `telemed reindex`." in advice["index"]
        assert "Patient" in done and Progress("Patient", 1, 1) in steps
        assert (await service.http.get("/readyz")).json() == {"status": "ready"}
    await database.close()
