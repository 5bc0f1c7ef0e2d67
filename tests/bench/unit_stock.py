"""The other side of `unit.py`: the relay that aiortc comes with, which decodes and encodes; alone in its process.

A line with an offer is answered with an answer; a line `cpu` with processor seconds and packets sent so far.
"""

import asyncio
import json
import sys
import time
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay


async def _serve() -> None:
    relay, connection = MediaRelay(), RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @connection.on("track")
    def on_track(track: MediaStreamTrack) -> None:
        connection.addTrack(relay.subscribe(track))

    reader, loop = asyncio.StreamReader(limit=2**20), asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked: dict[str, Any] = json.loads(line)
        if asked["do"] == "offer":
            await connection.setRemoteDescription(RTCSessionDescription(asked["sdp"], "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            said: Any = connection.localDescription.sdp
        else:
            said = {"cpu": time.process_time(), "packets": await _sent(connection)}
        print(json.dumps(said), flush=True)
    await connection.close()


async def _sent(connection: RTCPeerConnection) -> int:
    stats = await connection.getStats()
    return sum(one.packetsSent for one in stats.values() if one.type == "outbound-rtp")


if __name__ == "__main__":
    asyncio.run(_serve())
