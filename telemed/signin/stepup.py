"""Step-up: what breaks glass, takes data out or touches keys asks that its caller was verified in the last five minutes.

For every route of the console that does such a thing: `caller: SteppedUp` in its signature. What an operator does with
the command line on the machine itself is outside of it; whoever holds the keys' file needs no console.
"""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from infra.caller import Caller
from infra.problems import Forbidden
from telemed.identity.callers import SignedInClinician
from telemed.identity.sessions import SignedIn
from telemed.services import services_of


class StepUpNeeded(Forbidden):
    """Confirm first that it is you: open /console/step-up in this browser, then repeat this within five minutes."""


async def require_step_up(connection: HTTPConnection, caller: SignedInClinician) -> Caller:
    """The signed-in clinician, verified as a person in the last five minutes; else `StepUpNeeded`."""
    services, now = services_of(connection), services_of(connection).system_clock.now()
    if not signed_in_of(connection).is_fresh(services.settings, now=now):
        raise StepUpNeeded
    return caller


async def require_recent_proof(connection: HTTPConnection, caller: SignedInClinician) -> Caller:
    """The same, or signed in by a recovery code in the last five minutes: for making a new passkey."""
    services, now = services_of(connection), services_of(connection).system_clock.now()
    if not signed_in_of(connection).is_recent(services.settings, now=now):
        raise StepUpNeeded
    return caller


def signed_in_of(connection: HTTPConnection) -> SignedIn:
    """The session behind the request, where a guard has found one."""
    found: SignedIn = connection.scope["signed_in"]
    return found


SteppedUp = Annotated[Caller, Depends(require_step_up)]
RecentlyProven = Annotated[Caller, Depends(require_recent_proof)]
