"""What a process needs to serve participants: the one thing that sockets, and seats without a socket, are handed."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from video.ice import Ice
from video.media import Unit
from video.rooms import Rooms
from video.tickets import Tickets

MOST_STRANGERS: Final = 2000
"""Sockets that have not shown a ticket yet; beyond that the handshake is refused."""

MOST_FROM_ONE: Final = 100
"""Of these, as many from one address: a page shows its ticket at once, so whoever has more of them open shows none."""

Holds = Callable[[str, str], Awaitable[bool]]
"""Whether a room, and what a ticket for it was bound to, still stand; the application knows."""

Ended = Callable[[str, str], Awaitable[None]]
"""What the application does before a room is ended by somebody in it: the room, and what their ticket was bound to."""


async def nothing(room: str, bound: str) -> None:
    """Nothing: for an application to which the end of a room means no more than that."""


async def always(room: str, bound: str) -> bool:
    """True: for an application whose tickets are bound to nothing that could end before they do."""
    return True


@dataclass(frozen=True, slots=True)
class Desk:
    """What the signalling needs to know to serve a socket."""

    rooms: Rooms
    tickets: Tickets
    ice: Ice
    origins: frozenset[str]
    holds: Holds = always
    unit: Unit | None = None
    ended: Ended = nothing
    strangers: Counter[str] = field(default_factory=Counter)

    def has_room_for(self, address: str) -> bool:
        """True if one more socket without a ticket may be opened from there."""
        return self.strangers.total() < MOST_STRANGERS and self.strangers[address] < MOST_FROM_ONE

    @contextmanager
    def stranger(self, address: str) -> Iterator[None]:
        """For as long as a socket has shown no ticket."""
        self.strangers[address] += 1
        try:
            yield
        finally:
            self.strangers[address] -= 1
            if not self.strangers[address]:
                del self.strangers[address]
