"""One row per person from the sealed record: processor time of all of it, and of opening alone."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from sqlmodel import Session

from anonymise.definition import cohort_definitions
from anonymise.extract import Part, extracted
from anonymise.parts import PERSONS
from anonymise.periods import Quarter
from anonymise.wanted import wanted_for
from fhir import bulk
from fhir.bulk import Item
from fhir.ids import new_id
from fhir.reader import Reader
from fhir.store import Store
from infra.database import open_database
from tests.anonymise.test_pipeline import consent, encounter, patient
from tests.bench.bars import EXTRACTED
from tests.bench.figures import Figure
from tests.bench.furnish import make_tables
from tests.fhir import record

PEOPLE, VISITS, ROUNDS = 4000, 8, 5
QUARTER = Quarter(2026, 3)


async def run(folder: Path) -> list[Figure]:
    """Resources a second and core from sealed bytes to rows of persons, keys unwrapped anew each time."""
    url = f"sqlite:///{folder / 'extraction.db'}"
    await make_tables(url)
    database, store = open_database(url), record.store(folder)
    try:
        for batch in _people():
            await database.write(partial(_load, store, batch))
        speeds = await database.read(partial(_speeds, store))
    finally:
        await database.close()
    speed = median(speeds)
    what = "extraction from the sealed record, resources a second and core"
    return [Figure(what, speed, "/s", bar=f"{EXTRACTED:,.0f} or more", met=speed >= EXTRACTED)]


def _people() -> Iterator[list[Item]]:
    for start in range(0, PEOPLE, 200):
        items: list[Item] = []
        for number in range(start, start + 200):
            id = new_id()
            items += [patient(id, number), consent(id)]
            items += [encounter(id, "J06.9", day=day) for day in range(1, VISITS + 1)]
        yield items


def _load(store: Store, items: list[Item], session: Session) -> None:
    bulk.load(store, session, record.caller("clinic-0"), items)


def _count(read: list[int], step: str, count: int) -> None:
    read.append(count)


def _speeds(store: Store, session: Session) -> list[float]:
    reader, at = Reader(store.vault), datetime.now(UTC) + timedelta(seconds=1)
    wanted = wanted_for(cohort_definitions(), QUARTER, frozen=at, clinics={})
    spans, found = reader.spans(session, at_most=PERSONS), []
    for _ in range(ROUNDS):
        store.vault.forget()
        read: list[int] = []
        began = time.process_time()
        parts: list[Part] = []
        for span in spans:
            rows = reader.rows(session, wanted.types, of=span, at=at)
            parts.append(extracted(rows, wanted, pseudonym=str, progress=partial(_count, read)))
        found.append(sum(read) / (time.process_time() - began))
        assert sum(part.persons.height for part in parts) == PEOPLE
    return found
