"""The measured side of `unit.py`: one forwarding unit, alone in its process, asked over standard input.

One JSON object a line: `offer` is answered with the unit's answer, `bare` with the ports of the bare work, `floor` with
what the least of it costs here.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import uvloop
from pylibsrtp import Policy

from tests.bench.unit_bare import pairs, session
from video.ice import Ice
from video.messages import FromUnit, UnitAnswer, UnitOffer
from video.unit import ForwardingUnit

ROUND: Final = 2000


def main() -> None:
    """Nothing, until standard input ends."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())


async def _serve() -> None:
    waiting: dict[tuple[str, str], asyncio.Future[str]] = {}

    def tell(room: str, participant: str, message: FromUnit) -> None:
        if isinstance(message, UnitAnswer):
            waiting[room, participant].set_result(message.sdp)

    unit = ForwardingUnit(Ice(), tell=tell, addresses=("127.0.0.1",))
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked: dict[str, Any] = json.loads(line)
        if asked["do"] == "offer":
            where = asked["room"], asked["who"]
            waiting[where] = loop.create_future()
            unit.offer(*where, message=UnitOffer("c1", asked["sdp"], asked["kid"]))
            said: Any = await waiting[where]
        elif asked["do"] == "bare":
            said = await pairs(asked["calls"])
        else:
            said = floor(asked["sizes"])
        print(json.dumps(said), flush=True)
    await unit.close()


def floor(sizes: list[int]) -> float:
    """Microseconds of processor to decrypt, encrypt and send a packet, as the mean over these sizes; no more than that."""
    there, sending = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    there.bind(("127.0.0.1", 0))
    for one in (there, sending):
        one.setblocking(False)
    address = there.getsockname()
    inward, tx, out = (
        session(Policy.SSRC_ANY_INBOUND),
        session(Policy.SSRC_ANY_OUTBOUND),
        session(Policy.SSRC_ANY_OUTBOUND),
    )
    packets = [
        tx.protect(b"\x80\x60" + number.to_bytes(2, "big") + bytes(8) + bytes(sizes[number % len(sizes)] - 12))
        for number in range(ROUND)
    ]
    used = 0.0
    for start in range(0, ROUND, 100):
        began = time.process_time()
        for packet in packets[start : start + 100]:
            sending.sendto(out.protect(inward.unprotect(packet)), address)
        used += time.process_time() - began
        _drained(there.recv)
    there.close()
    sending.close()
    return 1e6 * used / ROUND


def _drained(receive: Callable[[int], bytes]) -> None:
    try:
        while True:
            receive(2048)
    except BlockingIOError:
        return


if __name__ == "__main__":
    main()
