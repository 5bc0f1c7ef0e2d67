"""Filling a database of the product with what the requests are about, before its server starts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from sqlmodel import Session, col, select

from fhir.bulk import Item, load
from fhir.codec import Parsed, parse
from infra import migrate
from infra.database import open_database
from infra.settings import Settings
from telemed.identity.clients import register
from telemed.schedules.calendar import platform
from telemed.schedules.models import SlotStatus, SlotTime
from telemed.schedules.resource import instant
from telemed.schedules.slots import rebuild
from telemed.services import Services
from telemed.wiring import open_services
from tests.bench import contents
from tests.bench.contents import OTHER, SEARCHED, TENANT, Resource
from tests.telemed.identity.signing import Client, ec_key

SCOPE = "system/*.cruds"
BATCH = 1000


@dataclass(frozen=True)
class Size:
    """How much there is and how often it is asked for."""

    patients: int = 100
    hits: int = 20  # Observations of a patient that a search finds
    others: int = 10  # and those that it does not find
    practitioners: int = 8
    requests: int = 400  # in one round
    bookings: int = 100
    rounds: int = 5
    clients: int = 8


@dataclass(frozen=True)
class Slot:
    """A free slot."""

    id: str
    start: str
    end: str


@dataclass(frozen=True)
class Furnished:
    """What the requests can name."""

    client: Client
    patients: tuple[str, ...]
    observations: tuple[str, ...]
    slots: tuple[Slot, ...]


async def furnish(settings: Settings, size: Size) -> Furnished:
    """What there is now: a clinic, patients with Observations, free slots, and a system that may ask for tokens."""
    await make_tables(settings.database)
    client = Client("bench-system", ec_key())
    async with open_services(settings) as services:
        await services.database.write(lambda session: _practice(session, services, size, client))
        patients = tuple(f"bench-patient-{number}" for number in range(size.patients))
        people = [_item(contents.patient(number), id) for number, id in enumerate(patients)]
        await _load(services, people)
        observations = await _load(services, _observations(patients, size))
        slots = await services.database.read(lambda session: _slots(session, services))
    return Furnished(client, patients, observations, slots)


async def make_tables(url: str) -> None:
    """Nothing; the database has all tables."""
    database = open_database(url)
    await migrate.upgrade(database)
    await database.close()


def _practice(session: Session, services: Services, size: Size, client: Client) -> None:
    now = services.system_clock.now()
    for id, resource in contents.practice(size.practitioners).items():
        services.store.create(session, platform(TENANT), _item(resource, id).parsed, id=id)
    for number in range(size.practitioners):
        rebuild(session, services.calendar, contents.schedule_id(number))
    register(session, client_id=client.client_id, tenant=TENANT, jwks=client.jwks, scope=SCOPE, now=now)


def _observations(patients: tuple[str, ...], size: Size) -> Iterable[Item]:
    for id in patients:
        for number in range(size.hits + size.others):
            code = SEARCHED if number < size.hits else OTHER
            yield Item(parse(contents.observation(id, code=code, number=number).encode(), type="Observation"))


async def _load(services: Services, items: Iterable[Item]) -> tuple[str, ...]:
    waiting, ids = list(items), list[str]()
    for start in range(0, len(waiting), BATCH):
        part = waiting[start : start + BATCH]

        def unit(session: Session, part: list[Item] = part) -> list[str]:
            return load(services.record, session, platform(TENANT), part)

        ids += await services.database.write(unit)
    return tuple(ids)


def _item(resource: Resource, id: str) -> Item:
    return Item(Parsed(resource["resourceType"], resource, msgspec.json.encode(resource)), id)


def _slots(session: Session, services: Services) -> tuple[Slot, ...]:
    soon = services.clock.now() + timedelta(hours=1)
    # By time, so that calls side by side meet different practitioners.
    statement = (
        select(SlotTime)
        .where(col(SlotTime.offered), col(SlotTime.status) == SlotStatus.FREE, col(SlotTime.start) > soon)
        .order_by(col(SlotTime.start), col(SlotTime.schedule_id))
    )
    return tuple(Slot(slot.slot_id, instant(slot.start), instant(slot.end)) for slot in session.exec(statement))
