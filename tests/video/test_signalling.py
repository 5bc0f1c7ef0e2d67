"""The signalling over a real server: who gets in, what is relayed, what is refused."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.video.office import Client, Office
from video import desk as desks
from video import room as machine
from video import signalling
from video.ice import Ice
from video.room import SEATS, Role, Room, Seat, Stage
from video.rooms import Event, Kind, Rooms
from video.signalling import BURST, Meter
from video.tickets import Tickets

OFFER = {"call": "c1", "sdp": "v=0", "nonce": "n1"}


async def _both(office: Office, stack: AsyncExitStack) -> tuple[Client, Client]:
    doctor, _ = await stack.enter_async_context(office.enter("doctor"))
    patient, _ = await stack.enter_async_context(office.enter("patient"))
    return doctor, patient


async def test_socket_without_a_ticket_is_closed_with_a_reason(office: Office) -> None:
    async with office.socket() as client:
        await client.say("hello", v=1)

        assert await client.closed() == (4401, "ticket")


async def test_without_the_check_of_tickets_the_same_socket_would_come_in(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = office.tickets.check(office.ticket("patient"))
    monkeypatch.setattr(office.tickets, "check", lambda text: genuine)
    async with office.socket() as client:
        await client.say("hello", v=1)

        assert (await client.hear(kind="welcome"))["you"]["id"] == "patient"


async def test_first_message_must_be_hello(office: Office) -> None:
    async with office.socket() as client:
        await client.say("admit")

        assert await client.closed() == (4401, "ticket")


async def test_ticket_of_another_room_is_refused(office: Office) -> None:
    async with office.socket(room="room-2") as client:
        await client.say("hello", v=1, ticket=office.ticket("patient", room="room-1"))

        assert await client.closed() == (4401, "ticket")


async def test_ticket_opens_one_socket(office: Office) -> None:
    ticket = office.ticket("patient")
    async with office.socket() as first, office.socket() as second:
        await first.say("hello", v=1, ticket=ticket)
        await first.hear(kind="welcome")
        await second.say("hello", v=1, ticket=ticket)

        assert await second.closed() == (4401, "ticket")
        assert await first.quiet() == ["waiting"]


async def test_a_ticket_whose_appointment_has_fallen_opens_nothing(office: Office) -> None:
    ticket = office.ticket("patient")
    office.fallen.add(("room-1", "patient"))
    async with office.socket() as client:
        await client.say("hello", v=1, ticket=ticket)

        assert await client.closed() == (4411, "void")
    assert office.rooms.held() == {}


async def test_nor_does_a_token_to_resume(office: Office) -> None:
    async with office.enter("patient") as (_, welcome):
        held = office.rooms.held()
    office.fallen.add(("room-1", "patient"))
    async with office.socket() as client:
        await client.say("hello", v=1, resume=welcome["resume"])

        assert await client.closed() == (4411, "void")
    assert held == {"room-1": "patient"}


@pytest.mark.parametrize("origin", [None, "https://elsewhere.example", "null"])
async def test_foreign_origin_is_refused_in_the_handshake(office: Office, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with office.socket(origin=origin):
            pass

    assert refused.value.response.status_code == 403


async def test_sockets_without_a_ticket_are_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "MOST_STRANGERS", 1)
    async with office.socket() as stranger:
        with pytest.raises(InvalidStatus):
            async with office.socket():
                pass
        await stranger.say("hello", v=1, ticket=office.ticket("patient"))
        await stranger.hear(kind="welcome")

        async with office.enter("doctor") as (_, welcome):
            assert welcome["you"]["admitted"]


async def test_one_address_does_not_take_the_room_of_others(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "MOST_FROM_ONE", 2)
    async with office.socket(), office.socket():
        with pytest.raises(InvalidStatus):
            async with office.socket():
                pass


def test_whoever_has_shown_a_ticket_makes_room_for_the_next_from_there() -> None:
    desk = desks.Desk(Rooms(), Tickets(b"k" * 32), Ice(), frozenset())
    with ExitStack() as many:
        for _ in range(desks.MOST_FROM_ONE):
            many.enter_context(desk.stranger("192.0.2.1"))

        assert not desk.has_room_for("192.0.2.1")
        assert desk.has_room_for("192.0.2.2")

    assert desk.has_room_for("192.0.2.1")
    assert not desk.strangers


async def test_silent_socket_is_closed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signalling, "HELLO_WITHIN", 0.05)
    monkeypatch.setattr(signalling, "SILENT_AFTER", 0.05)
    async with office.socket() as stranger, office.enter("patient") as (patient, _):
        assert await stranger.closed() == (4408, "silent")
        assert await patient.closed() == (4408, "silent")


async def test_page_of_another_version_is_told(office: Office) -> None:
    async with office.socket() as client:
        await client.say("hello", v=2, ticket=office.ticket("patient"))

        assert await client.closed() == (4412, "version")


async def test_patient_waits_until_the_physician_admits(office: Office) -> None:
    async with office.enter("patient") as (patient, welcome):
        assert (welcome["stage"], welcome["peers"], welcome["ice"]) == ("waiting", [], [])
        assert (await patient.hear())["type"] == "waiting"
        async with office.enter("doctor") as (doctor, seen):
            assert seen["peers"] == [{"id": "patient", "role": "patient", "admitted": False, "connected": True}]
            assert await patient.quiet() == []

            await doctor.say("admit", participant="patient")

            assert [peer["id"] for peer in (await patient.hear(kind="admitted"))["peers"]] == ["doctor"]
            assert (await doctor.hear(kind="peer"))["admitted"]
    assert office.rooms.view("room-1").stage is Stage.ADMITTED


async def _relay_before_admission(office: Office) -> list[list[str]]:
    """The kinds each side heard when both tried to talk before the patient was admitted."""
    async with AsyncExitStack() as stack:
        doctor, patient = await _both(office, stack)
        for client in (doctor, patient):
            await client.say("offer", **OFFER)
            await client.say("candidate", call="c1", candidate="candidate:1")
        await doctor.quiet(), await patient.quiet()  # both were handled
        for client in (doctor, patient):
            await client.say("answer", **OFFER)
        return [await doctor.quiet() + await doctor.quiet(), await patient.quiet() + await patient.quiet()]


async def test_nothing_is_relayed_before_admission(office: Office) -> None:
    heard = await _relay_before_admission(office)

    assert heard == [["refused"], ["refused"]]
    assert office.rooms.view("room-1").stage is Stage.WAITING


async def test_without_the_guard_the_same_messages_would_be_relayed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anybody(room: Room, participant: str) -> tuple[Seat, ...]:
        return tuple(seat for seat in room.seats if seat.participant != participant)

    monkeypatch.setattr(machine, "partners", anybody)

    heard = await _relay_before_admission(office)

    assert "answer" in heard[0]
    assert "answer" in heard[1]


async def test_admitted_participants_exchange_offers_answers_and_candidates(office: Office) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await _both(office, stack)
        office.rooms.admit("room-1")
        await doctor.say("offer", **OFFER)

        assert await patient.hear(kind="offer") == {"type": "offer", **OFFER, "from": "doctor"}

        await patient.say("answer", **OFFER, **{"from": "doctor"})
        await patient.say("candidate", call="c1", candidate="candidate:1", mid="0", line=0)

        assert (await doctor.hear(kind="answer"))["from"] == "patient"
        assert (await doctor.hear(kind="candidate"))["candidate"] == "candidate:1"
        assert office.rooms.view("room-1").stage is Stage.LIVE


async def test_messages_stay_in_their_room(office: Office) -> None:
    async with AsyncExitStack() as stack:
        doctor, _ = await _both(office, stack)
        other, _ = await stack.enter_async_context(office.enter("doctor", room="room-2"))
        third, _ = await stack.enter_async_context(office.enter("patient", room="room-2"))
        office.rooms.admit("room-1")
        office.rooms.admit("room-2")
        await doctor.say("offer", **OFFER)
        await doctor.quiet()

        assert "offer" not in await other.quiet() + await third.quiet()


@pytest.mark.parametrize("kind", ["admit", "end", "late"])
async def test_patient_can_not_run_the_room(office: Office, kind: str) -> None:
    async with office.enter("patient") as (patient, _):
        await patient.say(kind, **({"minutes": 1} if kind == "late" else {}))

        assert (await patient.hear(kind="refused"))["reason"] == "role"
    assert office.rooms.view("room-1").stage is Stage.WAITING


async def test_second_tab_takes_over_and_the_first_is_told(office: Office) -> None:
    async with AsyncExitStack() as stack:
        doctor, first = await _both(office, stack)
        office.rooms.admit("room-1")
        second, welcome = await stack.enter_async_context(office.enter("patient"))

        assert await first.closed() == (4409, "elsewhere")
        assert welcome["you"]["admitted"]
        await doctor.say("offer", **OFFER)
        assert (await second.hear(kind="offer"))["sdp"] == "v=0"
        assert (await doctor.hear(kind="peer"))["connected"]


async def test_tab_that_was_taken_over_can_not_come_back_by_its_old_token(office: Office) -> None:
    async with AsyncExitStack() as stack:
        first, welcome = await stack.enter_async_context(office.enter("patient"))
        await stack.enter_async_context(office.enter("patient"))
        await first.closed()
        again = await stack.enter_async_context(office.socket())
        await again.say("hello", v=1, resume=welcome["resume"])

        assert await again.closed() == (4401, "ticket")


async def test_dropped_connection_keeps_its_seat_and_resumes_without_a_ticket(office: Office) -> None:
    async with AsyncExitStack() as stack:
        doctor, _ = await stack.enter_async_context(office.enter("doctor"))
        async with office.enter("patient") as (_, welcome):
            office.rooms.admit("room-1")
        assert (await doctor.hear(kind="peer"))["connected"]
        assert (await doctor.hear(kind="peer"))["admitted"]
        lost = await doctor.hear(kind="peer")
        assert (lost["connected"], lost["gone"]) == (False, False)
        back = await stack.enter_async_context(office.socket())
        await back.say("hello", v=1, resume=welcome["resume"])

        again = await back.hear(kind="welcome")

        assert again["you"]["admitted"]
        assert again["resume"] != welcome["resume"]


async def test_ninth_participant_is_told_that_the_room_is_full(office: Office) -> None:
    async with AsyncExitStack() as stack:
        await _both(office, stack)
        for number in range(SEATS - 2):
            await stack.enter_async_context(office.enter(f"relative-{number}"))
        ninth = await stack.enter_async_context(office.socket())
        await ninth.say("hello", v=1, ticket=office.ticket("relative-9"))

        assert await ninth.closed() == (4423, "full")


async def test_end_tells_everybody_and_closes_the_room_for_good(office: Office) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await _both(office, stack)
        await doctor.say("end")

        assert await patient.closed() == (4410, "ended")
        late = await stack.enter_async_context(office.socket())
        await late.say("hello", v=1, ticket=office.ticket("patient"))
        assert await late.closed() == (4410, "ended")
    assert office.rooms.view("room-1").stage is Stage.ENDED


async def test_who_waits_hears_how_late_it_is(office: Office) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await _both(office, stack)
        await doctor.say("late", minutes=10)

        assert await patient.hear(kind="late") == {"type": "late", "minutes": 10}


async def test_leaving_gives_the_seat_up(office: Office) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await _both(office, stack)
        await patient.say("bye")

        assert (await patient.closed())[0] == 1000
        assert [(await doctor.hear(kind="peer"))["gone"] for _ in range(2)] == [False, True]
    assert office.rooms.view("room-1").stage is Stage.SCHEDULED


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"type":"offer"}', '{"type":"shout"}', '{"type":"ping","x":1}'),
        *('{"type":"late","minutes":9999}', '{"x":' + "[" * 20_000),
    ],
)
async def test_message_that_is_none_of_ours_ends_the_connection(office: Office, text: str) -> None:
    async with office.enter("doctor") as (doctor, _):
        await doctor.raw(text)

        assert await doctor.closed() == (4400, "message")


async def test_large_and_binary_messages_end_the_connection(office: Office) -> None:
    for message in ('{"type":"ping","n":' + "1" * 40_000 + "}", b'{"type":"ping"}'):
        async with office.enter("doctor") as (doctor, _):
            await doctor.raw(message)

            assert await doctor.closed() == (4400, "message")


async def test_flood_ends_the_connection(office: Office) -> None:
    async with office.enter("doctor") as (doctor, _):
        for _ in range(BURST + 50):
            await doctor.say("ping")

        assert await doctor.closed() == (4429, "rate")


def test_meter_allows_a_burst_and_then_a_steady_pace() -> None:
    now = 0.0
    meter = Meter(lambda: now)

    assert sum(meter.allows() for _ in range(BURST + 10)) == BURST
    now = 1.0
    assert sum(meter.allows() for _ in range(50)) == 10


async def test_application_hears_who_waits_joins_and_leaves(office: Office) -> None:
    events: list[Event] = []
    async with office.rooms.watch() as watched:
        async with AsyncExitStack() as stack:
            doctor, patient = await _both(office, stack)
            await doctor.say("admit")
            await doctor.say("offer", **OFFER)
            await patient.hear(kind="offer")
            await patient.say("answer", **OFFER)
            await doctor.hear(kind="answer")
            await doctor.say("end")
            await patient.closed()
        async with asyncio.timeout(5):
            async for event in watched:
                events.append(event)
                if event.kind is Kind.ENDED:
                    break

    assert [event.kind.value for event in events] == ["joined", "waiting", "admitted", "live", "ended"]
    assert [event.participant for event in events] == ["doctor", "patient", "patient", "patient", ""]
    assert events[1].role is Role.PATIENT


async def test_restart_is_told_to_all_connections(office: Office) -> None:
    async with office.enter("patient") as (patient, _):
        office.rooms.close()

        assert await patient.closed() == (1012, "restart")


def _fields(message: dict[str, Any]) -> set[str]:
    return set(message)


async def test_welcome_says_no_more_than_it_must(office: Office) -> None:
    async with office.enter("patient") as (_, welcome):
        assert _fields(welcome) == {"type", "v", "you", "stage", "peers", "ice", "resume"}
        assert _fields(welcome["you"]) == {"id", "role", "admitted", "connected"}
