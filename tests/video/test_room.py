"""The room as a value: stages, seats, and what may never happen."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video import room as machine
from video.room import PLACE_KEPT, SEATS, NobodyWaits, Role, Room, RoomEnded, RoomFull, Stage

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PEOPLE = {"p1": Role.PATIENT, "p2": Role.PATIENT, "d1": Role.PHYSICIAN, "d2": Role.PHYSICIAN}


def _arrive(room: Room, who: str, *, minute: float = 0) -> Room:
    return machine.arrive(room, who, role=PEOPLE[who], now=NOON + timedelta(minutes=minute))


def test_consultation_goes_through_its_stages() -> None:
    stages, room = [], Room("r")
    for step in (
        lambda room: room,
        lambda room: _arrive(room, "d1"),
        lambda room: _arrive(room, "p1"),
        machine.admit,
        machine.answer,
        machine.end,
    ):
        room = step(room)
        stages.append(room.stage)

    assert stages == [Stage.SCHEDULED, Stage.SCHEDULED, Stage.WAITING, Stage.ADMITTED, Stage.LIVE, Stage.ENDED]


def test_seat_is_kept_over_a_dropped_connection_and_stays_admitted() -> None:
    room = machine.admit(_arrive(_arrive(Room("r"), "d1"), "p1"))
    room = machine.drop(room, "p1", now=NOON)

    back = _arrive(room, "p1", minute=4.9).seat("p1")

    assert back is not None
    assert back.admitted
    assert back.connected


def test_seat_is_free_after_five_minutes_without_a_connection() -> None:
    room = machine.admit(_arrive(_arrive(Room("r"), "d1"), "p1"))
    room = machine.drop(room, "p1", now=NOON)

    back = _arrive(room, "p1", minute=PLACE_KEPT.total_seconds() / 60).seat("p1")

    assert back is not None
    assert not back.admitted


def test_ninth_participant_is_refused() -> None:
    room = Room("r")
    for number in range(SEATS):
        room = machine.arrive(room, f"p{number}", role=Role.RELATIVE, now=NOON)

    with pytest.raises(RoomFull):
        _arrive(room, "d1")


def test_call_of_three_goes_on_when_one_leaves_and_ends_with_the_second() -> None:
    room = machine.admit(machine.admit(_arrive(_arrive(_arrive(Room("r"), "d1"), "p1"), "p2"), "p1"), "p2")
    room = machine.answer(room)

    two = machine.leave(room, "p2")

    assert two.stage is Stage.LIVE
    assert machine.leave(two, "p1").stage is Stage.SCHEDULED
    assert not machine.leave(two, "p1").answered


def test_every_role_but_one_takes_part_with_sound_and_picture() -> None:
    assert [role for role in Role if not role.has_media] == [Role.ASSISTANT]
    assert [role for role in Role if role.admits] == [Role.PHYSICIAN]


def test_nothing_leads_out_of_an_ended_room() -> None:
    with pytest.raises(RoomEnded):
        _arrive(machine.end(_arrive(Room("r"), "p1")), "p1")
    with pytest.raises(NobodyWaits):
        machine.admit(machine.end(_arrive(Room("r"), "p1")))


def test_who_waits_sees_nobody_and_has_no_partner() -> None:
    room = _arrive(_arrive(Room("r"), "d1"), "p1")

    assert machine.visible(room, "p1") == ()
    assert machine.partners(room, "p1") == ()
    assert machine.partners(room, "d1") == ()
    assert [seat.participant for seat in machine.visible(room, "d1")] == ["p1"]


def test_another_role_needs_another_admission() -> None:
    room = machine.arrive(Room("r"), "x", role=Role.PHYSICIAN, now=NOON)

    seat = machine.arrive(room, "x", role=Role.PATIENT, now=NOON).seat("x")

    assert seat is not None
    assert not seat.admitted


steps = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "admit", "drop", "leave", "answer", "end"]),
        st.sampled_from(sorted(PEOPLE)),
        st.integers(0, 7),
    ),
    max_size=30,
)


@given(steps=steps)
def test_whatever_happens_nobody_is_in_without_admission(steps: list[tuple[str, str, int]]) -> None:
    room, minute, allowed = Room("r"), 0, set[str]()
    for step, who, later in steps:
        minute += later
        now = NOON + timedelta(minutes=minute)
        before = room
        try:
            room = _step(room, step, who=who, now=now)
        except (RoomFull, RoomEnded, NobodyWaits):
            continue
        if step == "admit":
            allowed.add(who)
        allowed -= {seat.participant for seat in before.seats} - {seat.participant for seat in room.seats}

        assert len(room.seats) <= SEATS
        assert {s.participant for s in room.seats if s.admitted and not s.role.admits} <= allowed
        assert not before.ended or room.ended
        for seat in room.seats:
            for partner in machine.partners(room, seat.participant):
                assert partner.admitted
                assert seat.admitted


def _step(room: Room, step: str, *, who: str, now: datetime) -> Room:
    match step:
        case "arrive":
            return machine.arrive(room, who, role=PEOPLE[who], now=now)
        case "admit":
            return machine.admit(room, who)
        case "drop":
            return machine.drop(room, who, now=now)
        case "leave":
            return machine.leave(room, who)
        case "answer":
            return machine.answer(room)
        case _:
            return machine.end(room)
