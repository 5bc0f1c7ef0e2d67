"""Headless participants at a real forwarding unit over loopback, without the signalling."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from video.headless.media import Media, opened
from video.ice import Ice
from video.link import Link, straight
from video.media import Unit
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
    made: Callable[[], Media]
    told: list[FromUnit] = field(default_factory=list)
    frames: list[tuple[str, str, bytes]] = field(default_factory=list)
    sealed: list[tuple[str, bytes]] = field(default_factory=list)
    bound: dict[int, str] = field(default_factory=dict)

    async def until(self, holds: Callable[[], object], *, doing: Callable[[], None] = lambda: None) -> None:
        """Wait until something holds, doing something every 20 ms meanwhile, as a camera does."""
        async with asyncio.timeout(30):
            while not holds():
                doing()
                await asyncio.sleep(0.02)

    def heard(self, kind: type[FromUnit]) -> list[FromUnit]:
        """All that it was told of this kind."""
        return [one for one in self.told if isinstance(one, kind)]

    def got(self, kind: str, sender: str) -> list[bytes]:
        """The frames of this kind from this sender that it could open."""
        return [frame for who, what, frame in self.frames if what == kind and who == sender]


class Camera:
    """Frames that differ, of some people's cameras and microphones; a key frame first and when one is asked for."""

    def __init__(self, *people: Person, keys: Sequence[str] = ("h",)) -> None:
        self.people, self.keys, self.count = people, keys, 0

    def __call__(self) -> None:
        """Send the next one of each."""
        self.count += 1
        for person in self.people:
            media = person.media
            frame = KEY_FRAME if self.count % 10 == 1 or media.key_wanted else DELTA_FRAME
            media.key_wanted = False
            for key in self.keys:
                media.picture(frame + key.encode() + self.count.to_bytes(4, "big"), ts=self.count * 3000, key=key)
            media.sound(b"\xf8" + self.count.to_bytes(4, "big"), ts=self.count * 960)


class Calls:
    """Whoever calls a unit; `unit` is set by whoever makes one."""

    unit: Unit

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self._kids = iter(range(0x100, 0xFFF0, 16))

    async def call(
        self, name: str, *, room: str = "r", layers: bool = False, screen: bool = False, slots: int = 3, kid: int = 0
    ) -> Person:
        """A participant whose media flow."""
        kid = kid or next(self._kids)

        def on_frame(slot: int, kind: str, frame: bytes) -> None:
            self._received(person, slot, kind, frame)

        def made() -> Media:
            sealer = Sealer(base(kid), kid)
            return Media(sealer, on_frame=on_frame, slots=slots, layers=layers, screen=screen, addresses=LOOPBACK)

        person = self.people[name] = Person(name, kid, made(), made)
        await self.connect(person, room=room)
        return person

    async def connect(self, person: Person, *, room: str = "r", call: str = "c1") -> None:
        """Offer, and wait until media may flow."""
        self.unit.offer(room, person.name, message=UnitOffer(call, await person.media.offer(), person.kid))
        answer = await self.answered(person, call)
        assert await person.media.accept(answer)

    async def again(self, person: Person, *, call: str, room: str = "r") -> None:
        """What a page does when it is told so: a new call with the same keys."""
        await person.media.close()
        person.media = person.made()
        await self.connect(person, room=room, call=call)

    async def answered(self, person: Person, call: str) -> str:
        """The unit's answer to this call, once it is there."""

        def answers() -> list[str]:
            return [one.sdp for one in person.told if isinstance(one, UnitAnswer) and one.call == call]

        await person.until(answers)
        return answers()[-1]

    def tell(self, room: str, participant: str, message: FromUnit) -> None:
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


@asynccontextmanager
async def calls(link: Link = straight) -> AsyncIterator[Calls]:
    """Callers of a unit in this process."""
    made = Calls()
    made.unit = unit = ForwardingUnit(Ice(), tell=made.tell, addresses=LOOPBACK, link=link)
    try:
        yield made
    finally:
        await made.close()
        await unit.close()
