"""The forwarding unit inside the process that also signals: the default, for one machine."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from video.ice import Ice
from video.link import Link, straight
from video.media import Follower
from video.messages import FromUnit, UnitAnswer, UnitOffer, Want
from video.rooms import Event, Kind, Rooms
from video.unit import ForwardingUnit


def tell_page(rooms: Rooms, room: str, participant: str, message: FromUnit) -> None:
    """Pass on what a unit says; its first answer makes the consultation live."""
    rooms.tell(room, participant, message=message)
    if isinstance(message, UnitAnswer):
        rooms.answered(room, participant)


@asynccontextmanager
async def following(rooms: Rooms, unit: Follower) -> AsyncIterator[None]:
    """For as long as it lasts, media end with the seats and the rooms that they were for."""
    async with rooms.watch() as events:
        task = asyncio.create_task(_follow(events, unit))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Embedded:
    """A forwarding unit for the rooms of the same process; aiortc is loaded with the first call."""

    def __init__(self, rooms: Rooms, ice: Ice, *, addresses: Sequence[str] = (), link: Link = straight) -> None:
        self._rooms = rooms
        self.unit = ForwardingUnit(ice, tell=self._tell, addresses=addresses, link=link)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve calls for the length of the block."""
        async with following(self._rooms, self.unit):
            yield
        await self.unit.close()

    def offer(self, room: str, participant: str, *, message: UnitOffer) -> None:
        """Answer a page's offer, or refuse it."""
        self.unit.offer(room, participant, message=message)

    def view(self, room: str, participant: str, *, want: Mapping[str, Want]) -> None:
        """Note how a page shows the others."""
        self.unit.view(room, participant, want=want)

    def _tell(self, room: str, participant: str, message: FromUnit) -> None:
        tell_page(self._rooms, room, participant, message)


async def _follow(events: AsyncIterator[Event], unit: Follower) -> None:
    async for event in events:
        if event.kind is Kind.GONE:
            unit.leave(event.room, event.participant)
        elif event.kind is Kind.ENDED:
            unit.end(event.room)
