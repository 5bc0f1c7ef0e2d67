"""The direct way between two, as `web/call.js` goes it: ready, offer, answer, candidates, and the words over both.

The physician's side offers, always. What the other side says of the connection it was told in is checked against what it
committed to; aiortc holds the handshake against the fingerprints of the descriptions.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, VideoFrame

from video.headless.agreement import Tampered
from video.headless.camera import RATE, Source
from video.headless.words import Words, commitment, fingerprints, nonce, short_string
from video.whole import whole

KINDS: Final = ("audio", "video", "video")
"""The sections in their order: sound, camera, screen."""

SOUND_EVERY: Final = 0.02
MOST_WAITING: Final = 4
MOST_EARLY: Final = 64
_OTHER_PRINTS: Final = re.compile(r"a=fingerprint:sha-(?:384|512)[^\r\n]*\r\n")

Say = Callable[..., None]
"""`say(type, **fields)`: one message of the signalling."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture, or 20 ms of sound, of the other side."""

    frame: VideoFrame | AudioFrame


@dataclass(frozen=True, slots=True)
class Connection:
    """How the connection stands: a state of `RTCPeerConnection.connectionState`."""

    state: str


@dataclass(frozen=True, slots=True)
class Value:
    """Something that the other side told over the channel beside sound and picture."""

    value: Any


@dataclass(frozen=True, slots=True)
class Open:
    """The channel is open."""


Heard = Words | Tampered | Pictured | Connection | Value | Open


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What the answering side has committed to: a certificate is one connection's, so each `ready` has its own."""

    pc: RTCPeerConnection
    channel: RTCDataChannel
    nonce: str


class Direct:
    """One call with one other participant; a new `ready` makes a new connection."""

    def __init__(
        self, room: str, peer: str, *, offers: bool, source: Source, servers: list[RTCIceServer],
        say: Say, heard: Callable[[Heard], None],
    ) -> None:  # fmt: skip
        self._room, self._peer, self._offers, self._source = room, peer, offers, source
        self._servers, self._say, self._heard = servers, say, heard
        self._pc: RTCPeerConnection | None = None
        self._channel: RTCDataChannel | None = None
        self._call, self._commit, self._nonce = "", "", ""
        self._waiting: dict[str, _Waiting] = {}
        self._early: list[Mapping[str, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def ready(self) -> None:
        """Say that this side can take part; the answering one commits to its fingerprints and to a nonce."""
        page, fields = nonce(), {}
        if not self._offers:
            pc, secret = self._connection(), nonce()
            self._waiting[page] = _Waiting(pc, self._opened(pc), secret)
            if len(self._waiting) > MOST_WAITING:
                await self._waiting.pop(next(iter(self._waiting))).pc.close()
            fields["commit"] = commitment(secret, fingerprints(_lean((await pc.createOffer()).sdp)))
        self._say("ready", page=page, to=self._peer, **fields)

    async def hear(self, kind: str, said: Mapping[str, Any]) -> None:
        """Take a `ready`, `offer`, `answer` or `candidate` of the other side."""
        match kind:
            case "ready" if not self._offers:
                await self.ready()
            case "ready" if said.get("commit"):
                await self._begin(said["page"], said["commit"])
            case "offer" if not self._offers:
                await self._answer(said)
            case "answer" if self._offers and said["call"] == self._call:
                await self._answered(said)
            case "candidate" if said.get("candidate"):
                await self._candidate(said)

    def send(self, value: object) -> bool:
        """True if the other side is to get it."""
        if self._channel is None or self._channel.readyState != "open":
            return False
        self._channel.send(json.dumps(value, ensure_ascii=False))
        return True

    async def close(self) -> None:
        """Hang up."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pc in (self._pc, *(one.pc for one in self._waiting.values())):
            if pc is not None:
                await pc.close()
        self._pc = self._channel = None
        self._waiting = {}

    async def _begin(self, call: str, commit: str) -> None:
        await self.close()
        pc = self._pc = self._connection()
        self._call, self._commit, self._nonce = call, commit, nonce()
        self._channel = self._opened(pc)
        for kind in KINDS:
            pc.addTransceiver(kind, direction="sendrecv")
        self._show(pc)
        await whole(pc.setLocalDescription(await pc.createOffer()))
        self._say("offer", call=call, sdp=_lean(pc.localDescription.sdp), nonce=self._nonce, to=self._peer)

    async def _answer(self, said: Mapping[str, Any]) -> None:
        if said["call"] == self._call:
            await self.ready()  # aiortc knows no ICE restart: another call takes its place
        if (found := self._waiting.pop(said["call"], None)) is None:
            return
        before, pc = self._pc, found.pc
        self._pc, self._channel, self._nonce, self._call = pc, found.channel, found.nonce, said["call"]
        self._early = [one for one in self._early if one["call"] == self._call]
        if before is not None:
            await before.close()
        await pc.setRemoteDescription(RTCSessionDescription(said["sdp"], "offer"))
        for one in pc.getTransceivers():
            one.direction = "sendrecv"
        self._show(pc)
        await whole(pc.setLocalDescription(await pc.createAnswer()))
        self._say("answer", call=self._call, sdp=_lean(pc.localDescription.sdp), nonce=self._nonce, to=self._peer)
        await self._agreed(pc, said)

    async def _answered(self, said: Mapping[str, Any]) -> None:
        pc = self._pc
        if pc is None or pc.signalingState != "have-local-offer":
            return
        if commitment(said["nonce"], fingerprints(said["sdp"])) != self._commit:
            self._heard(Tampered("fingerprint", self._peer))
            return
        await pc.setRemoteDescription(RTCSessionDescription(said["sdp"], "answer"))
        await self._agreed(pc, said)

    async def _agreed(self, pc: RTCPeerConnection, said: Mapping[str, Any]) -> None:
        own, theirs = fingerprints(_lean(pc.localDescription.sdp)), fingerprints(said["sdp"])
        if not own or not theirs:
            self._heard(Tampered("fingerprint", self._peer))
            return
        self._heard(short_string(self._room, [(own, self._nonce), (theirs, said["nonce"])]))
        early, self._early = self._early, []
        for one in early:
            await self._candidate(one)

    async def _candidate(self, said: Mapping[str, Any]) -> None:
        if self._pc is None or self._pc.remoteDescription is None or said["call"] != self._call:
            self._early = [*self._early, said][-MOST_EARLY:]
            return
        candidate = candidate_from_sdp(said["candidate"].removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = said.get("mid"), said.get("line")
        await self._pc.addIceCandidate(candidate)

    def _connection(self) -> RTCPeerConnection:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=self._servers))  # never None: that would be a public one

        def changed() -> None:
            if pc is self._pc:
                self._heard(Connection(pc.connectionState))

        def came(track: MediaStreamTrack) -> None:
            self._run(self._watch(track))

        pc.on("connectionstatechange", changed)
        pc.on("track", came)
        return pc

    def _opened(self, pc: RTCPeerConnection) -> RTCDataChannel:
        channel = pc.createDataChannel("text", negotiated=True, id=0)

        def told(data: str | bytes) -> None:
            with contextlib.suppress(ValueError):
                self._heard(Value(json.loads(data)))

        channel.on("message", told)
        channel.on("open", lambda: self._heard(Open()))
        return channel

    def _show(self, pc: RTCPeerConnection) -> None:
        """Send sound and camera in the first two sections; the screen stays dark."""
        sound, camera, *_ = pc.getTransceivers()
        sound.sender.replaceTrack(_Sound(self._source))
        camera.sender.replaceTrack(_Picture(self._source))

    async def _watch(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, VideoFrame | AudioFrame):
                    self._heard(Pictured(frame))

    def _run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Paced(MediaStreamTrack):
    """Frames of a source, each in its time."""

    every: float

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._began, self._count = asyncio.get_running_loop().time(), 0

    async def _turn(self) -> None:
        if self.readyState != "live":
            raise MediaStreamError
        self._count += 1
        await asyncio.sleep(self._began + self._count * self.every - asyncio.get_running_loop().time())


class _Picture(_Paced):
    kind = "video"
    every = 1 / RATE

    async def recv(self) -> VideoFrame:
        await self._turn()
        return self._source.frame()


class _Sound(_Paced):
    kind = "audio"
    every = SOUND_EVERY

    async def recv(self) -> AudioFrame:
        await self._turn()
        return self._source.wave()


def _lean(sdp: str) -> str:
    """Ours with one fingerprint: of several, browsers keep one, and the words are over what they keep."""
    return _OTHER_PRINTS.sub("", sdp)
