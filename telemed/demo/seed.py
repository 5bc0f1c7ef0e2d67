"""Writing the made-up population into the record, through the bulk path: sealed, indexed and audited as any write."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import datetime
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, Final
from zlib import crc32

import msgspec

from fhir import rules
from fhir.bulk import insert
from fhir.codec import Parsed
from fhir.drafts import Draft, draft
from infra.database import Session
from infra.settings import Settings
from infra.vault import Vault, key_provider
from telemed.demo.population import Population
from telemed.schedules.calendar import platform
from telemed.services import Services

BATCH: Final = 2000
# One resource in so many goes through the whole validation: the generator makes all alike, and validating takes
# longer than everything else together.
VALIDATED: Final = 200
Progress = Callable[[int], None]
Resource = dict[str, Any]
Batch = list[tuple[str, Resource]]
Drafts = dict[str, list[Draft]]


async def seed_institutions(services: Services, population: Population) -> None:
    """Nothing; clinics, staff and schedules are there, and the jobs that make the slots are on their way."""

    def unit(session: Session) -> None:
        for tenant, resource in population.institutions():
            services.store.create(session, platform(tenant), _parsed(resource, validated=True), id=resource["id"])

    await services.database.write(unit)


async def seed_people(services: Services, population: Population, *, progress: Progress) -> int:
    """How many resources of patients were written; `progress` hears of each batch.

    Two processes share the work: one makes the index entries of the next batch while this one seals and writes.
    """
    written = 0
    batches = _batches(chain(population.patients(), population.lasting(), population.encounters()))
    with _drafting_process(services.settings) as drafting:
        async for drafts in _drafted(drafting, batches, now=services.clock.now()):
            await services.database.write(partial(_insert, services, drafts))
            written += sum(map(len, drafts.values()))
            progress(written)
    return written


def _insert(services: Services, drafts: Drafts, session: Session) -> None:
    for tenant, new in drafts.items():
        insert(services.record, session, platform(tenant), new)


async def _drafted(drafting: Executor, batches: Iterable[Batch], *, now: datetime) -> AsyncIterator[Drafts]:
    """The drafts of each batch, by tenant; those of the next are made meanwhile."""
    ahead: asyncio.Future[Drafts] | None = None
    for batch in batches:
        following = asyncio.get_running_loop().run_in_executor(drafting, _draft_all, batch, now)
        if ahead is not None:
            yield await ahead
        ahead = following
    if ahead is not None:
        yield await ahead


def _drafting_process(settings: Settings) -> Executor:
    # Spawned, not forked: this process has a writer thread. It reads the key file itself, so no key is handed over.
    # One and no more: row ids are unique within a process.
    context = get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_open_vault, initargs=(settings,))


_vaults: Final[list[Vault]] = []


def _open_vault(settings: Settings) -> None:
    _vaults.append(Vault(key_provider(settings)))


def _draft_all(batch: Batch, now: datetime) -> Drafts:
    drafts: Drafts = {}
    for tenant, resource in batch:
        sampled = crc32(resource["id"].encode()) % VALIDATED == 0
        made = draft(_vaults[0], _parsed(resource, validated=sampled), now=now, id=resource["id"])
        drafts.setdefault(tenant, []).append(made)
    return drafts


def _parsed(resource: Resource, *, validated: bool) -> Parsed:
    parsed = Parsed(resource["resourceType"], resource, msgspec.json.encode(resource))
    if validated:
        rules.validate(parsed)
    return parsed


def _batches(resources: Iterable[tuple[str, Resource]]) -> Iterator[Batch]:
    rest = iter(resources)
    while batch := list(islice(rest, BATCH)):
        yield batch
