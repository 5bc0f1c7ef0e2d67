"""Two thousand people wait in one process: what memory that costs, and how soon somebody hears of being let in.

The server is a process of its own with the signalling alone; the sockets are real, on loopback, one room each.
"""

import asyncio
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from infra.sockets import Frugal
from video.ice import Ice
from video.precheck import Precheck
from video.room import Role
from video.rooms import Rooms
from video.routes import router
from video.tickets import Tickets

KEY: Final = bytes(range(32))
ORIGIN: Final = "http://localhost"
AT_ONCE: Final = 50
"""Sockets that are opened at the same time: fewer than one address may have open without a ticket."""


@dataclass(frozen=True, slots=True)
class Waited:
    """Megabytes more in the server, and seconds from `admit` to `admitted` of the slowest hundredth."""

    people: int
    megabytes: float
    notice: float


def serve() -> None:
    """Nothing, until standard input ends: the signalling on a port that is printed."""
    rooms, tickets = Rooms(), Tickets(KEY)
    app = FastAPI()
    app.include_router(router(rooms, tickets, ice=Ice(), precheck=Precheck(Ice()), origins=[ORIGIN]))
    config = uvicorn.Config(app, port=0, log_level="critical", ws=Frugal)
    server = uvicorn.Server(config)

    async def run() -> None:
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await task

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def measured(people: int, *, admitted: int) -> Waited:
    """The figures of so many people who wait, of whom so many are let in one after the other."""
    command, tickets = [sys.executable, "-m", "tests.bench.waiting"], Tickets(KEY)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220  once, before anything runs
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))
        async with AsyncExitStack() as stack:

            async def enter(room: int, who: str, role: Role) -> ClientConnection:
                async with gate:
                    address = f"ws://127.0.0.1:{port}/video/rooms/room-{room}/ws"
                    socket = await stack.enter_async_context(connect(address, additional_headers={"Origin": ORIGIN}))
                    ticket = tickets.mint(f"room-{room}", who, role=role)
                    await socket.send(msgspec.json.encode({"type": "hello", "v": 1, "ticket": ticket}).decode())
                    await socket.recv()
                return socket

            gate = asyncio.Semaphore(AT_ONCE)
            before = _megabytes(process.pid)
            patients = await asyncio.gather(*(enter(n, "patient", Role.PATIENT) for n in range(people)))
            after = _megabytes(process.pid)
            waits = []
            for room in range(admitted):
                doctor = await enter(room, "doctor", Role.PHYSICIAN)
                waits.append(await _admit(doctor, patients[room]))
        process.stdin.close()
        process.wait(20)
    return Waited(people, after - before, sorted(waits)[int(len(waits) * 0.99)])


async def _admit(doctor: ClientConnection, patient: ClientConnection) -> float:
    began = time.monotonic()
    await doctor.send('{"type":"admit"}')
    while msgspec.json.decode(await patient.recv())["type"] != "admitted":
        pass
    return time.monotonic() - began


def _megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def run(people: int, *, admitted: int) -> Waited:
    """The same as a whole."""
    return asyncio.run(measured(people, admitted=admitted))


if __name__ == "__main__":
    serve()
