"""Passing packets on without reading their content: SSRCs are rewritten, payloads are not looked at. No I/O.

Here is the mirror of the pre-call check: what a browser sends comes back to it under other SSRCs, and its feedback about
what came back reaches it as feedback about what it sent. So its own statistics measure the way there and back, lost
packets are asked for again, and key frames too, without any state about the media here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from video import rtcp
from video.rtcp import Block, Feedback, Packet, Report

RTP_HEADER: Final = 12
LARGEST_PACKET: Final = 1500
FIR_ENTRY: Final = 8


class Mirror:
    """One sender's way back to itself; `streams` says under which SSRC each accepted payload type returns."""

    def __init__(self, streams: Mapping[int, int]) -> None:
        self._streams = dict(streams)
        self._back: dict[int, int] = {}  # SSRC that we send -> SSRC that the browser sends
        self._own = min(streams.values(), default=0)

    def rtp(self, packet: bytes) -> bytes | None:
        """The packet as it returns; None for a payload type that was not agreed."""
        if not RTP_HEADER <= len(packet) <= LARGEST_PACKET or packet[0] >> 6 != 2:
            return None
        out = self._streams.get(packet[1] & 0x7F)
        if out is None:
            return None
        self._back[out] = int.from_bytes(packet[8:12], "big")
        return packet[:8] + out.to_bytes(4, "big") + packet[12:]

    def rtcp(self, data: bytes) -> bytes | None:
        """The feedback as it returns; None where nothing of it concerns a stream of ours."""
        try:
            packets = rtcp.parse(data)
        except rtcp.MalformedError:
            return None
        mirrored = [turned for packet in packets if (turned := self._turned(packet)) is not None]
        return rtcp.write(mirrored) if mirrored else None

    def _turned(self, packet: Packet) -> Packet | None:
        if isinstance(packet, Feedback):
            return self._feedback(packet)
        blocks = tuple(Block(self._back[block.ssrc], block.rest) for block in packet.blocks if block.ssrc in self._back)
        if not packet.sender_info:
            return Report(self._own, b"", blocks) if blocks else None
        sent = {browser: ours for ours, browser in self._back.items()}
        return Report(sent[packet.ssrc], packet.sender_info, blocks) if packet.ssrc in sent else None

    def _feedback(self, packet: Feedback) -> Feedback | None:
        turned = replace(packet, sender=self._own, media=self._back.get(packet.media, 0))
        match packet.kind, packet.format:
            case (rtcp.RTPFB, rtcp.NACK) | (rtcp.PSFB, rtcp.PLI):
                return turned if packet.media in self._back else None
            case (rtcp.PSFB, rtcp.FIR):
                return replace(turned, fci=self._fir(packet.fci))
            case (rtcp.PSFB, rtcp.AFB):
                about = tuple(self._back[ssrc] for ssrc in rtcp.remb_ssrcs(packet.fci) if ssrc in self._back)
                return replace(turned, fci=rtcp.with_remb_ssrcs(packet.fci, about)) if about else None
        return None

    def _fir(self, fci: bytes) -> bytes:
        entries = (fci[at : at + FIR_ENTRY] for at in range(0, len(fci) - FIR_ENTRY + 1, FIR_ENTRY))
        known = ((self._back.get(int.from_bytes(entry[:4], "big")), entry[4:]) for entry in entries)
        return b"".join(ssrc.to_bytes(4, "big") + rest for ssrc, rest in known if ssrc is not None)
