"""Who is at the patient's device, and where that is: what a clinic needs to know to send help, kept for the call alone.

The place is sealed under the clinic's key and goes with the end of the visit; whoever never ends one is forgotten after
half a day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, or_, update

from infra.database import Session
from infra.vault import Vault
from infra.vault.sealing import Binding, Sealed
from telemed.visits.models import Guest, Visit

LONGEST_PLACE: Final = 200
FORGET_AFTER: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Here:
    """Who sits at the device beside the patient, or for them, and where; the place may be unknown."""

    people: tuple[Guest, ...] = (Guest.PATIENT,)
    place: str = ""


def read_form(people: Iterable[str], place: str) -> Here:
    """What was ticked and typed. Nobody ticked anything: then it is the patient, who holds the code."""
    ticked = frozenset(people)
    found = tuple(guest for guest in Guest if guest.value in ticked)
    return Here(found or (Guest.PATIENT,), " ".join(place.split())[:LONGEST_PLACE])


def note(session: Session, vault: Vault, visit: Visit, *, here: Here, now: datetime) -> None:
    """Nothing; the clinic of the visit can read it until the visit ends. Part of an atomic unit."""
    visit.company = ",".join(here.people)
    visit.here_since = now
    visit.place = visit.place_key = None
    if here.place:
        sealed = vault.seal(session, here.place.encode(), to=_binding(visit))
        visit.place_key, visit.place = sealed.data_key, sealed.body
    session.add(visit)


def said(session: Session, vault: Vault, visit: Visit) -> Here | None:
    """What was said at the device; None before anybody said anything, and once the visit has ended."""
    if visit.here_since is None:
        return None
    place = ""
    if visit.place is not None and visit.place_key is not None:
        place = vault.open_alone(session, Sealed(visit.place_key, visit.place), to=_binding(visit)).decode()
    return Here(people(visit), place)


def people(visit: Visit) -> tuple[Guest, ...]:
    """Who was said to sit at the device."""
    return tuple(Guest(role) for role in visit.company.split(",") if role)


def forget(visit: Visit) -> None:
    """Nothing; where the patient is, and with whom, is no longer known."""
    visit.company, visit.place, visit.place_key, visit.here_since = "", None, None, None


def forget_places(session: Session, *, now: datetime) -> None:
    """Nothing; of visits that nobody ended it is forgotten as well."""
    old = update(Visit).where(or_(col(Visit.place).is_not(None), col(Visit.company) != ""))
    session.exec(
        old.where(col(Visit.here_since) < now - FORGET_AFTER).values(
            company="", place=None, place_key=None, here_since=None
        )
    )


def _binding(visit: Visit) -> Binding:
    return Binding(visit.tenant, "visit-place", visit.appointment_id)
