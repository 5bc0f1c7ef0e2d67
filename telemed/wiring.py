"""The one place where the long-lived parts are made and put together; whoever opens them closes them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from fhir.dangling import refuse_dangling
from fhir.here import stand_at
from fhir.ledger.copies import Copies
from fhir.ledger.sequencer import Sequencer
from fhir.reindex import adopt
from fhir.store import Hook, Store, Watching
from infra.clock import Clock, SystemClock, clock_from
from infra.database import Database, open_database
from infra.outgoing import outgoing_from
from infra.queue import Handler, JobQueue, redis_pool
from infra.rates import Counter, Failures
from infra.settings import Settings
from infra.vault import Vault, key_provider
from telemed.access.grants import grants_hook
from telemed.access.owners import OWNING, refuse_foreign_owner
from telemed.access.policy import CarePolicy
from telemed.access.sources import READERS
from telemed.booking import jobs as booking_jobs
from telemed.booking.engine import Desk, booking_hook
from telemed.emergency.guarding import review_kept
from telemed.gate import gate_from
from telemed.identity.app_origins import AppOrigins
from telemed.identity.failures import FailureLimit
from telemed.identity.jwks_by_url import JwksByUrl
from telemed.identity.standing import TokenCheck
from telemed.identity.tokens import TokenIssuer
from telemed.identity.users import Clinicians, UserSource
from telemed.keys.erasing import eraser
from telemed.keys.replay import replay
from telemed.keys.watching import watching
from telemed.media import addresses_of, unit_of
from telemed.mydata import letters
from telemed.mydata.app_source import Patients
from telemed.notices import delivery
from telemed.notices.message import House
from telemed.notices.service import Office
from telemed.persons.hook import merged_hook
from telemed.practice.robots import Robots
from telemed.releases import jobs as statistics_jobs
from telemed.schedules import jobs as schedule_jobs
from telemed.schedules.calendar import MANAGED, Calendar, calendar_hook
from telemed.services import Services
from telemed.signin.choice import identity_provider
from telemed.startup import make_first_keys, refuse_database, refuse_settings
from telemed.visits.hooks import appointment_changed
from telemed.visits.limits import GuessingGuard
from video import desk as media_desk
from video.ice import ice_from
from video.precheck import Precheck
from video.rooms import Rooms
from video.tickets import Tickets


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The services, opened and checked; closed again when the block ends."""
    refuse_settings(settings)
    stand_at(f"{settings.base_url.rstrip('/')}/fhir")
    clock = clock_from(settings)
    database = open_database(settings.database, clock)
    try:
        await refuse_database(settings, database)
        await make_first_keys(settings)
        await database.write(adopt)
        queue_pool = await redis_pool(settings.redis_url)
        counter = Counter(settings.redis_url)
        handlers: dict[str, Handler] = {}
        queue = JobQueue(database, queue_pool, handlers=handlers)
        try:
            services = _services(settings, database, clock=clock, queue=queue, counter=counter)
            handlers.update(_handlers(services))
            # Before anything is served: a restored database may hold what was erased since.
            await replay(services.eraser)
            await services.issuer.load(database)
            async with watching(services.eraser):
                yield services
            services.rooms.close()
            await services.precheck.close()
        finally:
            await queue.close()
            await counter.close()
    finally:
        await database.close()


def _services(settings: Settings, database: Database, *, clock: Clock, queue: JobQueue, counter: Counter) -> Services:
    system_clock = SystemClock()
    provider = key_provider(settings)
    vault = Vault(provider)
    database.on_lost.append(vault.forget)
    policy = CarePolicy(clock, vault)
    record = Store(vault, policy, clock)
    calendar = Calendar(record, clock, timedelta(days=settings.slot_horizon_days))
    desk = Desk(calendar, policy, vault, Office(vault, record, clock))
    base = settings.base_url.rstrip("/")
    issuer = TokenIssuer(vault, issuer=base, audience=f"{base}/fhir", clock=system_clock)
    users: list[UserSource] = [Clinicians(settings, vault), Patients(settings, vault, system_clock)]
    outgoing = outgoing_from(settings)
    failures = Failures(counter, secret=provider.secret("rates"))
    ice = ice_from(settings.ice_addresses, settings.ice_secret)
    rooms, tickets = Rooms(), Tickets(provider.secret("video-ticket"))
    media = unit_of(settings, rooms, ice)
    return Services(
        settings=settings,
        clock=clock,
        system_clock=system_clock,
        database=database,
        vault=vault,
        store=Store(vault, policy, clock, [*_refusals(settings, policy), *_hooks(desk, clock)]),
        record=record,
        calendar=calendar,
        desk=desk,
        queue=queue,
        sequencer=_sequencer(settings, database, vault),
        rooms=rooms,
        tickets=tickets,
        ice=ice,
        precheck=Precheck(ice, addresses=addresses_of(settings)),
        media=media,
        robots=Robots(
            media_desk.Desk(rooms, tickets, ice, frozenset(), unit=media),
            most=settings.practice_robots,
            addresses=addresses_of(settings),
        ),
        outgoing=outgoing,
        issuer=issuer,
        token_check=TokenCheck(issuer, users, system_clock),
        users=users,
        jwks=JwksByUrl(outgoing.fetch, system_clock),
        app_origins=AppOrigins(system_clock),
        failures=FailureLimit(failures),
        guessing=GuessingGuard(failures),
        eraser=eraser(settings, database, vault),
        gate=gate_from(settings, counter, provider),
        identity=identity_provider(settings, database, vault, clock=system_clock),
    )


def _sequencer(settings: Settings, database: Database, vault: Vault) -> Sequencer:
    copies = Copies(settings.checkpoints_dir) if settings.checkpoints_dir else None
    return Sequencer(database, vault, SystemClock(), urlsplit(settings.base_url).netloc, copies)


def _refusals(settings: Settings, policy: CarePolicy) -> Sequence[Hook]:
    """What a write must not do: pass for another clinic's, and what the operator chose."""
    base = f"{settings.base_url.rstrip('/')}/fhir"
    owned = Watching(frozenset(OWNING), refuse_foreign_owner)
    return [owned, refuse_dangling(policy, base)] if settings.dangling_references == "refuse" else [owned]


def _hooks(desk: Desk, clock: Clock) -> Sequence[Hook]:
    """What follows from a write, in order: a moved appointment's old codes end before booking sends a new one."""
    appointments = frozenset({"Appointment"})
    return (
        Watching(appointments, appointment_changed),
        Watching(MANAGED, calendar_hook(desk.calendar)),
        Watching(appointments, booking_hook(desk)),
        Watching(frozenset(READERS), grants_hook(clock, desk.calendar.record)),
        Watching(frozenset({"Patient"}), merged_hook()),
        Watching(frozenset({"Task"}), review_kept),
    )


def _handlers(services: Services) -> dict[str, Handler]:
    """What the worker runs, by kind of job."""
    settings, database, vault = services.settings, services.database, services.vault
    house = House(settings.base_url, settings.mail_sender, settings.phone)
    return {
        **schedule_jobs.handlers(database, services.calendar),
        **booking_jobs.handlers(database, services.desk, store=services.store),
        **delivery.handlers(database, vault, clock=services.clock, house=house, smtp_url=settings.smtp_url),
        **letters.handlers(database, vault, clock=services.clock, house=house),
        **statistics_jobs.handlers(services),
    }
