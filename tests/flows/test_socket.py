"""The signalling socket of the whole app: nobody comes in without a ticket from the visit."""

import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.telemed.visits.clinic import VIDEO, Clinic

NO_TICKET = 4401


async def close_code(clinic: Clinic, room: str, ticket: str) -> int | None:
    """With which code the server closes a socket that says hello with this ticket; None if it says welcome."""
    base = clinic.services.settings.base_url
    address = f"{base.replace('http', 'ws')}/video/rooms/{room}/ws"
    async with connect(address, origin=base) as socket:  # type: ignore[arg-type]  # Origin is a NewType of str
        await socket.send(json.dumps({"type": "hello", "v": 1, "ticket": ticket}))
        try:
            while json.loads(await socket.recv())["type"] != "welcome":
                continue
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
    return None


async def place_of(clinic: Clinic) -> dict[str, str]:
    """The patient's place: room and tickets."""
    async with httpx.AsyncClient(base_url=clinic.services.settings.base_url) as browser:
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        await browser.post("/j", json={"code": clinic.code, "birth_date": "1951-03-14"})
        answer = await browser.post(f"/visits/{VIDEO}/join")
        place: dict[str, str] = answer.json()
        return place


async def test_a_socket_opens_once_with_the_ticket_of_the_visit(clinic: Clinic) -> None:
    place = await place_of(clinic)

    assert await close_code(clinic, place["room"], place["ticket"]) is None
    assert await close_code(clinic, place["room"], place["ticket"]) == NO_TICKET


@pytest.mark.parametrize("ticket", ["", "x.y", "eyJ9.AAAA"])
async def test_a_socket_without_a_session_is_closed(clinic: Clinic, ticket: str) -> None:
    place = await place_of(clinic)

    assert await close_code(clinic, place["room"], ticket) == NO_TICKET


async def test_a_ticket_of_another_room_opens_nothing(clinic: Clinic) -> None:
    place = await place_of(clinic)

    assert await close_code(clinic, "another-room", place["ticket"]) == NO_TICKET
    assert await close_code(clinic, place["room"], place["check"]) == NO_TICKET
