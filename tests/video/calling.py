"""Headless participants at a real forwarding unit over loopback, without the signalling."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from video.headless.media import Media, opened
from video.ice import Ice
from video.link import Link, straight
from video.messages import FromUnit, Slots, UnitAnswer, UnitOffer
from video.sframe import FrameRefusedError, Opener, Sealer
from video.unit import ForwardingUnit

LOOPBACK = ("127.0.0.1",)
KEY_FRAME = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" + bytes(range(200)) * 12
DELTA_FRAME = b"\x11\x02\x00" + bytes(range(200)) * 2


def base(kid: int) -> bytes:
    """The key of whoever has this key id."""
    return kid.to_bytes(2, "big") * 8


@dataclass
class Person:
    """A participant, what it was told, and the frames that it could open."""

    name: str
    kid: int
    media: Media
    unit: ForwardingUnit
    told: list[FromUnit] = field(default_factory=list)
    frames: list[tuple[str, str, bytes]] = field(default_factory=list)
    sealed: list[tuple[str, bytes]] = field(default_factory=list)
    bound: dict[int, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], object], *, doing: Callable[[], None] = lambda: None) -> None:
        """Wait until something holds, doing something every 20 ms meanwhile, as a camera does."""
        async with asyncio.timeout(10):
            while not holds():
                doing()
                await asyncio.sleep(0.02)

    def heard(self, kind: type[FromUnit]) -> list[FromUnit]:
        """All that it was told of this kind."""
        return [one for one in self.told if isinstance(one, kind)]

    def got(self, kind: str, sender: str) -> list[bytes]:
        """The frames of this kind from this sender that it could open."""
        return [frame for who, what, frame in self.frames if what == kind and who == sender]


class Calls:
    """One unit, and whoever calls it."""

    def __init__(self, link: Link = straight) -> None:
        self.people: dict[str, Person] = {}
        self.unit = ForwardingUnit(Ice(), tell=self._tell, addresses=LOOPBACK, link=link)
        self._kids = iter(range(0x100, 0xFFF0, 16))

    async def call(
        self, name: str, *, room: str = "r", layers: bool = False, screen: bool = False, slots: int = 3, kid: int = 0
    ) -> Person:
        """A participant whose media flow."""
        kid = kid or next(self._kids)

        def on_frame(slot: int, kind: str, frame: bytes) -> None:
            self._received(person, slot, kind, frame)

        media = Media(
            Sealer(base(kid), kid), on_frame=on_frame, slots=slots, layers=layers, screen=screen, addresses=LOOPBACK
        )
        person = self.people[name] = Person(name, kid, media, self.unit)
        self.unit.offer(room, name, message=UnitOffer("c1", await media.offer(), kid))
        await person.until(lambda: person.heard(UnitAnswer))
        (answer,) = person.heard(UnitAnswer)
        assert isinstance(answer, UnitAnswer)
        assert await media.accept(answer.sdp)
        return person

    def _tell(self, room: str, participant: str, message: FromUnit) -> None:
        person = self.people[participant]
        person.told.append(message)
        if isinstance(message, Slots):
            person.bound = {one.slot: one.participant for one in message.slots if one.participant}
            if message.screen:
                person.bound[-1] = message.screen

    def _received(self, person: Person, slot: int, kind: str, frame: bytes) -> None:
        person.sealed.append((kind, frame))
        sender = self.people[person.bound[slot]]
        try:
            plain = opened({slot: Opener({sender.kid: base(sender.kid)})}, slot, kind, frame)
        except FrameRefusedError:
            return
        person.frames.append((sender.name, "screen" if slot < 0 else kind, plain))

    async def close(self) -> None:
        """Hang everybody up."""
        for person in self.people.values():
            await person.media.close()
        await self.unit.close()


@asynccontextmanager
async def calls(link: Link = straight) -> AsyncIterator[Calls]:
    """A unit on loopback."""
    made = Calls(link)
    try:
        yield made
    finally:
        await made.close()
