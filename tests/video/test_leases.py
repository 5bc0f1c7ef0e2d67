"""Who is taken for dead, who may serve a room, and that a silent Redis is no dead worker. No processes, moved clocks."""

from collections.abc import Mapping

from redis.asyncio import Redis

from video import wire
from video.ice import Ice
from video.messages import Again, Close, Outgoing, UnitOffer, Want
from video.placement import Held, Placed
from video.room import Role
from video.rooms import Rooms
from video.tickets import Tickets
from video.worker import MediaWorker

OFFER = UnitOffer("c1", "v=0", 0x1230)


class Line:
    """A socket that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing) -> None:
        self.sent.append(message)

    def close(self, reason: Close) -> None:
        pass


class Desk:
    """A signalling process with one participant whose call a worker `w` has; its clock is moved by hand."""

    def __init__(self) -> None:
        self.now, rooms, tickets = 100.0, Rooms(), Tickets(bytes(32))
        self.line = Line()
        rooms.enter(tickets.check(tickets.mint("r", "anna", role=Role.PHYSICIAN)), self.line)
        self.placed = Placed(rooms, Redis(), now=lambda: self.now)
        self.placed._held["r"], self.placed._calls["r", "anna"] = Held("w", 7), "c1"

    def beat(self, *, draining: bool = False) -> None:
        """The worker's beat and our own echo are heard."""
        self.placed._beat(wire.written(wire.Beat("w", 2, draining)))
        self.echo()

    def echo(self) -> None:
        """Our own echo alone is heard."""
        self.placed._beat(wire.written(wire.Echo(self.placed.id)))

    def pass_time(self, seconds: float) -> None:
        """The clock moves on, and the dead are looked for."""
        self.now += seconds
        self.placed.bury(self.now)


async def test_worker_that_falls_silent_is_given_up_and_its_calls_are_offered_again() -> None:
    desk = Desk()
    desk.beat()
    desk.now += wire.DEAD_AFTER + 0.1
    desk.placed._echoed = desk.now

    desk.pass_time(0)

    assert desk.placed.alive == []
    assert desk.line.sent == [Again("c1")]


async def test_worker_that_missed_a_beat_is_given_up_at_once_if_it_listens_no_more() -> None:
    for deaf, left in (({"w"}, []), (set[str](), ["w"])):
        desk = Desk()
        desk.beat()
        desk.now += wire.SUSPECT_AFTER + 0.1
        desk.echo()

        desk.placed.bury(desk.now, deaf=deaf)

        assert desk.placed.alive == left
        assert desk.line.sent == ([] if left else [Again("c1")])


async def test_worker_that_was_just_heard_is_not_given_up_because_it_reconnects() -> None:
    desk = Desk()
    desk.beat()

    desk.placed.bury(desk.now, deaf={"w"})

    assert desk.placed.alive == ["w"]


async def test_while_redis_itself_is_silent_nobody_is_given_up() -> None:
    desk = Desk()
    desk.beat()
    desk.pass_time(60)
    assert desk.placed.alive == ["w"]

    desk.echo()  # it is back, and the worker's next beat is on its way
    desk.pass_time(wire.DEAD_AFTER / 2)

    assert desk.placed.alive == ["w"]
    assert desk.line.sent == []


async def test_draining_worker_takes_no_call() -> None:
    desk = Desk()
    desk.beat(draining=True)

    assert desk.placed.alive == []


async def test_what_a_former_holder_says_is_not_passed_on() -> None:
    desk = Desk()
    for fence in (6, 7, 8):
        desk.placed._said(wire.written(wire.Said("w", "r", fence, "anna", Again(f"c{fence}"))))

    assert desk.line.sent == [Again("c7"), Again("c8")]


def test_dead_worker_is_noticed_in_time_for_sound_within_three_seconds() -> None:
    # A second and a half is left for the offer, the checks and the handshake; two and a half where its process has ended.
    assert wire.DEAD_AFTER + wire.LOOK_EVERY <= 1.5
    assert wire.SUSPECT_AFTER + wire.LOOK_EVERY <= 0.5


class Unit:
    """A forwarding unit that only notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.rooms: frozenset[str] = frozenset()

    def offer(self, room: str, participant: str, *, message: UnitOffer) -> None:
        self.asked.append("offer")

    def view(self, room: str, participant: str, *, want: Mapping[str, Want]) -> None:
        self.asked.append("view")

    def leave(self, room: str, participant: str) -> None:
        self.asked.append("leave")

    def end(self, room: str) -> None:
        self.asked.append("end")


async def test_worker_serves_no_room_under_an_older_fence_and_ends_it_under_a_newer_one() -> None:
    worker = MediaWorker(Redis(), Ice())
    worker.unit = unit = Unit()  # type: ignore[assignment]  # notes what it is asked
    for fence in (5, 4, 5, 6):
        worker._heard(wire.written(wire.AskOffer("p", "r", fence, "anna", OFFER)))
    worker._heard(wire.written(wire.AskView("p", "r", 6, "anna", {"bert": Want.LOW})))
    worker._heard(wire.written(wire.AskLeave("p", "r", 6, "anna")))
    worker._heard(wire.written(wire.AskLeave("p", "r", 6)))
    worker._heard(b"nothing of ours")

    assert unit.asked == ["offer", "offer", "end", "offer", "view", "leave", "end"]


async def test_room_without_a_call_is_forgotten_at_the_second_beat() -> None:
    worker = MediaWorker(Redis(), Ice())
    worker.unit = Unit()  # type: ignore[assignment]  # serves nothing
    worker._heard(wire.written(wire.AskOffer("p", "r", 5, "anna", OFFER)))

    await worker._renew()
    assert worker._fences == {"r": 5}
    await worker._renew()

    assert (worker._fences, worker._processes, worker._calls) == ({}, {}, {})
