"""Writing the made-up population into the record, through the bulk path: sealed, indexed and audited as any write."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from random import Random
from typing import Any, Final

import msgspec

from fhir import rules
from fhir.bulk import Item, load
from fhir.codec import Parsed
from infra.database import Session
from telemed.demo.population import SEED, Population
from telemed.schedules.calendar import platform
from telemed.services import Services

BATCH: Final = 2000
# One resource in so many goes through the whole validation: the generator makes all alike, and validating takes
# longer than everything else together.
VALIDATED: Final = 200
Progress = Callable[[int], None]
Resource = dict[str, Any]


async def seed_institutions(services: Services, population: Population) -> None:
    """Nothing; clinics, staff and schedules are there, and the jobs that make the slots are on their way."""

    def unit(session: Session) -> None:
        for tenant, resource in population.institutions():
            services.store.create(session, platform(tenant), _parsed(resource, sampled=False), id=resource["id"])

    await services.database.write(unit)


async def seed_people(services: Services, population: Population, *, progress: Progress) -> int:
    """How many resources of patients were written; `progress` hears of each batch."""
    written = 0
    for batch in _batches(chain(population.patients(), population.encounters())):
        await _write(services, batch)
        written += len(batch)
        progress(written)
    return written


async def _write(services: Services, resources: Iterable[tuple[str, Resource]]) -> None:
    by_tenant: dict[str, list[Item]] = {}
    for tenant, resource in resources:
        by_tenant.setdefault(tenant, []).append(Item(_parsed(resource), id=resource["id"]))

    def unit(session: Session) -> None:
        for tenant, items in by_tenant.items():
            load(services.record, session, platform(tenant), items)

    await services.database.write(unit)


_sample: Final = Random(SEED)


def _parsed(resource: Resource, *, sampled: bool = True) -> Parsed:
    parsed = Parsed(resource["resourceType"], resource, msgspec.json.encode(resource))
    if not sampled or _sample.randrange(VALIDATED) == 0:
        rules.validate(parsed)
    return parsed


def _batches(resources: Iterable[tuple[str, Resource]]) -> Iterator[list[tuple[str, Resource]]]:
    rest = iter(resources)
    while batch := list(islice(rest, BATCH)):
        yield batch
