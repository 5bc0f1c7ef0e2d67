"""Limits against guessing."""

from dataclasses import dataclass

import pytest

from infra.rates import Counter, Failures
from telemed.visits.limits import ADDRESS_FAILURES, ADDRESS_MINUTES, OVERALL_FAILURES, GuessingGuard, TooManyAttempts


@dataclass
class Moment:
    """A clock that stands until it is moved; seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def moment() -> Moment:
    """The clock of the guard."""
    return Moment()


@pytest.fixture
def guard(moment: Moment) -> GuessingGuard:
    """The guard of a process by itself."""
    return GuessingGuard(Failures(Counter("", now=moment), secret=b"s"))


async def test_an_address_that_fails_too_often_has_to_wait(guard: GuessingGuard, moment: Moment) -> None:
    for _ in range(ADDRESS_FAILURES):
        await guard.admit("192.0.2.1")
        await guard.note_failure("192.0.2.1")

    with pytest.raises(TooManyAttempts):
        await guard.admit("192.0.2.1")

    await guard.admit("192.0.2.2")
    moment.now += ADDRESS_MINUTES * 60 + 1
    await guard.admit("192.0.2.1")


async def test_the_addresses_of_one_ipv6_network_count_together(guard: GuessingGuard) -> None:
    for host in range(ADDRESS_FAILURES):
        await guard.note_failure(f"2001:db8::{host:x}")

    with pytest.raises(TooManyAttempts):
        await guard.admit("2001:db8::ffff")


async def test_a_storm_of_guesses_does_not_lock_out_who_has_not_failed(guard: GuessingGuard) -> None:
    for number in range(OVERALL_FAILURES):
        await guard.note_failure(f"198.51.{number // 250}.{number % 250}")

    with pytest.raises(TooManyAttempts):
        await guard.admit("198.51.0.1")

    await guard.admit("192.0.2.7")
