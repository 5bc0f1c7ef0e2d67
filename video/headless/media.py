"""The media of a headless participant: sealed frames out, sealed frames in, over one transport to the unit."""

import secrets
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from aiortc import RTCIceServer

from video import rtcp, rtp
from video.headless import offer as sdp
from video.headless.packets import Assembly, packetised
from video.rtcp import Packet as RtcpPacket
from video.sdp import Local
from video.sframe import Opener, Suite, clear_of_vp8
from video.transport import Path

LAYER_SSRC: Final = {"h": sdp.FIRST_PICTURE_SSRC, "l": sdp.FIRST_PICTURE_SSRC + 1, "screen": sdp.SCREEN_SSRC}
HISTORY: Final = 512
KEY_EVERY: Final = 0.5
"""Seconds between two wishes for a key frame: what is lost on the way here is not asked for packet by packet."""
HEAD: Final = struct.Struct("!BBHLLHH")

OnFrame = Callable[[int, str, bytes], None]
"""Slot, kind, and the frame as it came: sealed."""


class Seals(Protocol):
    """What seals the frames that go out."""

    def seal(self, frame: bytes, *, suite: Suite, clear: int = 0) -> bytes:
        """The frame as it may leave."""


class Stream:
    """One stream that goes up: numbered, remembered for a while, sent again when asked for."""

    def __init__(self, ssrc: int, payload_type: int, *, rid: str = "") -> None:
        self.ssrc, self.type = ssrc, payload_type
        self.rid = bytes([sdp.RID_ID << 4 | len(rid) - 1]) + rid.encode() if rid else b""
        self.seq = secrets.randbelow(0x7FFF)
        self.sent: dict[int, bytes] = {}

    def packet(self, payload: bytes, *, ts: int, last: bool, number: int) -> bytes:
        """The next packet of this stream, with its transport-wide number (and the name of its layer)."""
        self.seq = (self.seq + 1) & 0xFFFF
        extension = bytes([sdp.WIDE_ID << 4 | 1]) + number.to_bytes(2, "big") + self.rid
        extension += bytes(-len(extension) % 4)
        second = (rtp.MARKER if last else 0) | self.type
        head = HEAD.pack(0x90, second, self.seq, ts & 0xFFFFFFFF, self.ssrc, rtp.ONE_BYTE, len(extension) // 4)
        packet = self.sent[self.seq] = head + extension + payload
        if len(self.sent) > HISTORY:
            del self.sent[next(iter(self.sent))]
        return packet


class Media:
    """One call of one participant; what arrives is handed to `on_frame` unopened, `open` opens it."""

    def __init__(
        self,
        sealer: Seals,
        *,
        on_frame: OnFrame,
        slots: int = 1,
        layers: bool = False,
        screen: bool = False,
        addresses: Sequence[str] = (),
        servers: Sequence[RTCIceServer] = (),
    ) -> None:
        self.key_wanted = False
        self.sent = self.received = 0
        self.limit = 0
        self._sealer, self._on_frame = sealer, on_frame
        self._slots, self._layers, self._screen = slots, layers, screen
        self._path = Path(self, servers=list(servers), addresses=addresses, calls=True)
        rids = {"h": "h", "l": "l"} if layers else {}
        self._pictures = {key: Stream(ssrc, sdp.VP8, rid=rids.get(key, "")) for key, ssrc in LAYER_SSRC.items()}
        self._sound = Stream(sdp.AUDIO_SSRC, sdp.OPUS)
        self._own = {one.ssrc: one for one in (*self._pictures.values(), self._sound)}
        self._streams: dict[int, tuple[int, str]] = {}
        self._assemblies: dict[int, Assembly] = {}
        self._last: dict[int, int] = {}
        self._asked_key = 0.0
        self._number, self._picture = 0, 0

    async def offer(self) -> str:
        """The offer for the unit."""
        return self._written(await self._path.gather())

    async def accept(self, answer: str) -> bool:
        """True once media may flow."""
        read = sdp.read_answer(answer)
        self._streams = read.streams
        return await self._path.connect(read, read.candidates)

    async def offer_again(self) -> str:
        """The offer of an ICE restart, from new ports."""
        return self._written(await self._path.gather_again())

    def move(self, answer: str) -> None:
        """Go over to the way that the answer to `offer_again` names."""
        read = sdp.read_answer(answer)
        self._path.move(read, read.candidates)

    @property
    def address(self) -> tuple[str, int] | None:
        """Our own end of the way that is used now."""
        return self._path.address

    async def close(self) -> None:
        """Hang up."""
        await self._path.close()

    def picture(self, frame: bytes, *, ts: int, key: str = "h") -> None:
        """Seal and send a VP8 frame as the camera's layer `h` or `l`, or as the screen."""
        self.picture_as_it_is(self._sealer.seal(frame, suite=Suite.GCM_128, clear=clear_of_vp8(frame)), ts=ts, key=key)

    def picture_as_it_is(self, frame: bytes, *, ts: int, key: str = "h") -> None:
        """Send a frame unsealed: for the tests that it goes nowhere."""
        self._picture = (self._picture + 1) & 0x7FFF
        payloads = packetised(frame, self._picture)
        for place, payload in enumerate(payloads, 1):
            self._send(self._pictures[key], payload, ts=ts, last=place == len(payloads))

    def sound(self, frame: bytes, *, ts: int) -> None:
        """Seal and send an Opus frame."""
        self._send(self._sound, self._sealer.seal(frame, suite=Suite.CTR_80), ts=ts, last=False)

    def rtp(self, packet: bytes) -> None:
        """Take a media packet of the unit."""
        start = rtp.payload_start(packet)
        if start < 0:
            return
        _, second, seq, _, ssrc = rtp.HEADER.unpack_from(packet)
        where = self._streams.get(ssrc)
        if where is None:
            return
        self.received += 1
        if where[1] == "audio":
            self._on_frame(*where, packet[start:])
            return
        self._look_for_gaps(ssrc, seq)
        if (frame := self._assemblies.setdefault(ssrc, Assembly()).add(second, seq, packet[start:])) is not None:
            self._on_frame(*where, frame)

    def rtcp(self, data: bytes) -> None:
        """Send again what the unit asks for, note when it wants a key frame, and its limit."""
        for packet in rtcp.parse(data):
            match packet:
                case rtcp.Feedback(rtcp.RTPFB, rtcp.NACK):
                    for number in rtcp.nacked(packet.fci):
                        if (one := self._own.get(packet.media)) is not None and number in one.sent:
                            self._path.send(one.sent[number])
                case rtcp.Feedback(rtcp.PSFB, rtcp.PLI):
                    self.key_wanted = True
                case rtcp.Feedback(rtcp.PSFB, rtcp.AFB):
                    self.limit = rtcp.remb_bits(packet.fci)
                case _:
                    pass

    def feedback(self, packets: list[RtcpPacket]) -> None:
        """Send feedback about what was received."""
        self._path.send(rtcp.write(packets))

    def ask_key(self, slot: int) -> None:
        """Wish for a key frame of the picture in this place, though not more often than twice a second."""
        now = time.monotonic()
        if now - self._asked_key > KEY_EVERY:
            self._asked_key = now
            wanted = [ssrc for ssrc, where in self._streams.items() if where == (slot, "video")]
            self.feedback([rtcp.Feedback(rtcp.PSFB, rtcp.PLI, sdp.AUDIO_SSRC, ssrc, b"") for ssrc in wanted])

    def _look_for_gaps(self, ssrc: int, seq: int) -> None:
        last = self._last.get(ssrc, seq - 1 & 0xFFFF)
        ahead = seq - last & 0xFFFF
        if 0 < ahead < 0x8000:
            self._last[ssrc] = seq
        if 1 < ahead < 0x8000:
            self.ask_key(self._streams[ssrc][0])

    def _written(self, local: Local) -> str:
        return sdp.write_offer(local, slots=self._slots, layers=self._layers, screen=self._screen)

    def _send(self, stream: Stream, payload: bytes, *, ts: int, last: bool) -> None:
        self._number = (self._number + 1) & 0xFFFF
        self.sent += 1
        self._path.send(stream.packet(payload, ts=ts, last=last, number=self._number))


def opened(openers: Mapping[int, Opener], slot: int, kind: str, frame: bytes) -> bytes:
    """What was sealed by whoever is bound to the slot; `FrameRefusedError`, or KeyError where nobody is."""
    suite, clear = (Suite.CTR_80, 0) if kind == "audio" else (Suite.GCM_128, clear_of_vp8(frame))
    return openers[slot].open(frame, suite=suite, clear=clear)
