"""What goes down to one participant: one stream without a gap, whatever happens to its sources; byte for byte."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video import rtcp, rtp
from video.downlink import SIZE, Downlink, Format, Outgoing
from video.rtcp import Report
from video.uplink import Uplink

VIDEO = Format("video", 90_000, {"vp8": 96}, 97, 3)
AUDIO = Format("audio", 48_000, {"opus": 111}, None, 3)
KID = 0x1230
TRAILER = bytes([0x90, KID >> 8, KID & 0xFF, 3])
MARKED = rtp.MARKER | 100


class Receiver:
    """What left, in order."""

    def __init__(self, form: Format = VIDEO) -> None:
        self.packets: list[bytes] = []
        out = Outgoing()
        out.send = self.packets.append
        self.down = Downlink(0xAAAA, 0xBBBB, form=form, out=out)

    def read(self) -> list[tuple[int, int, int, bytes]]:
        """Sequence number, time stamp, SSRC and payload of each packet."""
        return [(*rtp.HEADER.unpack_from(one)[2:], one[SIZE:]) for one in self.packets]


def _source(kind: str = "video") -> Uplink:
    return Uplink(1, kind, layer="h", kid=KID, clock=90_000)


def _picture(number: int, *, key: bool = False) -> bytes:
    descriptor = bytes([0x90, 0xC0]) + (0x8000 | number).to_bytes(2, "big") + bytes([number & 0xFF])
    return descriptor + bytes([0x10 if key else 0x11]) + b"frame" + TRAILER


def _play(source: Uplink, first: int, count: int, *, ts: int = 0, key: bool = True) -> None:
    for number in range(count):
        at = (first + number) & 0xFFFF
        source.take(MARKED, at, ts + 3000 * number, _picture(number, key=key and not number), now=1.0 + number / 30)


@given(first=st.integers(0, 0xFFFF), second=st.integers(0, 0xFFFF), ts=st.integers(0, 2**32 - 1))
def test_change_of_source_leaves_no_gap_in_any_number(first: int, second: int, ts: int) -> None:
    receiver, one, other = Receiver(), _source(), _source()
    receiver.down.follow(one, {100: 96})
    _play(one, first, 5)
    receiver.down.follow(other, {100: 96})
    _play(other, second, 5, ts=ts)

    seen = receiver.read()
    pictures = [descriptor.picture(payload) for *_, payload in seen if (descriptor := rtp.vp8(payload))]

    assert len(seen) == 10
    assert {ssrc for _, _, ssrc, _ in seen} == {0xAAAA}
    assert all(rtp.after(b[0], a[0]) == 1 for a, b in itertools.pairwise(seen))
    assert all(0 < (b[1] - a[1]) & 0xFFFFFFFF < 900_000 for a, b in itertools.pairwise(seen))
    assert [after - before & 0x7FFF for before, after in itertools.pairwise(pictures)] == [1] * 9


def test_new_picture_begins_with_a_key_frame_and_until_then_the_old_one_goes_on() -> None:
    receiver, one, other = Receiver(), _source(), _source()
    receiver.down.follow(one, {100: 96})
    _play(one, 10, 3)
    receiver.down.follow(other, {100: 96})
    _play(other, 500, 3, key=False)
    _play(one, 13, 2, key=False)

    assert len(receiver.packets) == 5
    assert receiver.down.pending is other


@given(order=st.permutations(range(8)), first=st.integers(0, 0xFFFF))
def test_packets_that_come_late_keep_their_places(order: list[int], first: int) -> None:
    receiver, source = Receiver(), _source()
    receiver.down.follow(source, {100: 96})
    _play(source, first - 1, 1)
    for number in order:
        source.take(MARKED, (first + number) & 0xFFFF, 3000 * number, _picture(number + 1), now=2.0)

    start = receiver.read()[0][0] + 1
    places = {payload: rtp.after(seq, start) for seq, _, _, payload in receiver.read()[1:]}

    assert {places[_picture(number + 1)] for number in range(8) if _picture(number + 1) in places} <= set(range(8))
    assert all(places[_picture(number + 1)] == number for number in order if _picture(number + 1) in places)
    assert len(places) == 8


def test_lost_picture_is_sent_again_as_a_repetition_of_its_number() -> None:
    receiver, source = Receiver(), _source()
    receiver.down.follow(source, {100: 96})
    _play(source, 10, 4)
    lost = receiver.packets[2]

    assert receiver.down.resend([rtp.HEADER.unpack_from(lost)[2]], now=5.0) == 1

    _, second, _, ts, ssrc = rtp.HEADER.unpack_from(receiver.packets[-1])
    assert (second & 0x7F, ssrc, ts) == (97, 0xBBBB, rtp.HEADER.unpack_from(lost)[3])
    assert receiver.packets[-1][SIZE:] == lost[2:4] + lost[SIZE:]


def test_lost_sound_is_sent_again_as_the_very_same_bytes() -> None:
    receiver, source = Receiver(AUDIO), _source("audio")
    receiver.down.follow(source, {100: 111})
    for number in range(4):
        source.take(100, number, 960 * number, b"sound" + TRAILER, now=1.0)

    receiver.down.resend([rtp.HEADER.unpack_from(receiver.packets[1])[2]], now=5.0)

    assert receiver.packets[-1] == receiver.packets[1]


@pytest.mark.parametrize("form", [VIDEO, AUDIO])
def test_what_is_too_old_never_was_or_was_just_sent_is_not_sent_again(form: Format) -> None:
    receiver, source = Receiver(form), _source(form.kind)
    receiver.down.follow(source, {100: 96})
    _play(source, 0, 600)
    numbers = [rtp.HEADER.unpack_from(one)[2] for one in receiver.packets]

    assert receiver.down.resend([numbers[0], (numbers[-1] + 1) & 0xFFFF], now=5.0) == 0
    assert receiver.down.resend([numbers[-1]], now=5.0) == 1
    assert receiver.down.resend([numbers[-1]], now=5.01) == 0


def test_payload_type_that_the_receiver_does_not_know_is_not_sent() -> None:
    receiver, source = Receiver(AUDIO), _source("audio")
    receiver.down.follow(source, {100: 111})
    source.take(101, 1, 0, b"red" + TRAILER, now=1.0)

    assert receiver.packets == []


def test_report_of_the_source_tells_the_times_of_the_stream() -> None:
    receiver, source = Receiver(), _source()
    receiver.down.follow(source, {100: 96})
    _play(source, 10, 2, ts=7000)
    info = bytes(8) + (7000).to_bytes(4, "big") + bytes(8)
    source.reported(Report(1, info, ()), now=2.0)

    (report,) = rtcp.parse(receiver.packets[-1])

    assert isinstance(report, Report)
    assert report.ssrc == 0xAAAA
    assert int.from_bytes(report.sender_info[8:12], "big") == receiver.read()[0][1]
    assert int.from_bytes(report.sender_info[12:16], "big") == 2


def test_who_left_is_not_forwarded() -> None:
    receiver, source = Receiver(), _source()
    receiver.down.follow(source, {100: 96})
    _play(source, 10, 2)
    receiver.down.release()
    _play(source, 12, 2, key=True)

    assert len(receiver.packets) == 2
    assert source.sinks == ()
    assert source.on_report == ()
