"""One quarter from the record to the portal: extract, build, screen, remember, publish."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import polars as pl
from sqlmodel import Session

from anonymise.attack.presence import inhabitants
from anonymise.attack.run import Attack
from anonymise.audit import Audit, attacked, together
from anonymise.build import Built, build
from anonymise.decisions import decisions, register
from anonymise.definition import Definition
from anonymise.extract import Cohort, Progress, Reading, extract
from anonymise.formats.csv import BLOCKS, CODES, GROUPS, lines_of, table_of
from anonymise.ledger import Entry, Ledger, Secrets, VaultSecrets, signing_key
from anonymise.periods import Period, Quarter, last_complete_quarter
from anonymise.problems import ReleaseRefused
from anonymise.register_lines import PUBLISHED, REFUSED, Decision
from anonymise.release import Release, compose, publish, published
from anonymise.screen import Published, screen
from fhir.reader import Reader
from infra.clock import Clock
from infra.database import Database
from infra.vault import Vault

LEDGER: Final = "ledger"
Make = Callable[[pl.DataFrame, Definition], Built]
Covered = tuple[date, date] | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where releases go, what remembers them, which address they get, and the secrets they are signed with."""

    releases_dir: Path
    data_dir: Path
    secrets: Secrets
    base_url: str

    def ledger(self) -> Ledger:
        """The memory of what is published."""
        return Ledger(self.data_dir / LEDGER, self.secrets)


def no_progress(step: str, count: int) -> None:
    """Nothing; the default for callers without a display."""


async def publish_quarter(
    database: Database,
    vault: Vault,
    *,
    clock: Clock,
    definition: Definition,
    releases_dir: Path,
    data_dir: Path,
    base_url: str,
    quarter: Quarter | None = None,
    progress: Progress = no_progress,
) -> Release:
    """The release of a quarter, by default of the last complete one; one that is out already comes back as it is.

    Raises `ReleaseRefused` (and registers it) when the screen or the rule forbids publication.
    """
    quarter = quarter or last_complete_quarter(clock.now())
    known = published(releases_dir, definition.slug, quarter.name)
    if known is not None:
        return known
    shelf = Shelf(releases_dir, data_dir, VaultSecrets(vault), base_url)
    frozen, pseudonym = clock.now(), shelf.ledger().pseudonym

    def unit(session: Session) -> Cohort:
        reader = Reader(vault)
        reading = Reading(lambda kind: reader.rows(session, kind), frozen, pseudonym, progress)
        return extract(reading, definition, quarter=quarter)

    cohort = await database.read(unit)
    return await asyncio.to_thread(
        publish_persons,
        cohort.persons,
        shelf,
        definition=definition,
        quarter=quarter,
        now=frozen,
        covered=cohort.covered,
    )


def publish_persons(
    persons: pl.DataFrame,
    shelf: Shelf,
    *,
    definition: Definition,
    quarter: Period,
    now: datetime,
    covered: Covered = None,
    make: Make = build,
) -> Release:
    """The release about some persons, whose `person` is already the ledger's pseudonym."""
    shelf.releases_dir.mkdir(parents=True, exist_ok=True)
    with shelf.ledger().alone():
        return _publish_alone(persons, shelf, definition, quarter, now, covered, make)


def _publish_alone(
    persons: pl.DataFrame,
    shelf: Shelf,
    definition: Definition,
    quarter: Period,
    now: datetime,
    covered: Covered,
    make: Make,
) -> Release:
    entry = Entry(definition.slug, quarter.name, quarter.start, quarter.end, definition.cohort.name)
    ledger = shelf.ledger()
    try:
        built = make(persons, definition)
        files = compose(built, definition, quarter=quarter, issued=now, base_url=shelf.base_url, covered=covered)
        audit = audited(files, built, entry, ledger=ledger, definition=definition, releases_dir=shelf.releases_dir)
        audit.require()
    except ReleaseRefused:
        register(shelf.releases_dir, _decision(definition, quarter, now, REFUSED, ""))
        raise
    known = published(shelf.releases_dir, definition.slug, quarter.name)
    if known is None:
        # Remembered before it is visible: a release that nobody remembers could not be met by later ones.
        ledger.write(entry, built.members)
    release = publish(files, shelf.releases_dir, definition=definition, quarter=quarter, key=signing_key(shelf.secrets))
    # Asked of the register, not of `known`: a crash between the two must not leave the release unregistered.
    if release.manifest_sha256 not in {decision.manifest for decision in decisions(shelf.releases_dir)}:
        register(shelf.releases_dir, _decision(definition, quarter, now, PUBLISHED, release.manifest_sha256))
    return release


def audited(
    files: Mapping[str, bytes],
    built: Built,
    entry: Entry,
    *,
    ledger: Ledger,
    definition: Definition,
    releases_dir: Path,
) -> Audit:
    """What all audits say about some files, met with everything the ledger holds about the period and all that is out."""
    table = table_of(files[f"{definition.slug}.csv"], files[CODES])
    groups = lines_of(files[GROUPS]) if GROUPS in files else []
    numbers = Published(table, lines_of(files[BLOCKS]), groups)
    screened = screen(numbers, built.members, built.persons, rule=definition.rule)
    own = ledger.standing(entry, built.members)
    met = together(entry, own, ledger.overlapping(entry), rule=definition.rule)
    if screened.findings or met.refusals:
        return Audit(screened, met, Attack((), (), 0))
    return Audit(screened, met, attacked(files, releases_dir, population=inhabitants(None)))


def _decision(definition: Definition, quarter: Period, now: datetime, outcome: str, digest: str) -> Decision:
    moment = now.replace(microsecond=0).isoformat()
    return Decision(moment, definition.slug, quarter.name, outcome, definition.protection.k, digest)
