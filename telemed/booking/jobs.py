"""Jobs of booking: a hold that nobody confirmed becomes cancelled, and its slot is shown free again."""

from collections.abc import Awaitable, Callable

from sqlmodel import Session

from fhir.store import Store
from infra.database import Database
from infra.problems import Gone, NotFound
from telemed.booking.engine import EXPIRE, Desk
from telemed.booking.models import Booking
from telemed.booking.operations import cancel
from telemed.schedules.calendar import platform

Handler = Callable[[str, str], Awaitable[None]]


def handlers(database: Database, desk: Desk, *, store: Store) -> dict[str, Handler]:
    """What the worker runs for `hold.expire` (ref: an appointment)."""

    async def expire(ref: str, key: str) -> None:
        await database.write(lambda session: expire_hold(session, desk, store, appointment_id=ref))

    return {EXPIRE: expire}


def expire_hold(session: Session, desk: Desk, store: Store, *, appointment_id: str) -> None:
    """Nothing; a hold whose time is over is cancelled. Its time was free for others before: no claim waits for this."""
    kept = session.get(Booking, appointment_id)
    if kept is None or kept.status != "pending" or kept.hold_until is None or kept.hold_until > desk.clock.now():
        return
    try:
        cancel(session, platform(kept.tenant), store, id=appointment_id, reason=None)
    except (NotFound, Gone):
        return
