"""How much a line is taken to carry, and which pictures are sent over it."""

from hypothesis import given
from hypothesis import strategies as st

from video.bandwidth import LEAST, MOST, START, Bandwidth, Sent
from video.layers import SOUND, Hope, Picture, choose
from video.messages import Want

PICTURES = st.builds(
    Picture, st.sampled_from(Want), st.floats(50_000, 2_000_000), st.none() | st.floats(20_000, 150_000)
)


def _played(bandwidth: Bandwidth, *, seconds: float, kilobits: float, queue: float = 0.0, lost_every: int = 0) -> None:
    """Packets of 1,000 bytes at this rate, each acknowledged as a line would have carried it; ten messages a second."""
    rate, number = kilobits * 1000 / 8000, 0
    for tenth in range(int(seconds * 10)):
        arrivals: list[tuple[int, float | None]] = []
        for n in range(int(rate / 10)):
            number = (number + 1) & 0xFFFF
            at = tenth / 10 + n / rate
            bandwidth._sent.note(number, at, 1000)
            late = 0.02 + queue * tenth / 10
            arrivals.append((number, None if lost_every and number % lost_every == 0 else at + late))
        bandwidth.acknowledged(arrivals, tenth / 10 + 0.1)


def test_calm_line_that_is_used_is_trusted_with_more() -> None:
    bandwidth = Bandwidth(Sent())
    _played(bandwidth, seconds=20, kilobits=2500)

    assert START < bandwidth.estimate <= MOST


def test_line_that_is_not_used_is_not_trusted_with_more() -> None:
    bandwidth = Bandwidth(Sent())
    _played(bandwidth, seconds=20, kilobits=300)

    assert bandwidth.estimate == START


def test_growing_queue_brings_it_below_what_came_through() -> None:
    bandwidth = Bandwidth(Sent())
    _played(bandwidth, seconds=5, kilobits=1000, queue=0.2)

    assert bandwidth.queue > 0.1
    assert bandwidth.estimate < 1_000_000


def test_many_lost_packets_bring_it_down_and_a_few_do_not() -> None:
    few, many = Bandwidth(Sent()), Bandwidth(Sent())
    _played(few, seconds=5, kilobits=1000, lost_every=20)
    _played(many, seconds=5, kilobits=1000, lost_every=4)

    assert few.estimate == START
    assert many.estimate < START / 1.3


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.none() | st.floats(-1e6, 1e6)), max_size=50))
def test_estimate_stays_in_its_bounds_whatever_is_acknowledged(arrivals: list[tuple[int, float | None]]) -> None:
    bandwidth = Bandwidth(Sent())
    for number in range(100):
        bandwidth._sent.note(number, number / 100, 1200)
    for second in range(5):
        bandwidth.acknowledged(arrivals, float(second))

    assert LEAST <= bandwidth.estimate <= MOST


@given(pictures=st.lists(PICTURES, max_size=7), budget=st.floats(0, 5_000_000), voices=st.integers(0, 7))
def test_what_is_chosen_fits_and_is_wanted(pictures: list[Picture], budget: float, voices: int) -> None:
    chosen = choose(pictures, budget, voices=voices)

    spent = float(voices * SOUND)
    for picture, key in zip(pictures, chosen, strict=True):
        assert key is None or picture.want is not Want.OFF
        assert key != "h" or picture.low is None or picture.want is Want.HIGH
        if picture.low is not None and key:
            spent += picture.high if key == "h" else picture.low
        elif key:
            spent += picture.high
    single = sum(picture.high for picture in pictures if picture.low is None)
    assert spent <= max(budget, voices * SOUND + single) + 1


@given(pictures=st.lists(PICTURES, max_size=7), budget=st.floats(0, 5_000_000), more=st.floats(0, 1_000_000))
def test_better_line_never_shows_fewer_people(pictures: list[Picture], budget: float, more: float) -> None:
    before, after = (choose(pictures, one, voices=2) for one in (budget, budget + more))

    assert sum(key is not None for key in after) >= sum(key is not None for key in before)


def test_small_pictures_of_everybody_come_before_a_large_one() -> None:
    three = [Picture(Want.HIGH, 900_000, 100_000)] * 3

    assert choose(three, 500_000, voices=3) == ["l", "l", "l"] or choose(three, 500_000, voices=3)[2] is None
    assert choose(three, 1_600_000, voices=3) == ["h", "l", "l"]
    assert choose(three, 4_000_000, voices=3) == ["h", "h", "h"]


def test_larger_picture_that_failed_is_tried_again_later_and_later() -> None:
    hope = Hope()
    assert hope.allows(0.0)
    waits = []
    for _ in range(6):
        hope.failed(100.0)
        waits.append(next(second for second in range(100) if hope.allows(100.0 + second)))

    assert waits == [5, 10, 20, 40, 60, 60]
