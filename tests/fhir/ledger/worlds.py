"""A small record of two clinics with its log, signed several times, and what verifying finds after it was harmed."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import text
from sqlmodel import Session

from fhir.ledger.copies import Copies
from fhir.ledger.verify import Report, verify
from infra.database import Database
from tests.fhir import record
from tests.fhir.ledger import logs


async def grown(database: Database, folder: Path, north: httpx.AsyncClient, south: httpx.AsyncClient) -> str:
    """The id of a patient in version 3, after four checkpoints of one clinic and one of another."""
    sequencer = logs.sequencer(database, folder)
    id = await record.created(north, record.patient())
    for _ in range(2):
        await sequencer.catch_up()
        await north.put(f"/Patient/{id}", content=json.dumps(record.patient(id=id, gender="other")))
        await north.get(f"/Patient/{id}")
    await sequencer.catch_up()
    await record.created(north, record.observation(id))
    await north.get("/Patient?family=Nobody")
    gone = await record.created(north, record.patient())
    await north.delete(f"/Patient/{gone}")
    await record.created(south, record.patient())
    await sequencer.catch_up()
    return id


def verified(session: Session, folder: Path, *, notes: bool = True, later: timedelta = timedelta(0)) -> Report:
    """What verifying finds in this session, with or without the checkpoints of the second place, now or later."""
    place = Copies(folder / "copies")
    there, handed, kept = (place.notes(), place.handovers(), place.forgotten()) if notes else (None, None, None)
    now, vault = datetime.now(UTC) + later, record.vault(folder)
    return verify(session, vault, notes=there, handovers=handed, retained=kept, now=now, tell=lambda _done, _all: None)


class Restored(Exception):  # noqa: N818  # takes the harm back
    pass


async def after(database: Database, folder: Path, *harms: str, notes: bool = True) -> Report:
    """What is found after somebody who may write to the database did this; the database is then as it was."""
    found: list[Report] = []

    def unit(session: Session) -> None:
        logs.drop_triggers(session)
        for harm in harms:
            session.connection().execute(text(harm))
        found.append(verified(session, folder, notes=notes))
        raise Restored

    with suppress(Restored):
        await database.write(unit)
    return found[-1]
