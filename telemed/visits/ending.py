"""A room that a clinician ends by a message in it ends the visit, as `POST /visits/{appointment}/end` does."""

from infra.caller import Caller, Role
from infra.database import Session
from infra.problems import Forbidden
from telemed.calling import is_nobodys
from telemed.identity.callers import CONSOLE_SCOPES
from telemed.services import Services
from telemed.visits.service import Visits
from telemed.visits.standing import clinician_of
from video.desk import Ended


class NotSignedInAnyMore(Forbidden):
    """Sign in again: only who is signed in may end a visit."""


def ended(services: Services) -> Ended:
    """What the signalling does before it ends a room: the Encounter is finished and the Appointment fulfilled."""

    async def end(room: str, bound: str) -> None:
        if is_nobodys(room, bound):
            return  # nobody's visit
        now, visits = services.system_clock.now(), Visits(services.store, services.clock)

        def unit(session: Session) -> None:
            found = clinician_of(session, bound, now=now)
            if found is None:
                raise NotSignedInAnyMore
            caller = Caller(found.tenant, found.practitioner_id, Role(found.role), CONSOLE_SCOPES)
            visits.end(session, caller, bound.rpartition(":")[2])

        await services.database.write(unit)

    return end
