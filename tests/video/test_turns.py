"""When a socket is looked at and when what is sent leaves: the clock is moved, nothing waits."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from video import turns
from video.turns import BUSY, PAUSE, Turns


class Clock:
    """A loop whose time a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reader: Callable[[], None] | None = None
        self.writer: Callable[[], None] | None = None
        self.soon: list[Callable[[], None]] = []
        self.later: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def add_reader(self, own: Any, call: Callable[[], None]) -> None:
        self.reader = call

    def remove_reader(self, own: Any) -> None:
        self.reader = None

    def add_writer(self, own: Any, call: Callable[[], None]) -> None:
        self.writer = call

    def remove_writer(self, own: Any) -> None:
        self.writer = None

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def call_later(self, delay: float, call: Callable[[], None]) -> "Clock":
        assert delay == PAUSE
        self.later.append(call)
        return self

    def cancel(self) -> None:
        self.later.clear()

    def come(self, after: float = 1.0) -> None:
        """Something came, after so long."""
        self.now += after
        assert self.reader is not None
        self.reader()

    def tick(self) -> None:
        """The clock says that it is time to look."""
        self.now += PAUSE
        self.later.pop()()


class Line:
    """A socket whose datagrams a test makes up."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.coming: list[list[bytes]] = []
        self.queued: list[bytes] = []
        self.left: list[list[bytes]] = []
        self.full = False

    def receive(self) -> list[tuple[bytes, Any]]:
        return [(one, "somewhere") for one in self.coming.pop(0)] if self.coming else []

    def queue(self, data: bytes, address: Any) -> None:
        self.queued.append(data)

    def flush(self) -> bool:
        if self.queued and not self.full:
            self.left.append(self.queued)
            self.queued = []
        return not self.full

    def close(self) -> None:
        self.socket.close()

    def named(self, address: Any) -> tuple[str, int]:
        return address, 0

    def packed(self, host: str, port: int) -> str:
        return host


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def _echo(line: Line) -> Turns:
    def back(data: bytes, address: Any) -> None:
        made.send(address, data)

    made = Turns(line, back)
    return made


def test_answers_of_a_batch_leave_together_in_their_order(clock: Clock, line: Line) -> None:
    _echo(line)
    line.coming = [[b"1", b"2", b"3"]]

    clock.come()

    assert line.left == [[b"1", b"2", b"3"]]
    assert clock.soon == []


def test_what_is_sent_outside_of_a_turn_leaves_together_in_the_next(clock: Clock, line: Line) -> None:
    echo = _echo(line)
    echo.send("x", b"1")
    echo.send("x", b"2")

    assert line.left == []
    assert len(clock.soon) == 1
    clock.soon.pop()()
    assert line.left == [[b"1", b"2"]]


def test_who_is_woken_often_looks_by_the_clock_until_nothing_comes(clock: Clock, line: Line) -> None:
    _echo(line)
    line.coming = [[b"1"], [b"2"], [b"3"]]

    clock.come()
    assert clock.reader is not None
    clock.come(after=BUSY / 2)
    assert clock.reader is None
    clock.tick()
    assert clock.reader is None
    clock.tick()  # nothing came

    assert line.left == [[b"1"], [b"2"], [b"3"]]
    assert clock.reader is not None
    assert clock.later == []


def test_who_is_woken_seldom_is_woken_for_each(clock: Clock, line: Line) -> None:
    _echo(line)
    line.coming = [[b"1"], [b"2"], [b"3"]]

    for _ in range(3):
        clock.come(after=2 * BUSY)
        assert clock.reader is not None

    assert line.left == [[b"1"], [b"2"], [b"3"]]


def test_flood_leaves_the_loop_its_turn(clock: Clock, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BATCH", 2)
    _echo(line)
    line.coming = [[b"1", b"2"]] * 20

    clock.come()

    assert len(line.coming) == 20 - turns.MOST_AT_ONCE


def test_one_that_makes_trouble_does_not_cost_the_others_theirs(clock: Clock, line: Line) -> None:
    taken: list[bytes] = []

    def take(data: bytes, address: Any) -> None:
        if data == b"bad":
            raise ValueError("its content, which no log may show")
        taken.append(data)

    Turns(line, take)
    line.coming = [[b"1", b"bad", b"2"]]

    with capture_logs() as logs:
        clock.come()

    assert taken == [b"1", b"2"]
    assert logs == [{"event": "datagram_failed", "log_level": "error", "error": "ValueError"}]


def test_full_network_is_waited_for_and_nothing_is_asked_of_it_meanwhile(clock: Clock, line: Line) -> None:
    echo = _echo(line)
    line.full, line.coming = True, [[b"1"], [b"2"]]
    clock.come()
    assert clock.writer is not None
    clock.come(after=2 * BUSY)
    echo.send("x", b"3")
    assert clock.soon == []

    clock.writer()  # woken, and full again
    assert clock.writer is not None
    line.full = False
    clock.writer()

    assert line.left == [[b"1", b"2", b"3"]]
    assert clock.writer is None
    echo.send("x", b"4")
    assert len(clock.soon) == 1


def test_closed_one_is_looked_at_no_more(clock: Clock, line: Line) -> None:
    echo = _echo(line)
    line.coming = [[b"1"], [b"2"]]
    clock.come()
    clock.come(after=BUSY / 2)

    echo.close()

    assert clock.reader is None
    assert clock.later == []
