"""Limits against guessing."""

import pytest

from telemed.visits.limits import ADDRESS_FAILURES, ADDRESS_PERIOD, OVERALL_FAILURES, GuessingGuard, TooManyAttempts


def test_an_address_that_fails_too_often_has_to_wait() -> None:
    guard = GuessingGuard()
    for _ in range(ADDRESS_FAILURES):
        guard.admit("192.0.2.1", now=0)
        guard.note_failure("192.0.2.1", now=0)

    with pytest.raises(TooManyAttempts):
        guard.admit("192.0.2.1", now=1)

    guard.admit("192.0.2.2", now=1)
    guard.admit("192.0.2.1", now=ADDRESS_PERIOD.total_seconds() + 1)


def test_the_addresses_of_one_ipv6_network_count_together() -> None:
    guard = GuessingGuard()
    for host in range(ADDRESS_FAILURES):
        guard.note_failure(f"2001:db8::{host:x}", now=0)

    with pytest.raises(TooManyAttempts):
        guard.admit("2001:db8::ffff", now=1)


def test_a_storm_of_guesses_does_not_lock_out_who_has_not_failed() -> None:
    guard = GuessingGuard()
    for number in range(OVERALL_FAILURES):
        guard.note_failure(f"198.51.{number // 250}.{number % 250}", now=0)

    with pytest.raises(TooManyAttempts):
        guard.admit("198.51.0.1", now=1)

    guard.admit("192.0.2.7", now=1)
