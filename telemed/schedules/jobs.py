"""Jobs of schedules: build the slots of one schedule, and once a day those of all, so that the horizon moves on."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlmodel import Session, col

from infra.clock import SystemClock
from infra.database import Database
from infra.queue import enqueue
from telemed.schedules.calendar import BUILD, Calendar
from telemed.schedules.models import ManagedSchedule
from telemed.schedules.slots import Rebuilt, rebuild

EXTEND = "slots.extend"
Handler = Callable[[str, str], Awaitable[None]]

log = structlog.get_logger()


def handlers(database: Database, calendar: Calendar) -> dict[str, Handler]:
    """What the worker runs for `slots.build` (ref: a schedule) and `slots.extend` (ref: a day)."""

    async def build(ref: str, key: str) -> None:
        built: Rebuilt = await database.write(lambda session: rebuild(session, calendar, ref))
        log.info("slots_built", made=built.made, closed=built.closed, reopened=built.reopened)

    async def extend(ref: str, key: str) -> None:
        today = calendar.clock.now().date()
        await database.write(lambda session: extend_all(session, today=today))

    return {BUILD: build, EXTEND: extend}


def extend_today(session: Session, *, today: date) -> None:
    """Nothing; the slots follow the horizon once today, however often the service starts. Run it at start-up."""
    _extend(session, today)


def extend_all(session: Session, *, today: date) -> None:
    """Nothing; every managed schedule is built again soon, and all of them once more tomorrow."""
    for schedule_id in session.execute(select(col(ManagedSchedule.schedule_id))).scalars():
        enqueue(session, BUILD, ref=schedule_id)
    # The day is the calendar's; jobs become due by the machine's clock, which runs at the same pace.
    _extend(session, today + timedelta(days=1), due=SystemClock().now() + timedelta(days=1))


def _extend(session: Session, day: date, *, due: datetime | None = None) -> None:
    enqueue(session, EXTEND, ref=day.isoformat(), due=due, key=f"{EXTEND}:{day.isoformat()}")
