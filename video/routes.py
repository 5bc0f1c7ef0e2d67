"""The routes that an application includes: the signalling socket and the pre-call check."""

from collections.abc import Sequence

from fastapi import APIRouter, WebSocket

from video.ice import Ice
from video.rooms import Rooms
from video.signalling import Desk, converse
from video.tickets import Tickets


def router(rooms: Rooms, tickets: Tickets, *, ice: Ice, origins: Sequence[str]) -> APIRouter:
    """The routes of video; `origins` are the application's own addresses, as browsers name them in `Origin`."""
    routes = APIRouter(prefix="/video", tags=["video"])
    desk = Desk(rooms, tickets, ice, frozenset(origins))

    @routes.websocket("/rooms/{room}/ws")
    async def signalling(socket: WebSocket, room: str) -> None:
        """Whoever shows a ticket for this room, in the first message."""
        await converse(socket, room, desk=desk)

    return routes
