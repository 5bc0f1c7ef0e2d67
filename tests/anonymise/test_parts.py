"""An extraction in parts: any worker's, resumable, sealed while it waits, gone afterwards."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from anonymise import gathering, parts
from anonymise.definition import cohort_definitions, shipped
from anonymise.extract import Cohort
from anonymise.gathering import Gathering, read_part
from anonymise.models import JOB, ExtractPart, ExtractRun
from anonymise.periods import Period, Quarter
from anonymise.preparing import no_progress
from fhir.reader import Reader
from fhir.store import Store
from infra.clock import FixedClock
from infra.database import Database
from infra.queue import Job
from tests.anonymise.test_pipeline import CLOCK, fill
from tests.fhir import record

PERIOD = Quarter(2026, 3)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return record.store(tmp_path, clock=CLOCK)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few persons make many parts."""
    monkeypatch.setattr(gathering, "PERSONS", 4)


def gathered_by(database: Database, store: Store) -> Gathering:
    return Gathering(database, store.vault, (shipped(),), PERIOD, lambda person: person)


async def cohort(database: Database, store: Store, clock: FixedClock = CLOCK) -> Cohort:
    return await gathered_by(database, store).cohort(clock, no_progress)


async def rows(database: Database, table: type) -> list[object]:
    return await database.read(lambda session: list(session.exec(select(table))))


async def test_parts_together_are_the_whole(database: Database, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(database, store, clinics=3)
    many = await cohort(database, store)
    await gathered_by(database, store).done()
    monkeypatch.setattr(gathering, "PERSONS", 10_000)

    one = await cohort(database, store)

    assert len(await rows(database, ExtractPart)) == 1
    assert many.persons.equals(one.persons) and many.treated == one.treated > 40


async def test_an_attempt_that_died_goes_on_where_it_was_of_the_same_moment(database: Database, store: Store) -> None:
    await fill(database, store, clinics=1)
    gathering_ = gathered_by(database, store)
    reader = Reader(store.vault)
    await database.write(lambda s: parts.begin(s, reader, gathering_.run, now=CLOCK.now(), persons=4) and None)
    await gathering_.part(gathering_.run, 3, no_progress)
    later = FixedClock(CLOCK.now() + timedelta(hours=1))

    found = await cohort(database, store, later)

    assert found.frozen == CLOCK.now()
    assert found.treated == 41


async def test_after_a_day_the_record_is_read_anew(database: Database, store: Store) -> None:
    await fill(database, store, clinics=1)
    await cohort(database, store)
    later = FixedClock(CLOCK.now() + timedelta(days=2))

    found = await cohort(database, store, later)

    assert found.frozen == later.now()


async def test_workers_and_the_command_share_the_parts(database: Database, store: Store) -> None:
    await fill(database, store, clinics=2)
    own = gathered_by(database, store)
    reader = Reader(store.vault)
    await database.write(lambda s: parts.begin(s, reader, own.run, now=CLOCK.now(), persons=4) and None)
    jobs = [job.ref for job in await rows(database, Job) if isinstance(job, Job) and job.kind == JOB]
    extract = partial(read_part, gathering=lambda cohort, period: named(cohort, period, own))

    await asyncio.gather(*map(extract, jobs[::2]), *map(extract, jobs[::3]))
    found = await own.cohort(CLOCK, no_progress)

    assert found.treated == 41
    assert len(jobs) == len(await rows(database, ExtractPart))


def named(cohort: str, period: Period, own: Gathering) -> Gathering:
    assert (cohort, period) == ("kiel", PERIOD)
    return own


async def test_a_job_whose_run_is_over_does_nothing(database: Database, store: Store) -> None:
    own = gathered_by(database, store)

    await own.part(own.run, 0, no_progress)

    assert await rows(database, ExtractPart) == []


async def test_what_waits_shows_nobody_and_is_gone_afterwards(database: Database, store: Store, tmp_path: Path) -> None:
    await fill(database, store, clinics=1)
    own = gathered_by(database, store)
    found = await own.cohort(CLOCK, no_progress)
    waiting = [part for part in await rows(database, ExtractPart) if isinstance(part, ExtractPart)]
    person = str(found.persons["person"][0])

    assert all(part.body and person.encode() not in part.body and b"J00" not in part.body for part in waiting)
    await own.done()
    assert await rows(database, ExtractPart) == await rows(database, ExtractRun) == []


async def test_a_part_moved_to_another_place_does_not_open(database: Database, store: Store) -> None:
    await fill(database, store, clinics=1)
    await cohort(database, store)

    def swap(session: Session) -> None:
        first, second = session.exec(select(ExtractPart).order_by(col(ExtractPart.number)).limit(2)).all()
        first.body, second.body = second.body, first.body

    await database.write(swap)

    with pytest.raises(Exception, match="moved or changed"):
        await database.read(partial(parts.collected, vault=store.vault, id="kiel:2026-Q3"))


def test_every_data_set_of_a_cohort_is_extracted_at_once() -> None:
    assert len({one.cohort.name for one in cohort_definitions()}) == 1
    assert len(cohort_definitions()) == 5
