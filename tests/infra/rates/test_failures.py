"""Failures: counted together over a real Redis, one by one, by this process alone while Redis is silent."""

import asyncio
import subprocess
import sys

import pytest
from limits import RateLimitItemPerMinute
from redis.asyncio import Redis

from infra.rates import Counter, Failures
from infra.rates.counter import REST
from tests.architecture.tree import ROOT
from tests.fixtures.processes import free_port, scrubbed
from tests.infra.rates.test_permits import Moment

TEN = RateLimitItemPerMinute(10, 5)
WHOSE = ("192.0.2.1", "clinic-a")
# Counts so many failures at once, as one of several processes does.
CHILD = """
import asyncio, sys
from limits import RateLimitItemPerMinute
from infra.rates import Counter, Failures

async def main():
    counter = Counter(sys.argv[1])
    failures = Failures(counter, secret=b"s")
    window = RateLimitItemPerMinute(10, 5)
    await asyncio.gather(*(failures.count(window, "192.0.2.1", "clinic-a") for _ in range(int(sys.argv[2]))))
    await counter.close()

asyncio.run(main())
"""


async def in_another_process(redis_url: str, count: int) -> None:
    """Nothing; another process has counted so many failures."""
    arguments = [sys.executable, "-c", CHILD, redis_url, str(count)]
    await asyncio.to_thread(subprocess.run, arguments, check=True, cwd=ROOT, env=scrubbed())


async def test_two_processes_count_together_and_lose_none(redis_url: str) -> None:
    counter = Counter(redis_url)
    failures = Failures(counter, secret=b"s")

    await asyncio.gather(in_another_process(redis_url, 6), *(failures.count(TEN, *WHOSE) for _ in range(3)))
    before = await failures.are_full(TEN, *WHOSE)
    await failures.count(TEN, *WHOSE)

    assert (before, await failures.are_full(TEN, *WHOSE)) == (False, True)
    assert not await failures.are_full(TEN, "192.0.2.1", "clinic-b")
    await counter.close()


async def test_a_twin_that_counts_by_itself_would_let_each_process_guess_anew(redis_url: str) -> None:
    alone = Failures(Counter(""), secret=b"s")

    await in_another_process(redis_url, 10)

    assert not await alone.are_full(TEN, *WHOSE)


async def test_while_redis_is_silent_a_process_knows_its_own_failures(capsys: pytest.CaptureFixture[str]) -> None:
    moment = Moment()
    failures = Failures(Counter(f"redis://127.0.0.1:{free_port()}", now=moment), secret=b"s")

    for _ in range(10):
        await failures.count(TEN, *WHOSE)

    assert await failures.are_full(TEN, *WHOSE)
    assert capsys.readouterr().out.count("limits_counted_by_each_process") == 1
    moment.now += REST
    assert await failures.are_full(TEN, *WHOSE)


async def test_neither_address_nor_name_stands_in_redis(redis_url: str) -> None:
    counter, client = Counter(redis_url), Redis.from_url(redis_url)
    await Failures(counter, secret=b"s").count(TEN, *WHOSE)

    keys = b" ".join([key async for key in client.scan_iter()])

    assert keys and b"192.0.2.1" not in keys and b"clinic-a" not in keys
    await client.aclose()
    await counter.close()
