"""More than two in a room: who hears what, who is shown out, and who has no say about media."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.video.office import Client, Office
from video.room import Role

OFFER = {"call": "c1", "sdp": "v=0", "nonce": "n1"}


@asynccontextmanager
async def _three(office: Office) -> AsyncIterator[dict[str, Client]]:
    async with AsyncExitStack() as stack:
        clients = {}
        for who in ("doctor", "patient", "daughter"):
            clients[who], _ = await stack.enter_async_context(office.enter(who))
        office.rooms.admit("room-1", "patient")
        office.rooms.admit("room-1", "daughter")
        for client in clients.values():
            await client.quiet()
        yield clients


async def test_message_to_one_reaches_that_one_alone(office: Office) -> None:
    async with _three(office) as here:
        await here["doctor"].say("offer", **OFFER, to="daughter")

        assert await here["daughter"].hear(kind="offer") == {"type": "offer", **OFFER, "from": "doctor"}
        assert await here["patient"].quiet() == []


async def test_offer_that_names_nobody_is_refused_among_three(office: Office) -> None:
    async with _three(office) as here:
        await here["doctor"].say("offer", **OFFER)

        assert (await here["doctor"].hear(kind="refused"))["reason"] == "UnclearTo"
        assert await here["patient"].quiet() == []


async def test_sealed_message_goes_to_everybody_who_is_admitted_and_to_nobody_who_waits(office: Office) -> None:
    async with _three(office) as here, office.enter("stranger") as (stranger, _):
        await here["patient"].say("sealed", data="AAEC_-")

        for who in ("doctor", "daughter"):
            assert await here[who].hear(kind="sealed") == {"type": "sealed", "data": "AAEC_-", "from": "patient"}
        assert await stranger.quiet() == ["waiting"]


async def test_sealed_message_that_is_too_long_or_no_base64url_ends_the_connection(office: Office) -> None:
    for data in ("A" * 24_001, "a b"):
        async with office.enter("doctor") as (doctor, _):
            await doctor.say("sealed", data=data)

            assert await doctor.closed() == (4400, "message")


async def test_removed_participant_is_closed_and_waits_again(office: Office) -> None:
    async with _three(office) as here:
        await here["doctor"].say("remove", participant="daughter")

        assert await here["daughter"].closed() == (4414, "removed")
        assert (await here["patient"].hear(kind="peer"))["gone"]
        async with office.enter("daughter") as (_, welcome):
            assert not welcome["you"]["admitted"]


async def test_guest_removes_nobody_and_nobody_removes_a_physician(office: Office) -> None:
    async with _three(office) as here:
        await here["patient"].say("remove", participant="daughter")
        await here["doctor"].say("remove", participant="doctor")

        assert (await here["patient"].hear(kind="refused"))["reason"] == "role"
        assert (await here["doctor"].hear(kind="refused"))["reason"] == "NobodyThere"


async def test_unit_answers_neither_who_waits_nor_an_assistant(office: Office) -> None:
    ticket = office.tickets.mint("room-1", "desk", role=Role.ASSISTANT)
    async with _three(office), office.socket() as desk, office.enter("stranger") as (stranger, _):
        await desk.say("hello", v=1, ticket=ticket)
        await desk.hear(kind="welcome")
        office.rooms.admit("room-1", "desk")
        for client in (desk, stranger):
            await client.say("unit", call="c1", sdp="v=0", kid=0x1230)

        assert (await desk.hear(kind="refused")) == {"type": "refused", "reason": "role", "call": "c1"}
        assert (await stranger.hear(kind="refused")) == {"type": "refused", "reason": "nobody", "call": "c1"}
