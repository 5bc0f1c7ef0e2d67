"""The load client: a process of its own, so that its work is not counted. Raw HTTP/1.1 over connections that stay open."""

import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator

import msgspec

from tests.bench.wire import GO, READY, Answers, Call, Load

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# The id in the Location of what was made, of ours (Type/id/_history/1) and of the raw route (Type/id).
MADE = re.compile(rb"\r\nlocation: *\S*/[A-Z]\w+/([A-Za-z0-9.-]+)(?:/_history/1)?\r\n", re.IGNORECASE)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Tally:
    """What has come back so far."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.ids: list[str] = []
        self.sample = b""

    async def send(self, connection: Connection, call: bytes) -> None:
        """Nothing; one call is made and noted."""
        reader, writer = connection
        started = time.perf_counter()
        writer.write(call)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        self.sample = await reader.readexactly(int(length[1])) if length else b""
        self.latencies.append(time.perf_counter() - started)
        self.statuses[int(head[9:12])] += 1
        if made := MADE.search(head):
            self.ids.append(made[1].decode())


def request(call: Call, *, port: int) -> bytes:
    """The call's bytes."""
    body = call.body.encode()
    lines = [f"{call.method} {call.path} HTTP/1.1", f"Host: localhost:{port}", "Accept: application/fhir+json"]
    if body:
        lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(body)}"]
    if call.token:
        lines.append(f"Authorization: Bearer {call.token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run(load: Load) -> Answers:
    """What came back; nothing is sent before the measuring process says so."""
    calls = iter([request(call, port=load.port) for call in load.calls])
    connections = [await asyncio.open_connection("127.0.0.1", load.port) for _ in range(load.clients)]
    _say(READY)
    assert sys.stdin.buffer.readline() == GO
    tally, started = Tally(), time.perf_counter()

    async def client(connection: Connection, calls: Iterator[bytes]) -> None:
        for call in calls:  # shared: each client takes the next one
            await tally.send(connection, call)

    await asyncio.gather(*(client(connection, calls) for connection in connections))
    seconds = time.perf_counter() - started
    for _, writer in connections:
        writer.close()
    return Answers(dict(tally.statuses), seconds, tally.latencies, tally.sample.decode(), tally.ids)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def main() -> None:
    """Nothing; every load on the standard input has been carried out."""
    for line in sys.stdin.buffer:
        answers = asyncio.run(run(msgspec.json.decode(line, type=Load)))
        _say(msgspec.json.encode(answers) + b"\n")


if __name__ == "__main__":
    main()
