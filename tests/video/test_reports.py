"""What a sender is told of losses beyond the unit: shares of sums over a second, not of the packets since a report."""

from hypothesis import given
from hypothesis import strategies as st

from tests.video.test_downlink import VIDEO, Receiver
from video import rtcp
from video.downlink import FEWEST, Downlink
from video.uplink import Uplink

Steps = list[tuple[int, int]]


def report(down: Downlink, *, lost: int, highest: int) -> None:
    """The receiver says how much it lost; the share in its report is of a few packets, most of them lost."""
    down.told(rtcp.block(down.ssrc, 200, lost=lost, highest=highest, jitter=0, sr=0, delay=0))


def watched() -> tuple[Uplink, Downlink]:
    """A stream and one receiver of it, which has reported once."""
    source, receiver = Uplink(1, "video", layer="h", kid=0x1230, clock=90_000), Receiver(VIDEO)
    receiver.down.follow(source, {100: 96})
    source.losses = (receiver.down.loss,)
    report(receiver.down, lost=3, highest=70_000)
    return source, receiver.down


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=1, max_size=20))
def test_the_share_is_that_of_all_packets_however_often_the_receiver_reports(steps: Steps) -> None:
    _, down = watched()
    expected = lost = 0

    for packets, missing in steps:
        expected, lost = expected + packets, lost + min(packets, missing)
        report(down, lost=3 + lost, highest=70_000 + expected)

    assert down.loss() == (min(255, lost * 256 // expected) if expected >= FEWEST else 0)


def test_two_of_three_packets_since_the_last_report_are_no_bad_line() -> None:
    source, down = watched()
    for number in range(30):
        source.take(96, number, 0, b"", now=1.0)
    report(down, lost=3, highest=70_060)
    report(down, lost=5, highest=70_063)

    assert source.report(2.0).rest[0] == 2 * 256 // 63


def test_a_few_packets_do_not_change_what_was_known_of_the_line() -> None:
    _, down = watched()
    report(down, lost=13, highest=70_100)
    known = down.loss()
    report(down, lost=15, highest=70_103)

    assert down.loss() == known == 10 * 256 // 100


def test_packets_that_came_twice_are_no_loss() -> None:
    _, down = watched()
    report(down, lost=-4, highest=70_100)

    assert down.loss() == 0


def test_who_receives_something_else_says_nothing_of_this_stream() -> None:
    receiver, source = Receiver(VIDEO), Uplink(1, "audio", layer="audio", kid=0x1230, clock=48_000)
    receiver.down._switch(source, {})
    before = source.losses

    receiver.down._switch(None, {})

    assert (before, source.losses) == ((receiver.down.loss,), ())
