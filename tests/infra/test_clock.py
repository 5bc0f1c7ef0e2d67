"""Times are aware, exact and the same on both databases; the demo's clock starts elsewhere and runs on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import FixedClock, ShiftedClock, SystemClock, clock_from
from infra.columns import UtcDateTime, from_microseconds, to_microseconds
from infra.settings import Settings

ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001  # bounds are naive


@given(MOMENTS)
def test_a_stored_moment_comes_back_exactly(moment: datetime) -> None:
    assert from_microseconds(to_microseconds(moment)) == moment


@given(MOMENTS, MOMENTS)
def test_stored_moments_keep_their_order(left: datetime, right: datetime) -> None:
    assert (to_microseconds(left) < to_microseconds(right)) == (left < right)


def test_a_naive_time_is_not_stored() -> None:
    with pytest.raises(ValueError, match="naive"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]  # noqa: DTZ001  # the case


def test_the_demo_clock_starts_where_it_is_told_and_runs_on() -> None:
    start = datetime(2027, 1, 5, 9, tzinfo=UTC)

    clock = clock_from(Settings(demo_now=start))

    assert isinstance(clock, ShiftedClock)
    assert timedelta(0) <= clock.now() - start < timedelta(seconds=5)
    assert clock.now() <= clock.now()


def test_without_a_demo_time_the_clock_is_the_machines() -> None:
    assert isinstance(clock_from(Settings()), SystemClock)
    assert SystemClock().now().tzinfo is UTC


def test_a_fixed_clock_moves_when_it_is_moved() -> None:
    clock = FixedClock(datetime(2027, 1, 5, 9, tzinfo=UTC))

    clock.advance(timedelta(hours=2))

    assert clock.now() == datetime(2027, 1, 5, 11, tzinfo=UTC)
