"""One stream that a participant receives: always the same SSRC, whoever is bound to it and whichever layer is chosen.

Sequence numbers, time stamps and picture numbers go on without a gap when the source changes, so that a browser sees one
stream. The payload behind the VP8 descriptor is not read. No I/O; this is the hot path.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from video import rtcp, rtp
from video.bandwidth import Sent
from video.rtcp import Block, Report
from video.uplink import Uplink

HISTORY: Final = 512
RESEND_AFTER: Final = 0.02
HEADER: Final = Struct("!BBHLLHHBHB")
"""Twelve bytes of header and the extension with the transport-wide number; all zero, which is padding, without one."""

SIZE: Final = HEADER.size
WITH_EXTENSION: Final = 0x90
FEWEST: Final = 20
"""Packets; a share of fewer says nothing about a line."""

YOUNG: Final = 2000
"""Packets after a change of source, within which some from before it may still come."""


@dataclass(frozen=True, slots=True)
class Format:
    """What was agreed for a receiving section: payload type of each codec, RTX, the transport-wide number (0: none)."""

    kind: str
    clock: int
    payloads: Mapping[str, int]
    rtx: int | None
    wide: int


class Outgoing:
    """The packets of one participant in the order in which they leave, numbered through for their acknowledgements."""

    def __init__(self) -> None:
        self.send: Callable[[bytes], None] = _nowhere
        self.number = 0
        self.waits = False
        """True if a key frame is waited for, or was asked for, by one of the streams; the beat looks here first."""

        self.sent = Sent()


class Downlink:
    """A slot's sound, a slot's picture or the screen, from the answer to the end."""

    def __init__(self, ssrc: int, rtx_ssrc: int, *, form: Format, out: Outgoing) -> None:
        self.ssrc, self.rtx_ssrc, self.form = ssrc, rtx_ssrc, form
        self.source: Uplink | None = None
        self.pending: Uplink | None = None
        self._wants_key = False
        self.packets = self.octets = 0
        self._lost = self._highest = self._share = 0
        self._asked: tuple[int, int] | None = None
        self._out = out
        self._payloads: dict[int, int] = {}
        self._coming: dict[int, int] = {}
        self._history: list[bytes] = [b""] * HISTORY
        self._resent = [0.0] * HISTORY
        self._shift, self._ts_shift = 0, 0
        self._last_seq, self._first_ts, self._last_at = secrets.randbelow(0x7FFF), secrets.randbits(32), 0.0
        self._last = b""
        self._young, self._since = 0, 0
        self._begin_next = True
        self._moved: tuple[int, int] | None = None
        self._rtx_seq = secrets.randbelow(0x7FFF)
        self._element, self._numbered = (form.wide << 4 | 1, 0xFFFF) if form.wide else (0, 0)

    def follow(self, source: Uplink | None, payloads: Mapping[int, int]) -> None:
        """Forward this stream from now on; a picture from its next key frame on, and until then what was before.

        `payloads` says which payload type of the source is which one here.
        """
        if source is (self.pending or self.source):
            return
        if self.pending is not None:
            self.pending.unwatch(self._await_key)
            self.pending = None
        if source is self.source:
            return
        if source is None or self.form.kind == "audio":
            self._switch(source, payloads)
        else:
            self.pending, self._coming = source, dict(payloads)
            source.watch(self._await_key)
            self._out.waits = True

    def ask_key(self) -> None:
        """Note that the receiver can't go on without a key frame."""
        self._wants_key = self._out.waits = True

    def waits_for(self) -> Uplink | None:
        """The stream whose key frame is waited for, or was asked for since the last time."""
        wanted = self.pending or (self.source if self._wants_key else None)
        self._wants_key = False
        return wanted

    def release(self) -> None:
        """Forward nothing any more."""
        self.follow(None, {})

    def told(self, about: Block) -> None:
        """Take in what the receiver reports of this stream."""
        self._lost, self._highest = about.lost, about.highest
        if self._asked is None:
            self._asked = about.lost, about.highest

    def loss(self) -> int:
        """The share that was lost since this was last asked, in 256ths.

        From the sums: the share in a report is about the packets since the report before, and browsers send one as soon
        as they miss something, so that it may be two of three.
        """
        lost, highest = self._asked or (0, 0)
        expected = self._highest - highest
        if expected >= FEWEST:
            self._asked = self._lost, self._highest
            self._share = min(255, max(0, self._lost - lost) * 256 // expected)
        return self._share

    def _pass_report(self, report: Report) -> None:
        """Tell the source's times as those of this stream, once something of it was forwarded."""
        if self._begin_next or len(report.sender_info) != 20:
            return
        ts = (int.from_bytes(report.sender_info[8:12], "big") + self._ts_shift) & 0xFFFFFFFF
        counts = (ts, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF)
        info = report.sender_info[:8] + b"".join(n.to_bytes(4, "big") for n in counts)
        self._out.send(rtcp.write([Report(self.ssrc, info, ())]))

    def resend(self, numbers: Sequence[int], now: float) -> int:
        """How many of these packets were sent again: as RTX (RFC 4588), or where there is none as they were."""
        count = 0
        for number in numbers:
            place = number % HISTORY
            packet = self._history[place]
            if packet[2:4] != number.to_bytes(2, "big") or now - self._resent[place] < RESEND_AFTER:
                continue
            self._resent[place] = now
            count += 1
            if self.form.rtx is None:
                # The very same bytes, extension included: under AES-GCM a number may never protect two texts.
                self._out.send(packet)
            else:
                self._again(packet, number, now=now)
        return count

    def _switch(self, source: Uplink | None, payloads: Mapping[int, int]) -> None:
        if self.source is not None:
            self.source.unwatch(self._begin)
            self.source.unwatch(self.forward)
            self.source.on_report = tuple(one for one in self.source.on_report if one != self._pass_report)
            self.source.losses = tuple(one for one in self.source.losses if one != self.loss)
        self.source, self._payloads = source, dict(payloads)
        self._begin_next = True
        if source is not None:
            source.watch(self._begin)
            source.on_report = (*source.on_report, self._pass_report)
            source.losses = (*source.losses, self.loss)

    def _await_key(self, second: int, seq: int, ts: int, payload: bytes) -> None:
        descriptor = rtp.vp8(payload)
        if self.pending is None or descriptor is None or not descriptor.starts_key_frame:
            return
        source, self.pending = self.pending, None
        source.unwatch(self._await_key)
        self._switch(source, self._coming)
        self._begin(second, seq, ts, payload)

    def _begin(self, second: int, seq: int, ts: int, payload: bytes) -> None:
        """The first packet of a source: what follows goes on where the one before ended."""
        source = self.source
        assert source is not None
        source.unwatch(self._begin)
        source.watch(self.forward)
        self._begin_next = False
        elapsed = max(int((source.at - self._last_at) * self.form.clock), 1) if self._last_at else 1
        self._shift = (self._last_seq + 1 - seq) & 0xFFFF
        last = self._last
        before = int.from_bytes(last[4:8], "big") if last else self._first_ts
        self._ts_shift = (before + elapsed - ts) & 0xFFFFFFFF
        self._young, self._since = YOUNG, seq
        self._moved = self._picture_shift(payload, last[SIZE:]) if self.form.kind == "video" else None
        self.forward(second, seq, ts, payload)

    def forward(self, second: int, seq: int, ts: int, payload: bytes) -> None:
        """Send one packet of the source on."""
        payload_type = self._payloads.get(second & 0x7F)
        if payload_type is None:
            return
        if self._young:
            self._young -= 1
            if (seq - self._since) & 0x8000:
                return
        if self._moved is not None:
            payload = self._renumbered(payload, self._moved)
        out = self._out
        number = out.number = (out.number + 1) & self._numbered
        seq = (seq + self._shift) & 0xFFFF
        ts = (ts + self._ts_shift) & 0xFFFFFFFF
        second = second & 0x80 | payload_type
        packet = HEADER.pack(WITH_EXTENSION, second, seq, ts, self.ssrc, 0xBEDE, 1, self._element, number, 0) + payload
        self._history[seq % HISTORY] = packet
        if not (seq - self._last_seq) & 0x8000:
            self._last_seq, self._last = seq, packet
        self.packets += 1
        self.octets += len(payload)
        if self.source is not None:
            now = self._last_at = self.source.at
            out.sent.note(number, now, len(packet))
        out.send(packet)

    def _again(self, packet: bytes, number: int, *, now: float) -> None:
        assert self.form.rtx is not None
        out = self._out
        wide = out.number = (out.number + 1) & self._numbered
        self._rtx_seq = (self._rtx_seq + 1) & 0xFFFF
        ts = int.from_bytes(packet[4:8], "big")
        second = packet[1] & 0x80 | self.form.rtx
        head = HEADER.pack(WITH_EXTENSION, second, self._rtx_seq, ts, self.rtx_ssrc, 0xBEDE, 1, self._element, wide, 0)
        out.sent.note(wide, now, len(packet))
        out.send(head + number.to_bytes(2, "big") + packet[SIZE:])

    @staticmethod
    def _picture_shift(payload: bytes, last: bytes) -> tuple[int, int] | None:
        now, before = rtp.vp8(payload), rtp.vp8(last)
        if now is None or before is None:
            return None
        return before.picture(last) + 1 - now.picture(payload), before.level(last) + 1 - now.level(payload)

    @staticmethod
    def _renumbered(payload: bytes, moved: tuple[int, int]) -> bytes:
        descriptor = rtp.vp8(payload)
        if descriptor is None:
            return payload
        picture = descriptor.picture(payload) + moved[0]
        return descriptor.moved(payload, picture, level=descriptor.level(payload) + moved[1])


def _nowhere(packet: bytes) -> None:
    """Nothing: there is no connection yet."""
