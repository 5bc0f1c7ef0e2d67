"""Jobs: the row is the truth, on the stand-in as on a real Redis."""

import asyncio
import json
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool
from sqlmodel import Session, select

from infra.clock import FixedClock
from infra.database import Database
from infra.problems import Conflict, DiskFull
from infra.queue import Job, JobQueue, JobState, Outbox, enqueue, redis_pool
from infra.queue.outbox import ATTEMPTS, LEASE

SOON = 20


@pytest.fixture(params=["stand-in", "redis"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[ArqRedis]:
    """A Redis pool: in memory and real."""
    url = "" if request.param == "stand-in" else request.getfixturevalue("redis_url")
    pool = await redis_pool(url)
    await pool.flushall()
    yield pool
    await pool.aclose()


class Recorder:
    """A handler that notes what it was asked to do and lets a test wait for it."""

    def __init__(self, *, failures: int = 0) -> None:
        self.seen: list[tuple[str, str]] = []
        self.failures = failures
        self.enough = asyncio.Event()

    async def __call__(self, ref: str, key: str) -> None:
        self.seen.append((ref, key))
        if len(self.seen) <= self.failures:
            raise ValueError("a secret that must not be kept")
        self.enough.set()


async def jobs(database: Database) -> list[Job]:
    return await database.read(lambda session: list(session.exec(select(Job))))


async def until_done(database: Database) -> list[Job]:
    """The rows, once none of them is waiting or under way."""
    async with asyncio.timeout(SOON):
        while True:
            rows = await jobs(database)
            if all(row.state in (JobState.DONE, JobState.FAILED) for row in rows):
                return rows
            await asyncio.sleep(0.02)


async def working(queue: JobQueue, check: Callable[[], Awaitable[None]]) -> None:
    """Run the queue while the check runs."""
    task = asyncio.create_task(queue.run())
    try:
        await check()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_job_written_with_its_cause_is_done_once(database: Database, pool: ArqRedis) -> None:
    handler = Recorder()
    job_id = await database.write(lambda session: enqueue(session, "mail", ref="appointment-1"))

    async def check() -> None:
        [row] = await until_done(database)
        assert row.state == JobState.DONE

    await working(JobQueue(database, pool, handlers={"mail": handler}), check)
    assert handler.seen == [("appointment-1", job_id)]


async def test_a_job_of_a_refused_unit_does_not_exist(database: Database) -> None:
    def refused(session: Session) -> None:
        enqueue(session, "mail", ref="appointment-1")
        raise Conflict

    with pytest.raises(Conflict):
        await database.write(refused)

    assert await jobs(database) == []


async def test_the_same_key_makes_one_job(database: Database) -> None:
    for _ in range(3):
        await database.write(lambda session: enqueue(session, "mail", ref="a1", key="a1:0:mail"))

    assert len(await jobs(database)) == 1


@pytest.mark.parametrize("ref", ["Anke Musterfrau", "1950.02.03", "möller", "a@b.example", ""])
async def test_a_job_takes_ids_only(database: Database, ref: str) -> None:
    with pytest.raises(ValueError, match="id"):
        await database.write(lambda session: enqueue(session, "mail", ref=ref))


async def test_a_failed_job_is_tried_again_with_the_same_key(database: Database, pool: ArqRedis) -> None:
    handler = Recorder(failures=1)
    await database.write(lambda session: enqueue(session, "mail", ref="a1"))

    async def check() -> None:
        await asyncio.wait_for(handler.enough.wait(), SOON)
        [row] = await until_done(database)
        assert (row.state, row.attempts, row.error) == (JobState.DONE, 2, "")

    await working(JobQueue(database, pool, handlers={"mail": handler}), check)
    assert len(set(handler.seen)) == 1


async def test_a_worker_comes_back_when_the_disk_has_space_again(
    database: Database, pool: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, write, refused = Recorder(), database.write, 0
    await database.write(lambda session: enqueue(session, "mail", ref="a1"))

    async def full_at_first(unit: Callable[[Session], object]) -> object:
        nonlocal refused
        refused += 1
        if refused == 1:
            raise DiskFull
        return await write(unit)

    async def check() -> None:
        await asyncio.wait_for(handler.enough.wait(), SOON)

    monkeypatch.setattr(database, "write", full_at_first)
    await working(JobQueue(database, pool, handlers={"mail": handler}), check)
    assert refused > 1


async def test_many_jobs_are_each_done_once_by_two_workers(database: Database, pool: ArqRedis) -> None:
    handler = Recorder()
    for number in range(40):
        await database.write(lambda session, n=number: enqueue(session, "mail", ref=f"a{n}"))  # type: ignore[misc]

    async def check() -> None:
        await until_done(database)

    async def with_a_second() -> None:
        await working(JobQueue(database, pool, handlers={"mail": handler}), check)

    await working(JobQueue(database, pool, handlers={"mail": handler}), with_a_second)
    assert sorted(ref for ref, _ in handler.seen) == sorted(f"a{number}" for number in range(40))


async def test_jobs_that_redis_lost_are_handed_over_again(database: Database, pool: ArqRedis) -> None:
    handler = Recorder()
    await database.write(lambda session: enqueue(session, "mail", ref="a1"))
    [row] = await jobs(database)
    await pool.enqueue_job("attempt", row.id, _job_id=row.id)
    await pool.flushall()

    async def check() -> None:
        await asyncio.wait_for(handler.enough.wait(), SOON)

    await working(JobQueue(database, pool, handlers={"mail": handler}), check)


async def test_what_lies_in_redis_is_json_of_an_id_alone(pool: ArqRedis) -> None:
    await pool.enqueue_job("attempt", "job-1", _job_id="job-1")

    [held] = [await pool.get(key) for key in await pool.keys("arq:job:*")]

    assert pickled(held) is False
    job = json.loads(held)
    assert (job["f"], job["a"], job["k"]) == ("attempt", ["job-1"], {})


async def test_without_our_serializer_it_would_be_a_pickle(redis_url: str) -> None:
    async with await create_pool(RedisSettings.from_dsn(redis_url)) as bare:
        await bare.enqueue_job("attempt", "job-1", _job_id="job-1")

        assert pickled(await bare.get("arq:job:job-1"))


async def test_a_pickle_in_redis_is_never_loaded(database: Database, pool: ArqRedis, tmp_path: Path) -> None:
    """Whoever can write to Redis must not run code here."""
    handler, mark = Recorder(), tmp_path / "ran"
    await pool.set("arq:job:evil", pickle.dumps(Touching(mark)))
    await pool.zadd("telemed", {"evil": 1})
    await database.write(lambda session: enqueue(session, "mail", ref="a1"))

    async def check() -> None:
        await asyncio.wait_for(handler.enough.wait(), SOON)
        async with asyncio.timeout(SOON):
            while await pool.exists("arq:job:evil"):  # noqa: ASYNC110  # arq has no event for it
                await asyncio.sleep(0.02)

    await working(JobQueue(database, pool, handlers={"mail": handler}), check)
    assert not mark.exists()


class Touching:
    """A job that makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        """What unpickling calls."""
        return Path.touch, (self.file,)


def pickled(held: bytes) -> bool:
    """True if these bytes are a pickle of arq's."""
    return held.startswith(pickle.PROTO)


async def test_a_working_queue_shows_itself_and_a_stopped_one_does_not(database: Database, pool: ArqRedis) -> None:
    queue = JobQueue(database, pool, handlers={})

    async def check() -> None:
        async with asyncio.timeout(SOON):
            while not await queue.alive():  # noqa: ASYNC110  # another task of the queue decides when
                await asyncio.sleep(0.02)

    assert not await queue.alive()
    await working(queue, check)
    assert not await queue.alive()


async def test_a_claim_is_won_once(database: Database) -> None:
    outbox = Outbox()
    job_id = await database.write(lambda session: enqueue(session, "mail", ref="a1"))

    claims = await asyncio.gather(*(database.write(lambda s: outbox.claim(s, job_id)) for _ in range(20)))

    assert sum(claim is not None for claim in claims) == 1


async def test_a_job_whose_worker_died_comes_back_after_its_lease(database: Database) -> None:
    clock = FixedClock(datetime.now(UTC))
    outbox = Outbox(clock)
    job_id = await database.write(lambda session: enqueue(session, "mail", ref="a1"))
    await database.write(lambda session: outbox.claim(session, job_id))

    assert await database.write(outbox.sweep) == 0
    clock.advance(LEASE + timedelta(seconds=1))
    assert await database.write(outbox.sweep) == 1
    assert await database.read(outbox.due) == [job_id]


async def test_a_job_is_given_up_after_its_last_attempt_and_says_so(database: Database) -> None:
    clock = FixedClock(datetime.now(UTC))
    outbox = Outbox(clock)
    job_id = await database.write(lambda session: enqueue(session, "mail", ref="a1"))

    states = []
    for _ in range(ATTEMPTS):
        clock.advance(timedelta(hours=1))
        job = await database.write(lambda session: outbox.claim(session, job_id))
        assert job is not None
        states.append(await database.write(lambda s, j=job: outbox.failed(s, j, error="ValueError")))  # type: ignore[misc]

    assert states == [JobState.PENDING] * (ATTEMPTS - 1) + [JobState.FAILED]
    assert [(row.state, row.error) for row in await jobs(database)] == [(JobState.FAILED, "ValueError")]
