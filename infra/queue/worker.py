"""Running jobs: arq's own Worker on Redis, or on an in-memory stand-in inside `serve`."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import arq.worker
import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.exceptions import RedisError

from infra.database import Database, Session
from infra.problems import Problem, Unavailable
from infra.queue.models import Job, JobState
from infra.queue.outbox import Outbox

log = structlog.get_logger()

Handler = Callable[[str, str], Awaitable[None]]
"""Does a job: takes the id of what it is about and an idempotency key. It may run twice."""

HEARTBEAT: Final = "telemed:worker:heartbeat"
HEARTBEAT_SECONDS: Final = 10
DISPATCH_SECONDS: Final = 0.5
SWEEP_EVERY: Final = 20
JOB_TIMEOUT: Final = 50
RESTART_SECONDS: Final = (0.2, 1.0, 5.0)


async def _no_info(_redis: Any, _log: Any) -> None:
    """Nothing. arq prints server facts at start by INFO, which the stand-in lacks: the worker would die silently."""


class QueueUnreachable(Unavailable):
    """The queue does not answer. Check TELEMED_REDIS_URL (redis://host:port) and that the server there runs."""


async def redis_pool(url: str) -> ArqRedis:
    """A pool on the Redis at `url`, or on a stand-in in memory where there is none. JSON, as arq's default is pickle."""
    how: dict[str, Any] = {"job_serializer": _dump, "job_deserializer": json.loads, "default_queue_name": "telemed"}
    if not url:
        from fakeredis import FakeAsyncRedis  # not where a Redis is there

        stand_in = FakeAsyncRedis()
        return ArqRedis(pool_or_conn=stand_in.connection_pool, **how)
    try:
        return await create_pool(RedisSettings.from_dsn(url), **how)
    except (RedisError, OSError, AssertionError, ValueError) as error:
        raise QueueUnreachable from error


def _dump(job: dict[str, Any]) -> bytes:
    # A failed job's exception could hold anything; its type is enough.
    return json.dumps(job, default=lambda value: type(value).__name__).encode()


class JobQueue:
    """Jobs of one service. `run` works until it is cancelled; `alive` tells whether anybody does."""

    def __init__(self, database: Database, redis: ArqRedis, *, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._redis = redis
        self._handlers = handlers
        self._outbox = Outbox()

    async def run(self) -> None:
        """Nothing, ever: works, and starts again with a pause when the worker, the database or Redis fails."""
        failures = 0
        while True:
            try:
                await self._work()
            except (RedisError, OSError, Problem) as error:
                log.error("worker_failed", error=type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)])
            failures += 1

    async def drain(self) -> int:
        """How many due jobs were handed over; returns when all of them have been tried. For tests and commands."""
        ids = await self._database.read(self._outbox.due)
        for job_id in ids:
            await self._attempt({}, job_id)
        return len(ids)

    async def alive(self) -> bool:
        """True if a worker has shown itself within the last seconds."""
        try:
            return bool(await self._redis.exists(HEARTBEAT))
        except (RedisError, OSError):
            return False

    async def close(self) -> None:
        """Nothing; the connections are closed."""
        await self._redis.aclose()

    async def _work(self) -> None:
        arq.worker.log_redis_info = _no_info  # type: ignore[assignment,attr-defined]  # arq has no setting for it
        worker = Worker(
            [func(cast(WorkerCoroutine, self._attempt), name="attempt", keep_result=0, max_tries=1)],
            queue_name="telemed",
            redis_pool=self._redis,
            handle_signals=False,
            job_timeout=JOB_TIMEOUT,
            keep_result=0,
            poll_delay=0.1,
            log_results=False,
            job_serializer=_dump,
            job_deserializer=json.loads,
        )
        tasks = [asyncio.create_task(worker.async_run()), asyncio.create_task(self._dispatch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            if worker.main_task is not None:
                worker.main_task.cancel()
            await asyncio.gather(*tasks, *worker.tasks.values(), return_exceptions=True)
            # A task of its own: before Python 3.11.3 a timeout inside a cancelled task (redis uses them) cancels it again.
            await asyncio.create_task(self._stopped())

    async def _stopped(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._redis.delete(HEARTBEAT)

    async def _dispatch(self) -> None:
        turn = 0
        while True:
            if turn % SWEEP_EVERY == 0:
                await self._database.write(self._outbox.sweep)
            for job_id in await self._database.read(self._outbox.due):
                await self._redis.enqueue_job("attempt", job_id, _job_id=job_id)
            await self._redis.set(HEARTBEAT, "1", ex=HEARTBEAT_SECONDS)
            turn += 1
            await asyncio.sleep(DISPATCH_SECONDS)

    async def _attempt(self, _context: dict[Any, Any], job_id: str) -> None:
        job = await self._database.write(lambda session: self._outbox.claim(session, job_id))
        if job is None:
            return
        try:
            await self._handlers[job.kind](job.ref, job.id)
        except Exception as error:  # the edge of a job: whatever it raised, the row keeps its kind
            kind = type(error).__name__
            await self._database.write(lambda session: self._note(session, job, error=kind))
        else:
            await self._database.write(lambda session: self._outbox.done(session, job_id))

    def _note(self, session: Session, job: Job, *, error: str) -> None:
        state = self._outbox.failed(session, job, error=error)
        event = "job_given_up" if state is JobState.FAILED else "job_failed"
        log.error(event, kind=job.kind, job=job.id, attempt=job.attempts, error=error)
