"""How long a patient's record must be kept: nothing erases it before.

Section 630f (3) BGB: treatment records are kept for ten years after the treatment has ended. It is taken to have ended with
the last entry. https://www.gesetze-im-internet.de/bgb/__630f.html
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlmodel import Session, col, select

from fhir import erasure
from infra.caller import Role
from infra.problems import Conflict
from telemed.access.table import MEMBERS, Group
from telemed.booking.models import Booking

RETENTION_YEARS: Final = 10
# Who somebody is and when they were to come is no record of a treatment; whoever never came may be erased at once.
NO_TREATMENT: Final = frozenset(MEMBERS[Group.PERSON] + MEMBERS[Group.BOOKING])
EXPECTED: Final = ("pending", "booked", "arrived", "checked-in")


class RecordRetained(Conflict):
    """The law keeps this record. It can't be erased yet."""

    def __init__(self, until: date) -> None:
        self.until = until
        super().__init__(
            f"The law keeps this record until {until.isoformat()} (BGB, Section 630f: ten years after the last entry). "
            "Nothing overrides it."
        )


class PatientExpected(Conflict):
    """The patient has an appointment. Cancel it first, then erase the record."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a record may be erased now; else until when the law keeps it, or that an appointment is ahead."""

    retained_until: datetime | None
    expected: bool


def standing(session: Session, compartment: str, *, now: datetime) -> Standing:
    """What an erasure would meet now. Part of an atomic unit."""
    try:
        refuse_retained(session, compartment, now=now)
    except RecordRetained:
        return Standing(retained_until(session, compartment), expected=False)
    except PatientExpected:
        return Standing(None, expected=True)
    return Standing(None, expected=False)


def retained_until(session: Session, compartment: str) -> datetime | None:
    """Until when the record must be kept; None if nothing of a treatment is in it."""
    # What patients say about their own data treats nobody: asking for erasure must not put it off for ten years.
    last = erasure.last_written(session, compartment, besides=NO_TREATMENT, not_by=Role.PATIENT)
    return None if last is None else later_by_years(last, RETENTION_YEARS)


def refuse_retained(session: Session, compartment: str, *, now: datetime) -> None:
    """Nothing; `RecordRetained` while the law keeps the record, `PatientExpected` while an appointment is ahead."""
    until = retained_until(session, compartment)
    if until is not None and until > now:
        raise RecordRetained(until.date())
    refuse_expected(session, compartment, now=now)


def refuse_expected(session: Session, compartment: str, *, now: datetime) -> None:
    """Nothing; `PatientExpected` while an appointment is ahead."""
    visits = erasure.resource_ids(session, compartment, "Appointment")
    ahead = select(Booking.appointment_id).where(
        col(Booking.appointment_id).in_(visits), col(Booking.status).in_(EXPECTED), col(Booking.end) > now
    )
    if session.exec(ahead.limit(1)).first() is not None:
        raise PatientExpected


def later_by_years(moment: datetime, years: int) -> datetime:
    """The same moment of a later year; what fell on the 29th of February falls on the 1st of March."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
