"""The routes that an application includes: the signalling socket and the pre-call check."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Request, Response, WebSocket
from msgspec import Meta

from infra.problems import BadRequest, TooLarge
from video.desk import Desk, Ended, Holds, always, nothing
from video.ice import Ice
from video.media import Unit
from video.messages import LARGEST
from video.precheck import Precheck
from video.rooms import Rooms
from video.sdp import LONGEST
from video.signalling import converse
from video.tickets import Tickets

BODY_LIMIT: Final = LARGEST


class CheckOffer(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a pre-call check."""

    ticket: Annotated[str, Meta(max_length=1024)]
    sdp: Annotated[str, Meta(max_length=LONGEST)]


def router(
    rooms: Rooms,
    tickets: Tickets,
    *,
    ice: Ice,
    precheck: Precheck,
    origins: Sequence[str],
    holds: Holds = always,
    unit: Unit | None = None,
    ended: Ended = nothing,
) -> APIRouter:
    """The routes of video; `origins` are the application's own addresses, as browsers name them in `Origin`.

    `holds` is asked before a socket opens whether its room, and what its ticket is bound to, still stand; `ended`
    hears of a room that somebody in it ends, before it is. Without a `unit` there are calls of two alone.
    """
    routes = APIRouter(prefix="/video", tags=["video"])
    desk = Desk(rooms, tickets, ice, frozenset(origins), holds, unit, ended)

    @routes.websocket("/rooms/{room}/ws")
    async def signalling(socket: WebSocket, room: str) -> None:
        """Whoever shows a ticket for this room, in the first message."""
        await converse(socket, room, desk=desk)

    @routes.post("/precheck")
    async def check(request: Request) -> Response:
        """Whoever shows a ticket, in the body; 422 for an offer without sound and picture, 503 when all are in use."""
        offer = _decoded(await request.body())
        ticket = tickets.check(offer.ticket)
        answer = await precheck.open(ticket.participant, offer.sdp)
        return Response(msgspec.json.encode({"sdp": answer}), media_type="application/json")

    return routes


def _decoded(body: bytes) -> CheckOffer:
    if len(body) > BODY_LIMIT:
        raise TooLarge
    try:
        return msgspec.json.decode(body, type=CheckOffer)
    except ValueError:
        raise BadRequest from None
