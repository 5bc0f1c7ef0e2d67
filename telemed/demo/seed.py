"""Writing the made-up population into the record, through the bulk path: sealed, indexed and audited as any write."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from random import Random
from typing import Any, Final

import msgspec

from fhir import rules
from fhir.bulk import Item
from fhir.codec import Parsed
from fhir.store import Store
from infra.caller import Caller, Role
from infra.database import Database
from telemed.demo.population import SEED, Population

BATCH: Final = 2000
# One resource in so many goes through the whole validation: the generator makes all alike, and validating takes
# longer than everything else together.
VALIDATED: Final = 200
Progress = Callable[[int], None]
Resource = dict[str, Any]


async def seed(database: Database, store: Store, population: Population, *, progress: Progress) -> int:
    """How many resources were written; `progress` hears of each batch."""
    written = 0
    for batch in _batches(population.everything()):
        written += await write(database, store, batch)
        progress(written)
    return written


async def write(database: Database, store: Store, resources: Iterable[tuple[str, Resource]]) -> int:
    """How many resources of (tenant, resource) were written, in one atomic unit."""
    by_tenant: dict[str, list[Item]] = {}
    for tenant, resource in resources:
        by_tenant.setdefault(tenant, []).append(_item(resource))

    def unit(session: Any) -> int:
        for tenant, items in by_tenant.items():
            store.load(session, service(tenant), items)
        return sum(map(len, by_tenant.values()))

    return await database.write(unit)


def service(tenant: str) -> Caller:
    """The platform itself, acting for a clinic."""
    return Caller(tenant=tenant, subject="demo", role=Role.SERVICE)


_sample: Final = Random(SEED)


def _item(resource: Resource) -> Item:
    parsed = Parsed(resource["resourceType"], resource, msgspec.json.encode(resource))
    if _sample.randrange(VALIDATED) == 0:
        rules.validate(parsed)
    return Item(parsed, id=resource["id"])


def _batches(resources: Iterable[tuple[str, Resource]]) -> Iterator[list[tuple[str, Resource]]]:
    rest = iter(resources)
    while batch := list(islice(rest, BATCH)):
        yield batch
