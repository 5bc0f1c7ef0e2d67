"""What a visit does when its Appointment changes, whoever changed it: codes, sessions and room follow in the same unit."""

import secrets
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from fhir.store import Change
from infra.caller import Caller
from infra.database import Session
from infra.problems import Conflict
from telemed.visits import codes, here
from telemed.visits.models import ROOM_BYTES, Stage, Visit
from telemed.visits.resource import is_moved, moment

CANCELLED = frozenset({"cancelled", "noshow"})
ERASED = "entered-in-error"


class VisitBegun(Conflict):
    """The consultation has begun, so it can't be moved or cancelled any more. End it, and book a new appointment."""


def appointment_changed(session: Session, caller: Caller, change: Change) -> None:
    """Nothing; what does not take place, or at another time, opens nothing any more. A hook of the store."""
    if change.type != "Appointment" or change.before is None:
        return
    status = ERASED if change.after is None else change.after.get("status")
    if status == ERASED:
        _end(session, change.id)
    elif status in CANCELLED:
        _refuse_begun(session, change.id)
        _end(session, change.id)
    elif status == "fulfilled":
        codes.finish(session, change.id)
        _forget_place(session, change.id)
    elif change.after is not None and is_moved(change.before, change.after):
        _refuse_begun(session, change.id)
        codes.revoke(session, change.id)
        _expect_anew(session, change.id)
    elif change.after is not None and (by := _longer(change.before, change.after)):
        codes.prolong(session, change.id, by=by)


def _end(session: Session, appointment_id: str) -> None:
    codes.cancel(session, appointment_id)
    if visit := _visit(session, appointment_id):
        visit.stage = Stage.ENDED
        here.forget(visit)
        session.add(visit)


def _forget_place(session: Session, appointment_id: str) -> None:
    if visit := _visit(session, appointment_id):
        here.forget(visit)
        session.add(visit)


def _expect_anew(session: Session, appointment_id: str) -> None:
    # In another room: whoever is in the old one, or has a ticket for it, belongs to the old time.
    if visit := _visit(session, appointment_id):
        visit.room, visit.stage, visit.waiting_since = secrets.token_urlsafe(ROOM_BYTES), Stage.EXPECTED, None
        here.forget(visit)
        session.add(visit)


def _refuse_begun(session: Session, appointment_id: str) -> None:
    visit = _visit(session, appointment_id)
    if visit is not None and visit.encounter_id is not None and visit.stage != Stage.ENDED:
        raise VisitBegun


def _visit(session: Session, appointment_id: str) -> Visit | None:
    return session.exec(
        select(Visit).where(col(Visit.appointment_id) == appointment_id).with_for_update()
    ).one_or_none()


def _longer(before: dict[str, Any], after: dict[str, Any]) -> timedelta:
    if "end" not in before or "end" not in after:
        return timedelta()
    return moment(after["end"]) - moment(before["end"])
