"""What lives as long as the process: made once in the lifespan, handed to routes as `request.app.state.services`."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from fhir.ledger.sequencer import Sequencer
from fhir.store import Store
from infra.clock import Clock
from infra.database import Database
from infra.outgoing import Outgoing
from infra.queue import JobQueue
from infra.settings import Settings
from infra.vault import Vault
from telemed.booking.engine import Desk
from telemed.gate import Gate
from telemed.identity.app_origins import AppOrigins
from telemed.identity.failures import FailureLimit
from telemed.identity.jwks_by_url import JwksByUrl
from telemed.identity.standing import TokenCheck
from telemed.identity.tokens import TokenIssuer
from telemed.identity.users import UserSource
from telemed.keys.erasing import Eraser
from telemed.practice.robots import Robots
from telemed.schedules.calendar import Calendar
from telemed.signin.provider import IdentityProvider
from telemed.visits.limits import GuessingGuard
from video.ice import Ice
from video.media import Media
from video.precheck import Precheck
from video.rooms import Rooms
from video.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Services:
    """The long-lived parts. `clock` is the business clock; what protects goes by `system_clock`."""

    settings: Settings
    clock: Clock
    system_clock: Clock
    database: Database
    vault: Vault
    store: Store
    # The same record without hooks, for what follows from a change whose hooks have run.
    record: Store
    calendar: Calendar
    desk: Desk
    queue: JobQueue
    # Signs the log of accesses; runs where the jobs run.
    sequencer: Sequencer
    rooms: Rooms
    tickets: Tickets
    ice: Ice
    precheck: Precheck
    media: Media
    robots: Robots
    # The one way to addresses that others name.
    outgoing: Outgoing
    issuer: TokenIssuer
    token_check: TokenCheck
    # Where people sign in who may allow apps something.
    users: Sequence[UserSource]
    jwks: JwksByUrl
    app_origins: AppOrigins
    failures: FailureLimit
    eraser: Eraser
    gate: Gate
    identity: IdentityProvider
    guessing: GuessingGuard


def services_of(connection: HTTPConnection) -> Services:
    """The services of the app that serves this request or socket."""
    services: Services = connection.app.state.services
    return services


async def services_here(connection: HTTPConnection) -> Services:
    """The same as a dependency of a route: one that can't wait would be called in a thread of its own."""
    return services_of(connection)
