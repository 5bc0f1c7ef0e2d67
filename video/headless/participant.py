"""A participant without a browser: takes part in a room as a page does, and keeps what it saw.

Between two it goes the direct way, with others through the forwarding unit, or there at once where it is told so. It
agrees on words and keys with the pages; what comes that nobody sealed ends the call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiortc import RTCIceServer
from av import VideoFrame

from video.headless import circle as group
from video.headless import direct
from video.headless.agreement import Agreed, Person, Tampered
from video.headless.camera import Screen, Source
from video.headless.circle import Circle
from video.headless.direct import Direct
from video.headless.socket import SocketClosed
from video.headless.through import Through
from video.headless.words import Words
from video.room import Role
from video.sframe import key_id
from video.whole import whole

DIRECT_WITHIN: Final = 8.0
"""Seconds after which a direct way that does not connect is given up for the one through the unit."""

ON: Final = {"media": {"audio": True, "video": True, "screen": False, "held": False, "signing": False}}


PING_EVERY: Final = 20.0


class CallFailedError(Exception):
    """The call did not come about; the text says where it stopped."""


class CallTamperedError(CallFailedError):
    """Somebody broke a commitment, or something came that nobody sealed; the text says which."""


class Socket(Protocol):
    """The signalling of one participant, already welcomed."""

    welcome: dict[str, Any]

    async def say(self, kind: str, **fields: Any) -> None:
        """Send one message."""

    async def hear(self) -> dict[str, Any]:
        """The next message; `SocketClosed` at the end."""


@dataclass(slots=True)
class Seen:
    """What came from one other participant: counts of what opened, and of what did not."""

    pictures: int = 0
    sounds: int = 0
    strange: int = 0
    screen: Screen = field(default_factory=Screen)


@dataclass(frozen=True, slots=True)
class Watch:
    """What a participant does about others; each is told by id. Pictures are only decoded where somebody looks."""

    said: Callable[[str, str], None] = lambda _id, _text: None
    """A line that somebody finished, or a chat message."""

    met: Callable[[str], None] = lambda _id: None
    """Messages reach this participant from now on."""

    shown: Callable[[str, VideoFrame], None] | None = None
    """A picture."""

    sealed: Callable[[str, str, bytes], None] = lambda _id, _kind, _frame: None
    """A frame as the unit forwarded it, and its kind."""


class Participant:
    """One participant, from the welcome to the end of the room."""

    def __init__(
        self, socket: Socket, room: str, *, source: Source, addresses: Sequence[str] = (), through_unit: bool = False,
        watch: Watch | None = None,
    ) -> None:  # fmt: skip
        you = socket.welcome["you"]
        self.me = Person(you["id"], you["role"])
        self.words: Words | None = None
        self.path = ""
        self.seen: dict[str, Seen] = {}
        self.circle: Circle | None = None
        self._socket, self._room, self._source, self._addresses = socket, room, source, addresses
        self._through_unit, self._watch = through_unit, watch or Watch()
        self._servers = [RTCIceServer(**one) for one in socket.welcome["ice"]]
        self._peers: dict[str, Mapping[str, Any]] = {}
        self._direct: tuple[str, Direct] | None = None
        self._through: Through | None = None
        self._unable: set[str] = set()
        self._outgoing: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._steps: dict[str, asyncio.Queue[Callable[[], Awaitable[None]]]] = {
            way: asyncio.Queue() for way in ("direct", "unit")
        }
        self._tampered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines = 0

    async def run(self) -> None:
        """Nothing, once the room has ended; `CallTamperedError` where nobody should go on talking."""
        work = [self._read(), self._write(), *(self._worked_off(one) for one in self._steps.values())]
        tasks = [asyncio.ensure_future(one) for one in (*work, self._tampered)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except SocketClosed:
            return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await whole(self._hang_up())

    @property
    def connected(self) -> bool:
        """True while there is a way for media, to another participant or to the unit."""
        return self.path == "direct" or (self._through is not None and self._through.connected)

    @property
    def others(self) -> list[Person]:
        """Everybody else who is admitted and may be seen and heard."""
        return [
            Person(id, one["role"], here=one["connected"] and id not in self._unable)
            for id, one in self._peers.items()
            if one["admitted"] and Role(one["role"]).has_media
        ]

    def write(self, text: str) -> None:
        """Put a finished line of real-time text on everybody's screen."""
        self._lines += 1
        self._put({"line": f"{self.me.id}.{self._lines}", "text": text, "done": True})

    def chat(self, text: str) -> None:
        """Say something in the chat."""
        self._put({"chat": text})

    def say(self, kind: str, **fields: Any) -> None:
        """Say one message of the signalling, in its turn."""
        self._outgoing.put_nowait((kind, fields))

    # --- who is here

    async def _read(self) -> None:
        self._note_all(self._socket.welcome["peers"])
        while True:
            said = await self._socket.hear()
            kind = said["type"]
            match kind:
                case "admitted":
                    self._note_all(said["peers"])
                case "peer":
                    self._note(said)
                    self._look()
                case "refused" if said.get("call"):
                    raise CallFailedError(f"The service refused: {said['reason']}.")
                case "sealed":
                    self._sealed(said["from"], said["data"])
                case "ready" | "offer" | "answer" | "candidate":
                    self._hear_direct(kind, said)
                case "unit" | "again" | "slots" | "wanted" if self._through is not None:
                    self._hear_unit(kind, self._through, said)

    def _note_all(self, peers: Sequence[Mapping[str, Any]]) -> None:
        for one in peers:
            self._note(one)
        self._look()

    def _note(self, one: Mapping[str, Any]) -> None:
        if one.get("gone"):
            self._peers.pop(one["id"], None)
            return
        self._peers[one["id"]] = one
        if not one["admitted"] and Role(self.me.role).admits:
            self.say("admit", participant=one["id"])

    def _look(self) -> None:
        others = self.others
        if self.circle is not None:
            self.circle.people(others)
        if self._direct is not None and self._direct[0] not in {one.id for one in others}:
            self._step("direct", self._drop_direct)
        if self._through is None and (len(others) > 1 or (others and self._through_unit)):
            self._to_unit()
        elif self._through is None and len(others) == 1 and self._direct is None:
            self._go_direct(others[0])

    # --- the direct way

    def _go_direct(self, peer: Person) -> None:
        mine, theirs = Role(self.me.role).admits, Role(peer.role).admits
        offers = self.me.id < peer.id if mine == theirs else mine
        call = Direct(
            self._room, peer.id, offers=offers, source=self._source, servers=self._servers, say=self.say,
            heard=lambda found: self._heard_directly(peer.id, found),
        )  # fmt: skip
        self._direct = peer.id, call
        self._step("direct", call.ready)
        asyncio.get_running_loop().call_later(DIRECT_WITHIN, lambda: self._give_up(call))

    def _give_up(self, call: Direct) -> None:
        if self._direct is not None and self._direct[1] is call and self.path == "" and not self._unable:
            self._to_unit()

    def _hear_direct(self, kind: str, said: Mapping[str, Any]) -> None:
        if self.circle is not None and kind == "ready":
            self.circle.welcome(said["from"])
        if self._direct is not None and self._direct[0] == said["from"]:
            call = self._direct[1]
            self._step("direct", lambda: call.hear(kind, said))

    def _heard_directly(self, id: str, found: direct.Heard) -> None:
        match found:
            case Words():
                self.words = found
            case Tampered():
                self._end_tampered(found)
            case direct.Connection(state="connected") if self.path == "":
                self.path = "direct"
            case direct.Connection(state="failed") if self.path != "unit":
                self.path = ""
                self._to_unit()
            case direct.Pictured(frame):
                seen = self.seen.setdefault(id, Seen())
                if isinstance(frame, VideoFrame):
                    seen.pictures += 1
                    if self._watch.shown is not None:
                        self._watch.shown(id, frame)
                else:
                    seen.sounds += 1
            case direct.Value(value):
                self._told(id, value)
            case direct.Open():
                self._put(ON)
                self._watch.met(id)

    async def _hang_up(self) -> None:
        await self._drop_direct()
        if self._through is not None:
            await self._through.close()

    async def _drop_direct(self) -> None:
        if self._direct is not None:
            (_, call), self._direct = self._direct, None
            await call.close()

    # --- through the unit

    def _to_unit(self) -> None:
        if self._through is not None:
            return
        loop = asyncio.get_running_loop()
        self.circle = Circle(
            self._room, self.me, heard=self._heard_in_circle, later=loop.call_later,
            say=lambda data, to: self.say("sealed", data=data, **({"to": to} if to else {})),
        )  # fmt: skip
        self._through = Through(
            self.circle, self._source, servers=self._servers, addresses=self._addresses, say=self.say,
            on_frame=self._frame, on_strange=self._strange, on_sealed=self._watch.sealed,
        )  # fmt: skip
        self.circle.people(self.others)
        self._step("unit", self._through.offer)

    def _sealed(self, sender: str, data: str) -> None:
        if self.circle is None and sender in self._peers:
            self._to_unit()
        if self.circle is not None:
            if sender in self._unable:  # a page that was loaded anew, or one that says the same again
                self._unable.remove(sender)
                self._look()
            self.circle.hear(sender, data)

    def _hear_unit(self, kind: str, through: Through, said: Mapping[str, Any]) -> None:
        match kind:
            case "unit":
                self._step("unit", lambda: through.answered(said))
            case "again":
                self._step("unit", lambda: through.again(said))
            case "slots":
                through.bind(said)
            case _:
                through.wanted(said)

    def _heard_in_circle(self, found: group.Heard) -> None:
        match found:
            case Agreed(words=words):
                self.words = words
            case Tampered():
                self._end_tampered(found)
            case group.Keyed():
                self._put(ON)
            case group.Learned(id):
                self._put(ON)
                self._watch.met(id)
            case group.Told(id, value):
                self._told(id, value)
            case group.Unable(id):
                self._unable.add(id)
                self._look()
                if len(self.others) == 1 and self._direct is None:
                    self._go_direct(self.others[0])

    def _frame(self, id: str, kind: str, frame: bytes) -> None:
        if self.path != "unit":
            self.path = "unit"
            self._step("direct", self._drop_direct)
        seen = self.seen.setdefault(id, Seen())
        if kind == "audio":
            seen.sounds += 1
            return
        seen.pictures += 1
        if self._watch.shown is not None:
            for picture in seen.screen.decoded(frame):
                self._watch.shown(id, picture)

    def _strange(self, id: str, frame: bytes) -> None:
        self.seen.setdefault(id, Seen()).strange += 1
        if key_id(frame) < 0:
            self._end_tampered(Tampered("plain", id))

    # --- what is told beside sound and picture

    def _put(self, value: object) -> None:
        sent = self.path != "unit" and self._direct is not None and self._direct[1].send(value)
        if not sent and self.circle is not None:
            self.circle.put(value)

    def _told(self, id: str, value: Any) -> None:
        match value:
            case {"chat": str(text)} | {"line": str(), "text": str(text), "done": True}:
                self._watch.said(id, text)

    # --- one thing after the other

    def _step(self, way: str, step: Callable[[], Awaitable[None]]) -> None:
        self._steps[way].put_nowait(step)

    async def _worked_off(self, steps: asyncio.Queue[Callable[[], Awaitable[None]]]) -> None:
        while True:
            await (await steps.get())()

    async def _write(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PING_EVERY):
                    kind, fields = await self._outgoing.get()
            except TimeoutError:
                kind, fields = "ping", {"n": 1}
            await self._socket.say(kind, **fields)

    def _end_tampered(self, found: Tampered) -> None:
        if not self._tampered.done():
            about = {"plain": "something came that nobody had sealed"}.get(
                found.reason, f"the {found.reason} is another's"
            )
            self._tampered.set_exception(CallTamperedError(f"Nobody should go on talking: {about}."))
