"""The cohort of a period, gathered from the record by this process and by every worker that has time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from sqlmodel import Session

from anonymise import parts
from anonymise.definition import Definition
from anonymise.extract import Cohort, Part, Progress, assembled, extracted
from anonymise.periods import Quarter, quarter_named
from anonymise.wanted import clinic_places, wanted_for
from fhir.reader import Reader
from infra.clock import Clock
from infra.database import Database
from infra.vault import Vault

Handler = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gathering:
    """Where the record is, how persons are named, which definition asks."""

    database: Database
    vault: Vault
    definition: Definition
    quarter: Quarter
    pseudonym: Callable[[str], str]

    @property
    def run(self) -> str:
        """The id of the extraction: one for a cohort and period."""
        return f"{self.definition.slug}:{self.quarter.name}"

    async def cohort(self, clock: Clock, progress: Progress) -> Cohort:
        """The cohort, as of the moment at which its extraction began; `progress` hears of resources as they are read."""
        reader = Reader(self.vault)
        run = await self.database.write(lambda session: parts.begin(session, reader, self.run, now=clock.now()))
        while left := await self.database.read(lambda session: parts.missing(session, run.id)):
            # From the end: workers begin at the other one.
            await self.part(run.id, left[-1], progress)
        found = await self.database.read(lambda session: parts.collected(session, self.vault, run.id))
        k = self.definition.protection.k
        return await asyncio.to_thread(assembled, found, quarter=self.quarter, k=k, frozen=run.frozen)

    async def part(self, id: str, number: int, progress: Progress) -> None:
        """Nothing; the part is read and kept, unless it was already."""
        found = await self.database.read(lambda session: self._read(session, id, number, progress))
        if found is not None:
            await self.database.write(partial(parts.keep, vault=self.vault, id=id, number=number, part=found))

    async def done(self) -> None:
        """Nothing is left of the extraction in the database."""
        await self.database.write(lambda session: parts.forget(session, self.run))

    def _read(self, session: Session, id: str, number: int, progress: Progress) -> Part | None:
        wanted_part = parts.frozen_of(session, id, number)
        if wanted_part is None:
            return None
        frozen, span = wanted_part
        reader = Reader(self.vault)
        clinics = clinic_places(reader, session, at=frozen)
        wanted = wanted_for(self.definition, self.quarter, frozen=frozen, clinics=clinics)
        rows = reader.rows(session, wanted.types, of=span, at=frozen)
        return extracted(rows, wanted, pseudonym=self.pseudonym, progress=progress)


def handlers(gathering: Callable[[str, Quarter], Gathering]) -> dict[str, Handler]:
    """What a worker runs for `statistics.extract` (ref: data set, period and number of the part)."""

    async def extract(ref: str, key: str) -> None:
        run, _, number = ref.rpartition("/")
        slug, _, quarter = run.rpartition(":")
        await gathering(slug, quarter_named(quarter)).part(run, int(number), _silent)

    return {parts.JOB: extract}


def _silent(step: str, count: int) -> None:
    pass
