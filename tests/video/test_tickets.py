"""Tickets open what they name, once, for a minute."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import FixedClock
from video.room import Role
from video.tickets import LIFETIME, TicketRefused, Tickets

KEY = bytes(range(32))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(room=ids, participant=ids, role=st.sampled_from(Role))
def test_ticket_says_what_it_was_minted_for(room: str, participant: str, role: Role) -> None:
    tickets = Tickets(KEY)

    ticket = tickets.check(tickets.mint(room, participant, role=role))

    assert (ticket.room, ticket.participant, ticket.role) == (room, participant, role)


@given(position=st.integers(min_value=0), letter=st.sampled_from("Aa0_-.é"))
def test_ticket_with_one_changed_character_is_refused(position: int, letter: str) -> None:
    tickets = Tickets(KEY)
    text = tickets.mint("room", "patient", role=Role.PATIENT)
    position %= len(text) - 1  # the last character has bits that base64 ignores
    changed = text[:position] + letter + text[position + 1 :]

    if changed != text:
        with pytest.raises(TicketRefused):
            tickets.check(changed)


@given(text=st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(TicketRefused):
        Tickets(KEY).check(text)


def test_ticket_ends_after_its_lifetime() -> None:
    clock = FixedClock(NOON)
    tickets = Tickets(KEY, clock)
    text = tickets.mint("room", "patient", role=Role.PATIENT)

    clock.advance(LIFETIME - timedelta(seconds=1))
    assert tickets.check(text).participant == "patient"
    clock.advance(timedelta(seconds=1))
    with pytest.raises(TicketRefused):
        tickets.check(text)


def test_ticket_of_another_key_is_refused() -> None:
    text = Tickets(b"x" * 32).mint("room", "patient", role=Role.PATIENT)

    with pytest.raises(TicketRefused):
        Tickets(KEY).check(text)


@pytest.mark.parametrize("ttl", [timedelta(), timedelta(minutes=6)])
def test_lifetime_is_short(ttl: timedelta) -> None:
    with pytest.raises(ValueError, match="five minutes"):
        Tickets(KEY).mint("room", "patient", role=Role.PATIENT, ttl=ttl)


def test_names_are_not_taken_for_opaque_ids() -> None:
    with pytest.raises(ValueError, match="opaque"):
        Tickets(KEY).mint("room", "Frieda Probst", role=Role.PATIENT)


def test_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tickets(b"short")
