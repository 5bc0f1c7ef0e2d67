"""The signalling socket: one participant's connection from hello to close.

A socket without an allowed origin is refused in the handshake (403), one without a valid ticket is closed with 4401.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import structlog
from fastapi import WebSocket, WebSocketDisconnect

from infra.problems import BadRequest, Problem, Unauthorized, Unavailable
from video.desk import Desk
from video.messages import (
    VERSION,
    Admit,
    Answer,
    Bye,
    Candidate,
    Close,
    End,
    Hello,
    Incoming,
    Late,
    Offer,
    Outgoing,
    PeerInfo,
    Ping,
    Pong,
    Ready,
    Refused,
    Remove,
    Sealed,
    UnitOffer,
    View,
    Waiting,
    Welcome,
    decode,
    encode,
)
from video.room import RoomEnded, RoomFull
from video.rooms import Line, Rooms
from video.tickets import TicketRefused

log = structlog.get_logger()

HELLO_WITHIN: Final = 10.0
"""Seconds in which a new socket must show its ticket."""

SILENT_AFTER: Final = 60.0
"""Seconds without a message after which a connection is taken for dead; pages ping every 20."""

BURST: Final = 120
PER_SECOND: Final = 20.0
BACKLOG: Final = 256


class TicketVoid(Unauthorized):
    """What this ticket was for does not take place any more, or was taken over elsewhere."""


class OtherVersion(BadRequest):
    """This page speaks another version of the signalling; loading it again helps."""


class SocketLine:
    """The outgoing side of a socket: a bounded queue, so that a slow reader can't hold a room up."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Outgoing | Close] = asyncio.Queue(BACKLOG)
        self._closing = False

    def send(self, message: Outgoing) -> None:
        """Queue a message; a reader that lags too far behind is cut off."""
        if self._queue.qsize() >= BACKLOG - 1:
            self.close(Close.BUSY)
        elif not self._closing:
            self._queue.put_nowait(message)

    def close(self, reason: Close) -> None:
        """Queue the end of the connection."""
        if not self._closing:
            self._closing = True
            self._queue.put_nowait(reason)

    async def pump(self, socket: WebSocket) -> None:
        """Write what is queued until the end is."""
        while True:
            message = await self._queue.get()
            if isinstance(message, Close):
                code, reason = message.value
                await socket.close(code, reason)
                return
            await socket.send_text(encode(message))


class Meter:
    """A token bucket: how much one connection may say."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._level = float(BURST)
        self._at = now()

    def allows(self) -> bool:
        """True if one more message is within the limit."""
        now = self._now()
        self._level = min(BURST, self._level + (now - self._at) * PER_SECOND)
        self._at = now
        self._level -= 1
        return self._level >= 0


async def converse(socket: WebSocket, room: str, *, desk: Desk) -> None:
    """Serve one socket from its handshake to its end."""
    address = socket.client.host if socket.client else ""
    if socket.headers.get("origin") not in desk.origins or not desk.has_room_for(address):
        code, reason = Close.ORIGIN.value
        await socket.close(code, reason)
        return
    with ExitStack() as unknown:
        unknown.enter_context(desk.stranger(address))
        await socket.accept()
        await _both_ways(socket, room, desk=desk, unknown=unknown)


async def _both_ways(socket: WebSocket, room: str, *, desk: Desk, unknown: ExitStack) -> None:
    line = SocketLine()
    writer = asyncio.create_task(line.pump(socket))
    reader = asyncio.create_task(_read(socket, room, line=line, desk=desk, unknown=unknown))
    try:
        await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
        if reader.done() and not writer.done():
            line.close(reader.result() or Close.BYE)
            await asyncio.wait((writer,), timeout=HELLO_WITHIN)
    finally:
        for task in (writer, reader):
            task.cancel()
        results = await asyncio.gather(writer, reader, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | RuntimeError):
            log.error("signalling_failed", error=type(result).__name__)


async def _read(socket: WebSocket, room: str, *, line: SocketLine, desk: Desk, unknown: ExitStack) -> Close | None:
    try:
        async with asyncio.timeout(HELLO_WITHIN):
            hello = decode(await _receive(socket))
        you, token = await _enter(hello, room, line=line, desk=desk)
    except TimeoutError:
        return Close.SILENT
    except WebSocketDisconnect:
        return None
    except TicketRefused:
        return Close.TICKET
    except TicketVoid:
        return Close.VOID
    except Unavailable:
        return Close.RESTART
    except RoomFull:
        return Close.FULL
    except RoomEnded:
        return Close.ENDED
    except OtherVersion:
        return Close.VERSION
    except ValueError:
        return Close.MESSAGE
    unknown.close()
    try:
        line.send(welcome(room, you, token, desk=desk))
        if not you.admitted:
            line.send(Waiting())
        return await _listen(socket, room, you=you, line=line, desk=desk)
    finally:
        desk.rooms.drop(room, you.id, line=line)


async def _enter(hello: Incoming, room: str, *, line: SocketLine, desk: Desk) -> tuple[PeerInfo, str]:
    if not isinstance(hello, Hello):
        raise TicketRefused
    if hello.v != VERSION:
        raise OtherVersion
    if hello.resume:
        if not await desk.holds(room, desk.rooms.bound(room, hello.resume)):
            raise TicketVoid
        return desk.rooms.resume(room, hello.resume, line=line)
    ticket = desk.tickets.check(hello.ticket)
    if ticket.room != room:
        raise TicketRefused
    if not await desk.holds(room, ticket.bound):
        raise TicketVoid
    return desk.rooms.enter(ticket, line)


async def _listen(socket: WebSocket, room: str, *, you: PeerInfo, line: SocketLine, desk: Desk) -> Close | None:
    meter = Meter()
    while True:
        try:
            async with asyncio.timeout(SILENT_AFTER):
                text = await _receive(socket)
            if not meter.allows():
                return Close.RATE
            message = decode(text)
        except TimeoutError:
            return Close.SILENT
        except WebSocketDisconnect:
            return None
        except ValueError:
            return Close.MESSAGE
        if not desk.rooms.is_current(room, you.id, line=line):
            return None
        await heed(message, room, you=you, line=line, desk=desk)


async def heed(message: Incoming, room: str, *, you: PeerInfo, line: Line, desk: Desk) -> None:
    """Do what somebody with a seat asks for, or tell them why not."""
    try:
        if isinstance(message, End) and you.role.admits:
            # First, as for POST .../end: a refusal leaves everybody where they are.
            await desk.ended(room, desk.rooms.bound_of(room, you.id))
        if not _to_unit(message, room, you=you, line=line, desk=desk):
            _act(message, room, you=you, line=line, rooms=desk.rooms)
    except Problem as problem:
        line.send(Refused(type(problem).__name__))


def welcome(room: str, you: PeerInfo, token: str, *, desk: Desk) -> Welcome:
    """The first thing that somebody with a seat hears."""
    stage, peers = desk.rooms.view(room).stage, desk.rooms.peers(room, you.id)
    return Welcome(VERSION, you, stage, peers, desk.ice.for_browser(), token)


def _to_unit(message: Incoming, room: str, *, you: PeerInfo, line: Line, desk: Desk) -> bool:
    """True for what concerns the forwarding unit; who waits, or takes part without media, is refused there."""
    if not isinstance(message, UnitOffer | View):
        return False
    call = message.call if isinstance(message, UnitOffer) else None
    if not you.role.has_media:
        line.send(Refused("role", call))
    elif not desk.rooms.is_admitted(room, you.id):
        line.send(Refused("nobody", call))
    elif desk.unit is None:
        line.send(Refused("unit", call))
    elif isinstance(message, UnitOffer):
        desk.unit.offer(room, you.id, message=message)
    else:
        desk.unit.view(room, you.id, want=message.want)
    return True


def _act(message: Incoming, room: str, *, you: PeerInfo, line: Line, rooms: Rooms) -> None:
    match message:
        case Ping(n):
            line.send(Pong(n))
        case Ready() | Offer() | Answer() | Candidate() | Sealed():
            if not rooms.relay(room, you.id, message=message):
                line.send(Refused("nobody"))
        case Bye():
            rooms.leave(room, you.id, line=line)
        case Admit(participant) if you.role.admits:
            rooms.admit(room, participant)
        case Remove(participant) if you.role.admits:
            rooms.remove(room, participant)
        case Late(minutes) if you.role.admits:
            rooms.late(room, minutes)
        case End() if you.role.admits:
            rooms.end(room)
        case _:
            line.send(Refused("role"))


async def _receive(socket: WebSocket) -> str:
    received = await socket.receive()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received.get("code", 1005))
    text = received.get("text")
    if not isinstance(text, str):
        raise ValueError("binary messages are not understood")
    return text
