"""Acknowledgements of everything received: what is written is read, and no bytes of anybody break the reader."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video import rtcp, twcc
from video.rtp import after

ARRIVALS = st.lists(
    st.tuples(st.integers(0, 300), st.floats(0, 3)), min_size=1, max_size=120, unique_by=lambda one: one[0]
)


@given(first=st.integers(0, 0xFFFF), packets=ARRIVALS, start=st.floats(0, 60_000))
def test_what_came_and_when_is_read_as_it_was_written(
    first: int, packets: list[tuple[int, float]], start: float
) -> None:
    arrivals = twcc.Arrivals()
    came = {(first + offset) & 0xFFFF: start + later for offset, later in packets}
    for number, now in came.items():
        arrivals.note(number, now)

    feedback = arrivals.feedback(sender=1, media=2)
    assert feedback is not None
    read = twcc.read(feedback.fci)

    numbers = [number for number, _ in read]
    assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(len(numbers))]
    assert {number for number, when in read if when is not None} == came.keys()
    shift = min(when for _, when in read if when is not None) - min(came.values())
    for number, when in read:
        if when is not None:
            assert when - came[number] == pytest.approx(shift, abs=0.001)


def test_packets_lost_between_two_messages_are_told_in_the_second() -> None:
    arrivals = twcc.Arrivals()
    arrivals.note(10, 1.0)
    arrivals.feedback(sender=1, media=2)
    arrivals.note(14, 1.1)

    feedback = arrivals.feedback(sender=1, media=2)

    assert feedback is not None
    assert [(number, when is not None) for number, when in twcc.read(feedback.fci)] == [
        (11, False),
        (12, False),
        (13, False),
        (14, True),
    ]
    assert arrivals.feedback(sender=1, media=2) is None


@given(st.binary(max_size=80))
def test_bytes_of_anybody_are_read_or_refused(data: bytes) -> None:
    try:
        read = twcc.read(data)
    except rtcp.MalformedError:
        return
    assert len(read) <= 10 * twcc.MOST_PACKETS
    assert all(after(b[0], a[0]) == 1 for a, b in itertools.pairwise(read))


@given(numbers=st.lists(st.integers(0, 0xFFFF), max_size=60, unique=True))
def test_what_is_asked_for_again_is_read_as_it_was_written(numbers: list[int]) -> None:
    ordered = sorted(numbers)

    written = rtcp.nack(ordered, sender=1, media=2)

    assert rtcp.nacked(written.fci) == ordered


@given(bits=st.integers(1000, 50_000_000))
def test_limit_is_read_as_it_was_written_but_for_its_last_digits(bits: int) -> None:
    read = rtcp.remb_bits(rtcp.remb(bits, sender=1, ssrcs=(7,)).fci)

    assert 0 <= bits - read <= bits / 2**17
