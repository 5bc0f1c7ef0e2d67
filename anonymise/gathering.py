"""The cohort of a period, gathered from the record by this process and by every worker that has time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlmodel import Session

from anonymise import parts
from anonymise.definition import Definition
from anonymise.extract import Cohort, Part, Progress, assembled, extracted
from anonymise.periods import Period, period_named
from anonymise.wanted import clinics_of, wanted_for
from fhir.reader import Reader
from infra.clock import Clock
from infra.database import Database
from infra.vault import Vault

PERSONS: Final = parts.PERSONS


@dataclass(frozen=True, slots=True)
class Gathering:
    """Where the record is, how persons are named, which definitions of one cohort ask."""

    database: Database
    vault: Vault
    definitions: tuple[Definition, ...]
    period: Period
    pseudonym: Callable[[str], str]

    @property
    def run(self) -> str:
        """The id of the extraction: one for a cohort and period."""
        return f"{self.definitions[0].cohort.name}:{self.period.name}"

    async def cohort(self, clock: Clock, progress: Progress) -> Cohort:
        """The cohort, as of the moment at which its extraction began; `progress` hears of resources as they are read."""
        reader = Reader(self.vault)
        run = await self.database.write(
            lambda session: parts.begin(session, reader, self.run, now=clock.now(), persons=PERSONS)
        )
        while left := await self.database.read(lambda session: parts.missing(session, run.id)):
            # From the end: workers begin at the other one.
            await self.part(run.id, left[-1], progress)
        found = await self.database.read(lambda session: parts.collected(session, self.vault, run.id))
        k = self.definitions[0].protection.k
        return await asyncio.to_thread(assembled, found, period=self.period, k=k, frozen=run.frozen)

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
        clinics = clinics_of(reader, session, at=frozen)
        wanted = wanted_for(self.definitions, self.period, frozen=frozen, clinics=clinics)
        rows = reader.rows(session, wanted.types, of=span, at=frozen)
        return extracted(rows, wanted, pseudonym=self.pseudonym, progress=progress)


async def read_part(ref: str, gathering: Callable[[str, Period], Gathering]) -> None:
    """Nothing; the part that a job names (cohort, period and number) is read and kept, unless it was already."""
    run, _, number = ref.rpartition("/")
    cohort, _, name = run.rpartition(":")
    await gathering(cohort, period_named(name)).part(run, int(number), lambda _step, _count: None)
