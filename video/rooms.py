"""The owner of all rooms of this process: who is connected to which seat, and what is told to whom.

Everything here runs on the event loop without waiting, so each method is atomic. The content of offers, answers and
candidates passes through unread.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from infra.clock import Clock, SystemClock
from infra.problems import BadRequest, Conflict
from video import room as machine
from video.messages import Admitted, Answer, Close, FromUnit, Late, Outgoing, Peer, PeerInfo, Relayed, Sealed, info
from video.room import Role, Room, Seat, Stage
from video.tickets import Ticket, TicketRefused

ENDED_KEPT: Final = timedelta(hours=1)
"""Longer than any ticket lives, so that none can reopen an ended room."""

SWEEP_EVERY: Final = timedelta(seconds=30)
WATCH_BACKLOG: Final = 1000


class UnclearTo(BadRequest):
    """Several others are admitted; name one of them in `to`."""


class NobodyThere(Conflict):
    """There is no such guest in this room."""


class Line(Protocol):
    """One connection to one participant; neither method waits."""

    def send(self, message: Outgoing) -> None:
        """Queue a message."""

    def close(self, reason: Close) -> None:
        """Queue the end of the connection."""


class Kind(StrEnum):
    """What happened in a room."""

    WAITING = "waiting"
    JOINED = "joined"
    ADMITTED = "admitted"
    LIVE = "live"
    LEFT = "left"
    GONE = "gone"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Event:
    """Something the application may want to know: ids and times, never content."""

    kind: Kind
    room: str
    participant: str
    role: Role | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RoomView:
    """What a room looks like now."""

    stage: Stage
    seats: tuple[Seat, ...]


@dataclass(slots=True)
class _Owned:
    room: Room
    touched: datetime
    lines: dict[str, Line]
    resume: dict[str, bytes]
    bound: dict[str, str]


class Rooms:
    """All rooms of one process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._rooms: dict[str, _Owned] = {}
        self._spent: dict[str, datetime] = {}
        self._watchers: set[asyncio.Queue[Event]] = set()
        self._swept = self._clock.now()

    def view(self, room: str) -> RoomView:
        """The stage and the seats of a room; a room nobody has entered is scheduled and empty."""
        owned = self._rooms.get(room)
        if owned is None:
            return RoomView(Stage.SCHEDULED, ())
        current = machine.without_stale(owned.room, self._clock.now())
        return RoomView(current.stage, current.seats)

    def enter(self, ticket: Ticket, line: Line) -> tuple[PeerInfo, str]:
        """The participant's seat and a token to resume it; a connection the participant had elsewhere is ended."""
        now = self._clock.now()
        self._sweep(now)
        if ticket.nonce in self._spent:
            raise TicketRefused
        owned = self._rooms.get(ticket.room) or _Owned(Room(ticket.room), now, {}, {}, {})
        room = machine.arrive(owned.room, ticket.participant, role=ticket.role, now=now)
        self._rooms[ticket.room] = owned
        self._spent[ticket.nonce] = ticket.expires
        owned.bound[ticket.participant] = ticket.bound
        return self._seat(owned, room, participant=ticket.participant, line=line)

    def resume(self, room: str, token: str, *, line: Line) -> tuple[PeerInfo, str]:
        """The same as `enter` for a participant whose connection dropped; the token works once."""
        owned, who = self._resuming(room, token)
        now = self._clock.now()
        seat = machine.without_stale(owned.room, now).seat(who)
        if seat is None:
            raise TicketRefused
        arrived = machine.arrive(owned.room, who, role=seat.role, now=now)
        return self._seat(owned, arrived, participant=who, line=line)

    def bound(self, room: str, token: str) -> str:
        """What the ticket of whoever holds this token to resume was bound to."""
        owned, who = self._resuming(room, token)
        return owned.bound[who]

    def bound_of(self, room: str, participant: str) -> str:
        """What the ticket of a participant was bound to; empty for nobody."""
        owned = self._rooms.get(room)
        return "" if owned is None else owned.bound.get(participant, "")

    def connected(self) -> list[tuple[str, str, str]]:
        """Who is connected: the room, the participant, and what their ticket was bound to."""
        return [(id, who, owned.bound[who]) for id, owned in self._rooms.items() for who in owned.lines]

    def dismiss(self, room: str, participant: str, *, reason: Close) -> None:
        """Nothing; the participant's connection is closed, and their token to resume opens nothing. The seat is free."""
        owned = self._rooms.get(room)
        line = owned.lines.get(participant) if owned else None
        if line is not None:
            line.close(reason)
            self.leave(room, participant, line=line)

    def held(self) -> dict[str, str]:
        """The rooms in which somebody is connected, each with what a ticket of theirs was bound to."""
        return {id: owned.bound[next(iter(owned.lines))] for id, owned in self._rooms.items() if owned.lines}

    def peers(self, room: str, participant: str) -> tuple[PeerInfo, ...]:
        """The other participants that this one may know of."""
        owned = self._rooms.get(room)
        return () if owned is None else tuple(map(info, machine.visible(owned.room, participant)))

    def is_admitted(self, room: str, participant: str) -> bool:
        """True for a participant who was let in and was not shown out since."""
        owned = self._rooms.get(room)
        seat = owned.room.seat(participant) if owned else None
        return seat is not None and seat.admitted

    def is_current(self, room: str, participant: str, *, line: Line) -> bool:
        """True while this connection holds the seat."""
        owned = self._rooms.get(room)
        return owned is not None and owned.lines.get(participant) is line

    def admit(self, room: str, participant: str | None = None) -> None:
        """Let the one who waits, or the named one, in; `NobodyWaits` if there is none."""
        owned = self._rooms.get(room)
        if owned is None:
            raise machine.NobodyWaits
        before = owned.room
        owned.room = machine.admit(before, participant)
        (seat,) = set(owned.room.seats) - set(before.seats)
        self._tell(owned, seat.participant, Admitted(self.peers(room, seat.participant)))
        self._tell_of(owned, seat)
        self._emit(Kind.ADMITTED, owned, seat)

    def late(self, room: str, minutes: int) -> None:
        """Tell the guests of a room that it takes about so many minutes more."""
        owned = self._rooms.get(room)
        for seat in owned.room.seats if owned else ():
            if owned and not seat.role.admits:
                self._tell(owned, seat.participant, Late(minutes))

    def end(self, room: str, *, reason: Close = Close.ENDED) -> None:
        """End a consultation: everybody is told, and no ticket opens it again."""
        now = self._clock.now()
        owned = self._rooms.setdefault(room, _Owned(Room(room), now, {}, {}, {}))
        if owned.room.ended:
            return
        lines = list(owned.lines.values())
        owned.room, owned.touched = machine.end(owned.room), now
        owned.lines.clear()
        owned.resume.clear()
        for line in lines:
            line.close(reason)
        self._emit(Kind.ENDED, owned, None)

    def relay(self, room: str, sender: str, *, message: Relayed) -> bool:
        """Pass a message on to another admitted participant; False where there is none, or the sender waits.

        Without `to` it goes to the one other participant, and only a sealed message to several: `UnclearTo` else.
        """
        owned = self._rooms.get(room)
        partners = machine.partners(owned.room, sender) if owned else ()
        if message.to is not None:
            partners = tuple(seat for seat in partners if seat.participant == message.to)
        here = [seat.participant for seat in partners if owned and seat.participant in owned.lines]
        if owned is None or not here:
            return False
        if len(partners) > 1 and not isinstance(message, Sealed):
            raise UnclearTo
        for participant in here:
            self._tell(owned, participant, msgspec.structs.replace(message, sender=sender, to=None))
        if isinstance(message, Answer):
            self.answered(room, sender)
        return True

    def answered(self, room: str, participant: str) -> None:
        """Note that media may flow now: between two pages, or between a page and the forwarding unit."""
        owned = self._rooms.get(room)
        if owned is not None and not owned.room.answered:
            owned.room = machine.answer(owned.room)
            self._emit(Kind.LIVE, owned, owned.room.seat(participant))

    def tell(self, room: str, participant: str, *, message: FromUnit) -> None:
        """Pass on what the forwarding unit says to one participant; nothing to one who is not connected."""
        if (owned := self._rooms.get(room)) is not None:
            self._tell(owned, participant, message)

    def remove(self, room: str, participant: str) -> None:
        """Show a participant out; `NobodyThere` if there is none. Coming back means waiting to be admitted again."""
        owned = self._rooms.get(room)
        seat = owned.room.seat(participant) if owned else None
        if owned is None or seat is None or seat.role.admits:
            raise NobodyThere
        line = owned.lines.get(participant)
        self._vacate(owned, seat)
        if line is not None:
            line.close(Close.REMOVED)

    def drop(self, room: str, participant: str, *, line: Line) -> None:
        """Note a lost connection; the seat is kept for a while. Of a connection that was taken over nothing is noted."""
        if not self.is_current(room, participant, line=line):
            return
        owned = self._rooms[room]
        del owned.lines[participant]
        owned.room = machine.drop(owned.room, participant, now=self._clock.now())
        owned.touched = self._clock.now()
        seat = owned.room.seat(participant)
        if seat is not None:
            self._tell_of(owned, seat)
            self._emit(Kind.LEFT, owned, seat)

    def leave(self, room: str, participant: str, *, line: Line) -> None:
        """Give the seat up for good."""
        if not self.is_current(room, participant, line=line):
            return
        owned = self._rooms[room]
        seat = owned.room.seat(participant)
        line.close(Close.BYE)
        if seat is not None:
            self._vacate(owned, seat)

    def close(self) -> None:
        """Tell all connections that the service restarts; calls between two browsers go on without us."""
        for owned in self._rooms.values():
            for line in owned.lines.values():
                line.close(Close.RESTART)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Event]]:
        """The events of all rooms from now on, for the length of the block; a slow reader loses the oldest."""
        queue: asyncio.Queue[Event] = asyncio.Queue(WATCH_BACKLOG)
        self._watchers.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._watchers.discard(queue)

    def _vacate(self, owned: _Owned, seat: Seat) -> None:
        owned.lines.pop(seat.participant, None)
        owned.resume.pop(seat.participant, None)
        owned.room, owned.touched = machine.leave(owned.room, seat.participant), self._clock.now()
        gone = replace(seat, connected=False)
        self._tell_of(owned, gone, gone=True)
        self._emit(Kind.GONE, owned, gone)

    def _resuming(self, room: str, token: str) -> tuple[_Owned, str]:
        owned, digest = self._rooms.get(room), _digest(token)
        found = [] if owned is None else [who for who, known in owned.resume.items() if known == digest]
        if owned is None or not found:
            raise TicketRefused
        return owned, found[0]

    def _seat(self, owned: _Owned, room: Room, *, participant: str, line: Line) -> tuple[PeerInfo, str]:
        before, token = owned.lines.get(participant), secrets.token_urlsafe(24)
        owned.room, owned.touched = room, self._clock.now()
        owned.lines[participant] = line
        owned.resume[participant] = _digest(token)
        if before is not None:
            before.close(Close.ELSEWHERE)
        seat = room.seat(participant)
        assert seat is not None, "who arrived has a seat"
        self._tell_of(owned, seat)
        self._emit(Kind.JOINED if seat.admitted else Kind.WAITING, owned, seat)
        return info(seat), token

    def _tell(self, owned: _Owned, participant: str, message: Outgoing) -> None:
        if participant in owned.lines:
            owned.lines[participant].send(message)

    def _tell_of(self, owned: _Owned, seat: Seat, *, gone: bool = False) -> None:
        news = Peer(seat.participant, seat.role, seat.admitted, seat.connected, gone)
        for other in owned.room.seats:
            if other.participant != seat.participant and other.admitted and (seat.admitted or other.role.admits):
                self._tell(owned, other.participant, news)

    def _emit(self, kind: Kind, owned: _Owned, seat: Seat | None) -> None:
        event = Event(
            kind, owned.room.id, seat.participant if seat else "", seat.role if seat else None, self._clock.now()
        )
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def _sweep(self, now: datetime) -> None:
        if now - self._swept < SWEEP_EVERY:
            return
        self._swept = now
        self._spent = {nonce: until for nonce, until in self._spent.items() if until > now}
        self._rooms = {id: one for id, one in self._rooms.items() if one.lines or now - one.touched < ENDED_KEPT}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def _drain(queue: asyncio.Queue[Event]) -> AsyncIterator[Event]:
    while True:
        yield await queue.get()
