"""What a forwarded packet costs the relay that aiortc comes with: one caller, whose sound and picture come back.

The caller sends frames that were encoded before, so that only the relay encodes; its own work is not counted.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from fractions import Fraction
from typing import Any, Final

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from av.packet import Packet

from tests.bench.unit import Server
from video.headless.camera import Camera

RATE: Final = 15


class Encoded(MediaStreamTrack):
    """A track of packets that are repeated for ever."""

    def __init__(self, kind: str, packets: list[bytes], *, rate: int) -> None:
        super().__init__()
        self.kind, self._packets, self._rate = kind, itertools.cycle(packets), rate
        self._began, self._count = 0.0, 0

    async def recv(self) -> "Packet[Any]":
        """The next one, when it is due."""
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(0.0, self._began + self._count / self._rate - time.monotonic()))
        packet = Packet(next(self._packets))
        packet.pts, packet.time_base = self._count, Fraction(1, self._rate)
        self._count += 1
        return packet


async def measured(*, seconds: float) -> float:
    """Microseconds of processor for a packet that comes back."""
    command = [sys.executable, "-m", "tests.bench.unit_stock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220  once, before anything runs
        serving, connection, hole = (
            Server(process),
            RTCPeerConnection(RTCConfiguration(iceServers=[])),
            MediaBlackhole(),
        )
        connection.on("track", hole.addTrack)
        for track in _tracks():
            connection.addTrack(track)
        await connection.setLocalDescription(await connection.createOffer())
        answer = await asyncio.to_thread(serving.ask, do="offer", sdp=connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await hole.start()
        await asyncio.sleep(seconds / 2)
        before: Any = await asyncio.to_thread(serving.ask, do="cpu")
        await asyncio.sleep(seconds)
        after: Any = await asyncio.to_thread(serving.ask, do="cpu")
        await hole.stop()
        await connection.close()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)
    return 1e6 * float(after["cpu"] - before["cpu"]) / int(after["packets"] - before["packets"])


def _tracks() -> list[MediaStreamTrack]:
    camera = Camera()
    sounds = [frame for _ in range(100) for frame in camera.sounds()]
    return [Encoded("audio", sounds, rate=50), Encoded("video", _film(), rate=RATE)]


def _film() -> list[bytes]:
    """Four seconds of 640x360 at about a megabit a second; the first frame is a key frame."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt, codec.bit_rate = 640, 360, "yuv420p", 1_000_000
    codec.time_base, codec.options = Fraction(1, RATE), {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    found = []
    for count in range(4 * RATE):
        frame = av.VideoFrame(640, 360, "yuv420p")
        for plane in frame.planes:
            line = bytes((place * (count + 1)) % 251 for place in range(plane.line_size))
            plane.update(line * plane.height)
        frame.pts = count
        found += [bytes(packet) for packet in codec.encode(frame)]
    return found


def run(*, seconds: float) -> float:
    """The same as a whole."""
    return asyncio.run(measured(seconds=seconds))


if __name__ == "__main__":
    print(run(seconds=6))
