"""What comes up from one participant: sealed or nowhere, what is missing asked for, and honest reports."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from video import rtp
from video.sframe import Sealer, Suite
from video.uplink import ASK_FOR, MOST_HELD, Seal, Uplink

KID = 0x1230


def _uplink(kind: str = "video") -> tuple[Uplink, list[int]]:
    uplink, passed = Uplink(1, kind, layer="h", kid=KID, clock=90_000), list[int]()
    uplink.watch(lambda second, seq, ts, payload: passed.append(seq))
    return uplink, passed


def _frame(kid: int = KID) -> bytes:
    return Sealer(b"k" * 16, kid).seal(b"frame", suite=Suite.GCM_128, clear=3)


def test_packets_wait_until_the_first_frame_has_shown_its_seal() -> None:
    uplink, passed = _uplink()

    assert uplink.take(96, 1, 0, b"first part", now=0)
    assert passed == []
    assert uplink.take(rtp.MARKER | 96, 2, 0, _frame(), now=0)
    assert passed == [1, 2]


def test_frame_without_a_seal_ends_the_stream_for_good() -> None:
    for frame in (b"plain", _frame(0x2230), _frame(KID + 16), b"\x00" * 30):
        uplink, passed = _uplink()

        assert not uplink.take(rtp.MARKER | 96, 1, 0, frame, now=0)
        assert uplink.take(96, 2, 0, b"more", now=0)
        assert uplink.seal is Seal.PLAIN
        assert passed == []


def test_stream_that_turns_plain_later_ends_there() -> None:
    uplink, passed = _uplink()
    uplink.take(rtp.MARKER | 96, 1, 0, _frame(), now=0)

    assert not uplink.take(rtp.MARKER | 96, 2, 0, b"plain frame", now=0)
    uplink.take(96, 3, 0, b"more", now=0)
    assert passed == [1]


def test_all_sixteen_epochs_of_a_sender_count_and_no_other() -> None:
    for epoch in range(16):
        uplink, passed = _uplink("audio")
        assert uplink.take(111, 1, 0, _frame(KID + epoch), now=0)
        assert passed == [1]


def test_without_the_look_at_the_seal_plain_frames_would_go_out() -> None:
    uplink, passed = _uplink()
    uplink._kids = range(-1, 0x10000)  # the guard, taken away
    uplink.take(rtp.MARKER | 96, 1, 0, b"plain", now=0)

    assert passed == [1]


def test_what_is_held_back_is_bounded() -> None:
    uplink, _ = _uplink()
    for seq in range(5 * MOST_HELD):
        uplink.take(96, seq, 0, b"x", now=0)

    assert len(uplink._held) <= MOST_HELD


@given(lost=st.sets(st.integers(1, 60), max_size=20), first=st.integers(0, 0xFFFF))
def test_exactly_what_is_missing_is_asked_for(lost: set[int], first: int) -> None:
    uplink, passed = _uplink()
    for number in range(62):
        if number not in lost:
            uplink.take(rtp.MARKER | 96, (first + number) & 0xFFFF, 0, _frame(), now=1.0)

    asked = uplink.asked_for(1.01)

    assert {rtp.after(one, first) for one in asked} == lost
    for number in lost:
        uplink.take(rtp.MARKER | 96, (first + number) & 0xFFFF, 0, _frame(), now=1.02)
    assert uplink.asked_for(1.1) == []
    assert len(passed) == 62


def test_repeated_packet_passes_once_and_what_comes_too_late_is_given_up() -> None:
    uplink, passed = _uplink("audio")
    for seq in (1, 2, 4, 4, 2):
        uplink.take(111, seq, 0, _frame(), now=1.0)

    assert passed == [1, 2, 4]
    assert uplink.asked_for(1.02) == [3]
    assert uplink.asked_for(1.03) == []
    assert uplink.asked_for(1.01 + ASK_FOR["audio"] + 0.1) == []
    uplink.take(111, 3, 0, _frame(), now=3.0)
    assert passed == [1, 2, 4]


@given(first=st.integers(0, 0xFFFF), sent=st.integers(2, 400), every=st.integers(2, 10))
def test_report_counts_what_is_lost_over_the_turn_of_the_numbers(first: int, sent: int, every: int) -> None:
    uplink, _ = _uplink()
    came = [number for number in range(sent) if number % every or number in (0, sent - 1)]
    for number in came:
        uplink.take(rtp.MARKER | 96, (first + number) & 0xFFFF, 0, _frame(), now=1.0)

    block = uplink.report(2.0)

    word, highest, *_ = struct.unpack("!5L", block.rest)
    assert word & 0xFFFFFF == sent - len(came)
    assert word >> 24 == min(255, ((sent - len(came)) << 8) // sent)
    assert highest == first + sent - 1


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=60))
def test_any_packets_at_all_leave_bounded_state(packets: list[tuple[int, int, bytes]]) -> None:
    uplink, passed = _uplink()
    for at, (second, seq, payload) in enumerate(packets):
        uplink.take(second, seq, 0, payload, now=at / 100)
        uplink.asked_for(at / 100)
        uplink.report(at / 100)

    assert len(uplink.missing) <= 512
    assert passed == []
