"""Which status an Appointment may have after which (notes of the standard: http://hl7.org/fhir/R4/valueset-appointmentstatus.html)."""

from datetime import datetime, timedelta
from typing import Final

from infra.problems import Conflict

# What a new appointment may start as; the last two are people who walk in.
STARTS: Final = frozenset({"proposed", "pending", "waitlist", "booked", "arrived", "checked-in"})
MOVES: Final[dict[str, frozenset[str]]] = {
    "proposed": frozenset({"pending", "booked", "cancelled"}),
    "pending": frozenset({"booked", "cancelled"}),
    "waitlist": frozenset({"pending", "booked", "cancelled"}),
    "booked": frozenset({"arrived", "checked-in", "noshow", "cancelled"}),
    # Who has opened the link, or stands at the desk, can still be sent home: the visit has not begun.
    "arrived": frozenset({"booked", "checked-in", "fulfilled", "cancelled"}),
    "checked-in": frozenset({"booked", "fulfilled", "cancelled"}),
    "noshow": frozenset({"fulfilled"}),
    "fulfilled": frozenset(),
    "cancelled": frozenset(),
    "entered-in-error": frozenset(),
}
# These keep practitioner, room and patient busy.
OCCUPYING: Final = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled"})
# A person who was marked as missed by mistake can be put right for a day.
CORRECTION: Final = timedelta(hours=24)


class WrongState(Conflict):
    """The appointment's present status does not allow this change."""


def check(before: str | None, after: str, *, now: datetime, end: datetime | None) -> None:
    """Nothing; `WrongState` if an appointment can't come from the one status to the other."""
    if before is None:
        if after not in STARTS:
            raise WrongState(f"A new appointment can't start as {after}.")
        return
    if after in (before, "entered-in-error"):
        return
    late = before == "noshow" and (end is None or now > end + CORRECTION)
    if after not in MOVES.get(before, frozenset()) or late:
        raise WrongState(f"An appointment that is {before} can't become {after}.")
