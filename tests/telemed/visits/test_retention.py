"""Nothing is known of a call longer than the setting says, and the setting says three months at most."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlmodel import col, select

from infra.database import Session
from infra.settings import Settings
from telemed.visits.models import JoinCode, Stage, Visit
from telemed.visits.retention import LONGEST, forget_calls
from tests.telemed.visits.builders import NOW, Desk

KEPT = timedelta(days=30)
Known = dict[str, tuple[bool, bool, bool]]


def _visit(appointment: str, *, days: float | None) -> Visit:
    waited = None if days is None else NOW - timedelta(days=days)
    return Visit(appointment_id=appointment, tenant="a", room="r" * 24, stage=Stage.ENDED, waiting_since=waited)


def _code(appointment: str, *, days: float) -> JoinCode:
    closes = NOW - timedelta(days=days)
    names = {"hash": appointment.encode(), "factor": b"f", "appointment_id": appointment, "tenant": "a"}
    return JoinCode.model_validate({**names, "role": "patient", "opens": closes, "closes": closes})


def _known(session: Session) -> Known:
    """Of each appointment: whether there is a room, a time of waiting, a code."""
    coded = set(session.exec(select(JoinCode.appointment_id)).all())
    visits = session.exec(select(Visit).order_by(col(Visit.appointment_id))).all()
    return {
        one.appointment_id: (bool(one.room), bool(one.waiting_since), one.appointment_id in coded) for one in visits
    }


async def _after(desk: Desk, kept: timedelta) -> Known:
    def fill(session: Session) -> None:
        for name, days in {"new": 29.0, "old": 31.0}.items():
            session.add(_visit(name, days=days))
            session.add(_code(name, days=days))
        session.add(_visit("nobody came", days=None))
        session.add(_code("nobody came", days=31))
        session.add(_visit("to come", days=None))
        session.add(_code("to come", days=-3))

    await desk.database.write(fill)
    await desk.database.write(lambda session: forget_calls(session, now=NOW, kept=kept))
    return await desk.database.read(_known)


async def test_who_waited_when_where_and_with_which_code_is_forgotten_after_thirty_days(desk: Desk) -> None:
    assert await _after(desk, KEPT) == {
        "new": (True, True, True),
        "nobody came": (False, False, False),
        "old": (False, False, False),
        "to come": (True, False, True),
    }


async def test_longer_time_keeps_it_and_three_months_are_the_longest(desk: Desk) -> None:
    assert (await _after(desk, LONGEST))["old"] == (True, True, True)

    with pytest.raises(ValueError, match="three months"):
        await desk.database.write(lambda session: forget_calls(session, now=NOW, kept=LONGEST + timedelta(days=1)))


@pytest.mark.parametrize("days", [0, 91])
def test_setting_beyond_three_months_is_refused(days: int) -> None:
    with pytest.raises(ValidationError):
        Settings(call_metadata_days=days)


def test_setting_is_thirty_days_by_default() -> None:
    assert Settings().call_metadata_days == 30
