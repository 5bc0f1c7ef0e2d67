"""What the forwarding unit is to the rest: to the signalling, to the rooms, and to the application that holds it."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from video.messages import UnitOffer, Want


class Unit(Protocol):
    """The forwarding unit as the signalling sees it: neither method waits, answers come through `Rooms.tell`."""

    def offer(self, room: str, participant: str, *, message: UnitOffer) -> None:
        """Answer a page's offer, or refuse it."""

    def view(self, room: str, participant: str, *, want: Mapping[str, Want]) -> None:
        """Note how a page shows the others."""


class Media(Unit, Protocol):
    """What an application holds: the unit here, or those in other processes."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serve calls for the length of the block."""


class Follower(Unit, Protocol):
    """A unit that is also told who left for good, and which room has ended."""

    def leave(self, room: str, participant: str) -> None:
        """End a participant's media."""

    def end(self, room: str) -> None:
        """End the media of a whole room."""
