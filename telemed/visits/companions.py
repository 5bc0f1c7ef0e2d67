"""Who comes along to a visit: relatives, interpreters, nurses. Each has a code and a PIN of their own, for this one call.

They see when and with whom the appointment is, and nothing of the patient's record. In the call they have a seat of their
own, under their role and no name; the clinic lets them in and may show them out.
"""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlmodel import col, select, update

from infra.database import Session
from infra.problems import Conflict
from infra.vault import Vault
from telemed.visits import codes
from telemed.visits.birth_dates import read_date
from telemed.visits.codes import Factor, Pin, Window
from telemed.visits.models import CodeState, Guest, JoinCode, VisitSession

ROLES: Final = (Guest.RELATIVE, Guest.INTERPRETER, Guest.NURSE)
# More than anybody brings, and few enough to be told apart by the desk.
MOST: Final = 5
# Who has just opened the page is on the way to a seat; from then on the room knows who is there.
HERE: Final = timedelta(seconds=90)
_PIN: Final = re.compile(r"[0-9]{6}")


class TooManyCompanions(Conflict):
    """More people can't come along to this appointment. Revoke a code first."""


@dataclass(frozen=True, slots=True)
class Invited:
    """A code and the PIN that goes with it, to be read out once: nothing stored shows them again."""

    person: str
    code: str
    pin: Pin


@dataclass(frozen=True, slots=True)
class Companion:
    """Somebody who may come along; `here` while their page is open."""

    person: str
    role: Guest
    here: bool


def read_factors(typed: str, *, today: date) -> tuple[Factor, ...]:
    """What was typed beside a code may mean: a date, or for six digits a PIN and a date such as 140351; nothing if none."""
    text = "".join(typed.split())
    if _PIN.fullmatch(text):
        short = read_date(f"{text[:2]}.{text[2:4]}.{text[4:]}", today=today)
        return (Pin(text),) if short is None else (Pin(text), short)
    found = read_date(typed, today=today)
    return () if found is None else (found,)


def invite(session: Session, vault: Vault, *, appointment_id: str, tenant: str, window: Window, role: Guest) -> Invited:
    """Code and PIN of one more person in this role; the codes of the others stay."""
    if len(of_appointment(session, appointment_id, now=window.opens)) >= MOST:
        raise TooManyCompanions
    person, pin = secrets.token_hex(4), codes.random_pin()
    code = codes.issue(
        session,
        vault,
        appointment_id=appointment_id,
        tenant=tenant,
        factor=pin,
        window=window,
        role=role,
        person=person,
    )
    return Invited(person, code, pin)


def of_appointment(
    session: Session, appointment_id: str, *, now: datetime, seated: Collection[str] = ()
) -> list[Companion]:
    """Who may come along, in the order of their names, which say nothing; `seated` are participants in the room."""
    wanted = select(JoinCode).where(
        col(JoinCode.appointment_id) == appointment_id,
        col(JoinCode.role).in_(ROLES),
        col(JoinCode.state) == CodeState.ACTIVE,
    )
    present = here(session, [appointment_id], now=now).get(appointment_id, {})
    found = sorted(session.exec(wanted), key=lambda code: (code.role, code.person))
    return [
        Companion(code.person, Guest(code.role), code.person in present or code.hash.hex() in seated) for code in found
    ]


def here(session: Session, appointments: list[str], *, now: datetime) -> dict[str, dict[str, Guest]]:
    """Who has come along and waits, by appointment: each one's role by their random name."""
    wanted = select(VisitSession).where(
        col(VisitSession.appointment_id).in_(appointments),
        col(VisitSession.role).in_(ROLES),
        col(VisitSession.ended) == "",
        col(VisitSession.seen) > now - HERE,
    )
    found: dict[str, dict[str, Guest]] = {}
    for one in session.exec(wanted):
        found.setdefault(one.appointment_id, {})[one.person] = Guest(one.role)
    return found


def note_presence(session: Session, code_hash: str, *, now: datetime) -> None:
    """Nothing; who came by this code waits now."""
    open_now = update(VisitSession).where(
        col(VisitSession.code_hash) == bytes.fromhex(code_hash), col(VisitSession.ended) == ""
    )
    session.exec(open_now.values(seen=now))
