"""Permits: how much passes, alone and together with other processes over a real Redis."""

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import redis
from redis.asyncio import Redis

from infra import log
from infra.rates import Counter, Permits, rate, recent
from infra.rates import permits as module
from infra.rates.counter import REST
from infra.rates.permits import TooManyRequests
from tests.architecture.tree import ROOT
from tests.fixtures.processes import free_port, scrubbed

KEY = ("system", "client-1")


@dataclass
class Moment:
    """A clock that stands until it is moved; seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


async def passing(permits: Permits, asked: int, text: str, key: tuple[str, str] = KEY) -> int:
    """How many of so many requests pass, one after the other."""
    passed = 0
    for _ in range(asked):
        try:
            await permits.take(key, rate(text))
        except TooManyRequests:
            continue
        passed += 1
    return passed


@pytest.fixture(params=["memory", "redis"])
async def counter(request: pytest.FixtureRequest) -> AsyncIterator[Counter]:
    """A counter in memory and one in a real Redis."""
    made = Counter("" if request.param == "memory" else request.getfixturevalue("redis_url"))
    yield made
    await made.close()


async def test_exactly_a_burst_of_the_rate_passes(counter: Counter) -> None:
    permits = Permits(counter, secret=b"s")

    assert await passing(permits, 1_200, "1000/minute") == 1_000


async def test_requests_at_the_same_time_share_blocks_and_all_of_the_rate_passes(counter: Counter) -> None:
    permits = Permits(counter, secret=b"s")

    passed = await asyncio.gather(*(passing(permits, 1, "1000/minute") for _ in range(1_200)))

    assert sum(passed) == 1_000


async def test_one_client_does_not_use_up_what_is_anothers(counter: Counter) -> None:
    permits = Permits(counter, secret=b"s")

    assert await passing(permits, 30, "20/minute") == 20
    assert await passing(permits, 30, "20/minute", ("system", "client-2")) == 20
    assert await passing(permits, 30, "20/minute", ("person", "client-1")) == 20


async def test_every_window_of_a_rate_must_have_room(counter: Counter) -> None:
    assert await passing(Permits(counter, secret=b"s"), 30, "20/second;5/hour") == 5


async def test_who_is_refused_is_told_when_to_come_back_and_then_passes() -> None:
    clock = Moment()
    permits = Permits(Counter("", now=clock), secret=b"s", now=clock)
    await passing(permits, 10, "10/minute")

    with pytest.raises(TooManyRequests) as refused:
        await permits.take(KEY, rate("10/minute"))

    assert refused.value.headers == {"Retry-After": "5"}
    clock.now += 60
    assert await passing(permits, 20, "10/minute") == 10


async def test_the_window_moves_so_no_edge_lets_twice_the_rate_pass() -> None:
    clock = Moment()
    permits = Permits(Counter("", now=clock), secret=b"s", now=clock)
    assert await passing(permits, 6, "10/minute") == 6
    clock.now += 50
    assert await passing(permits, 10, "10/minute") == 4
    clock.now += 15

    assert await passing(permits, 20, "10/minute") == 6


async def test_a_refused_client_is_answered_without_asking_anybody_again() -> None:
    permits = Permits(Counter(""), secret=b"s")
    await passing(permits, 20, "10/minute")

    permits._counter = None  # type: ignore[assignment]  # whoever asked it now would fail

    assert await passing(permits, 100, "10/minute") == 0


async def test_permits_that_lie_too_long_are_given_up() -> None:
    clock = Moment()
    permits = Permits(Counter("", now=clock), secret=b"s", now=clock)
    await permits.take(KEY, rate("1000/second"))
    assert permits.spend(KEY)

    clock.now += 1.1

    assert not permits.spend(KEY)


def test_processes_that_share_a_redis_share_the_rate(redis_url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from infra.rates import Counter, Permits\n"
        "from tests.infra.rates.test_permits import passing\n"
        "async def main():\n"
        "    counter = Counter(sys.argv[1])\n"
        "    permits = Permits(counter, secret=b's')\n"
        "    print(sum(await asyncio.gather(*(passing(permits, 1, '400/hour') for _ in range(400)))))\n"
        "    await counter.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, redis_url]
    both = [subprocess.Popen(command, cwd=ROOT, env=scrubbed(), stdout=subprocess.PIPE, text=True) for _ in range(2)]

    passed = [int(process.communicate()[0]) for process in both]

    # What one holds and does not spend the other can't have; never more than a block.
    assert 400 - rate("400/hour").block < sum(passed) <= 400
    assert min(passed) < 400


async def test_without_a_shared_redis_each_process_lets_the_rate_pass() -> None:
    """The twin of the test above."""
    passed = [await passing(Permits(Counter(""), secret=b"s"), 400, "400/hour") for _ in range(2)]

    assert sum(passed) == 800


async def test_redis_shows_no_address_and_no_name(redis_url: str) -> None:
    counter = Counter(redis_url)
    await passing(Permits(counter, secret=b"s"), 3, "10/minute", ("pages", "198.51.100.77"))
    await counter.close()

    with redis.Redis.from_url(redis_url) as looking:
        keys = [key.decode() for key in looking.scan_iter()]

    assert len(keys) == 1 and keys[0].startswith("telemed:rate")
    assert "198.51" not in keys[0]


async def test_a_silent_redis_is_said_once_and_each_process_counts_for_itself() -> None:
    said = io.StringIO()
    log.configure(stream=said)
    clock = Moment()
    permits = Permits(Counter(f"redis://127.0.0.1:{free_port()}", now=clock), secret=b"s", now=clock)

    for _ in range(3):
        assert await passing(permits, 30, "20/second") == 20
        clock.now += REST

    assert said.getvalue().count("limits_counted_by_each_process") == 1
    await permits._counter.close()


async def test_a_redis_that_answers_again_is_counted_in_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    log.configure(stream=said)
    clock = Moment()
    counter = Counter(redis_url, now=clock)

    async def silent(*_: object, **__: object) -> bool:
        raise TimeoutError

    assert counter._shared is not None
    with monkeypatch.context() as patch:
        patch.setattr(counter._shared, "hit", silent)
        assert await passing(Permits(counter, secret=b"s", now=clock), 30, "20/hour") == 20
    clock.now += REST

    assert await passing(Permits(counter, secret=b"s", now=clock), 30, "20/hour") == 20
    assert said.getvalue().count("limits_counted_together") == 1
    async with Redis.from_url(redis_url) as looking:
        assert len(await looking.keys()) == 1
    await counter.close()


async def test_memory_stays_bounded_however_many_addresses_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 50)
    monkeypatch.setattr(recent, "MOST_KEYS", 70)
    counter = Counter("")
    permits = Permits(counter, secret=b"s")

    for number in range(200):
        await permits.take(("pages", str(number)), rate("10/minute"))

    assert len(permits._held) == 50
    assert len(counter._here._counted) == 70
