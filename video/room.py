"""One room as a value: who sits in it, who is admitted, and the transitions between its stages. Nothing here does I/O."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from infra.problems import Conflict, Gone

SEATS: Final = 8
"""Two people are connected browser to browser; more need the forwarding unit, whose packets grow with n(n-1)."""

PLACE_KEPT: Final = timedelta(minutes=5)
"""How long a dropped connection keeps its seat: a lift, a reload, a change of device."""


class RoomFull(Conflict):
    """All seats of this room are taken."""


class RoomEnded(Gone):
    """This consultation has ended."""


class NobodyWaits(Conflict):
    """Nobody is waiting to be admitted."""


class Stage(StrEnum):
    """How far a consultation has come."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    ADMITTED = "admitted"
    LIVE = "live"
    ENDED = "ended"


class Role(StrEnum):
    """As whom somebody takes part; code asks `admits` and `has_media`, not for a name."""

    PATIENT = "patient"
    RELATIVE = "relative"
    NURSE = "nurse"
    INTERPRETER = "interpreter"
    PHYSICIAN = "physician"
    ASSISTANT = "assistant"

    @property
    def admits(self) -> bool:
        """True for those who run the room: they need no admission and give it."""
        return self is Role.PHYSICIAN

    @property
    def has_media(self) -> bool:
        """False for the second staff access, which organises and never holds the consultation (Anlage 31b BMV-Ä)."""
        return self is not Role.ASSISTANT


@dataclass(frozen=True, slots=True)
class Seat:
    """One participant's place; it outlives a dropped connection for a while."""

    participant: str
    role: Role
    admitted: bool
    connected: bool
    since: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """The seats of one consultation and what has happened in it."""

    id: str
    seats: tuple[Seat, ...] = ()
    answered: bool = False
    ended: bool = False

    @property
    def stage(self) -> Stage:
        """How far this consultation has come."""
        guests = [seat for seat in self.seats if not seat.role.admits]
        if self.ended:
            return Stage.ENDED
        if any(seat.admitted for seat in guests):
            return Stage.LIVE if self.answered else Stage.ADMITTED
        return Stage.WAITING if guests else Stage.SCHEDULED

    def seat(self, participant: str) -> Seat | None:
        """The participant's seat, if there is one."""
        return next((seat for seat in self.seats if seat.participant == participant), None)


def arrive(room: Room, participant: str, *, role: Role, now: datetime) -> Room:
    """The room after somebody came or came back; who comes back stays admitted."""
    if room.ended:
        raise RoomEnded
    room = without_stale(room, now)
    known = room.seat(participant)
    if known is not None and known.role is role:
        return _with(room, replace(known, connected=True, changed=now))
    if known is None and len(room.seats) >= SEATS:
        raise RoomFull
    # A participant who comes back in another role starts anew: nobody is admitted twice for one decision.
    seat = Seat(participant, role, role.admits, True, now, now)
    return _with(room, seat)


def admit(room: Room, participant: str | None = None) -> Room:
    """The room after the one who waits, or the named one, was let in."""
    waiting = [seat for seat in room.seats if not seat.admitted]
    chosen = next((seat for seat in waiting if participant in (None, seat.participant)), None)
    if chosen is None or room.ended:
        raise NobodyWaits
    return _with(room, replace(chosen, admitted=True))


def drop(room: Room, participant: str, *, now: datetime) -> Room:
    """The room after a connection was lost; the seat stays for a while."""
    seat = room.seat(participant)
    return room if seat is None else _with(room, replace(seat, connected=False, changed=now))


def leave(room: Room, participant: str) -> Room:
    """The room after somebody left for good."""
    seats = tuple(seat for seat in room.seats if seat.participant != participant)
    talking = len(seats) == len(room.seats) or sum(seat.admitted for seat in seats) > 1
    return replace(room, seats=seats, answered=room.answered and talking)


def answer(room: Room) -> Room:
    """The room after one admitted side answered the other's offer."""
    return replace(room, answered=True)


def end(room: Room) -> Room:
    """The room after the consultation; nothing leads out of it."""
    return replace(room, seats=(), answered=False, ended=True)


def without_stale(room: Room, now: datetime) -> Room:
    """The room without seats whose owners have been gone for too long."""
    for seat in room.seats:
        if not seat.connected and now - seat.changed >= PLACE_KEPT:
            room = leave(room, seat.participant)
    return room


def partners(room: Room, participant: str) -> tuple[Seat, ...]:
    """The other admitted seats: only admitted participants may exchange anything."""
    own = room.seat(participant)
    if own is None or not own.admitted:
        return ()
    return tuple(seat for seat in room.seats if seat.admitted and seat.participant != participant)


def visible(room: Room, participant: str) -> tuple[Seat, ...]:
    """The other seats that a participant may know of: those who wait see nobody, those who admit see everybody."""
    own = room.seat(participant)
    if own is None or not own.admitted:
        return ()
    return tuple(seat for seat in room.seats if seat.participant != participant and (seat.admitted or own.role.admits))


def _with(room: Room, seat: Seat) -> Room:
    others = tuple(other for other in room.seats if other.participant != seat.participant)
    return replace(room, seats=tuple(sorted((*others, seat), key=lambda one: one.since)))
