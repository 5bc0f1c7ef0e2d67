"""From persons to the portal: build, screen, attack, keep as a draft; approved by two, remember, publish.

Files alone: no database, no keys of the platform. `preparing.py` brings the persons from the record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anonymise.approvals import (
    CONSOLE,
    Approval,
    EnrolledKeys,
    approved,
    named,
    read_approvals,
    require_two,
    write_approvals,
)
from anonymise.attempts import Attempt, audited, rungs, without_groups
from anonymise.audit import Audit, Beside
from anonymise.build import Built, build
from anonymise.coverage import Extent
from anonymise.decisions import decisions, register, require_after_the_last, withdrawn
from anonymise.definition import Definition
from anonymise.drafts import Draft, Drafts, Facts
from anonymise.inner_report import report_on
from anonymise.ladder import climbed
from anonymise.ledger import FOLDER, Entry, Ledger, Secrets, console_key, signing_key, standing_digest
from anonymise.manifest_names import is_out
from anonymise.meet import Standing
from anonymise.periods import Period
from anonymise.placing import replace
from anonymise.problems import (
    AuditStale,
    DraftChanged,
    DraftMissing,
    PeriodFrozen,
    PeriodNotOver,
    ReleaseRefused,
    ReleaseWithdrawn,
    TooFewPersons,
    TwoBuilders,
)
from anonymise.progress import Progress, no_progress
from anonymise.register_lines import PUBLISHED, REFUSED, Decision
from anonymise.release import Release, compose, publish
from anonymise.reports import Reports
from anonymise.revisions import revisions_of
from anonymise.withdrawals import Withdrawal, withdraw
from infra.problems import Problem

LEDGER: Final = FOLDER
DRAFTS: Final = "drafts"
AUDITS: Final = "audits"
APPROVERS: Final = "approvers"
WITHDRAWN: Final = "withdrawn"
Covered = tuple[date, date] | None


@dataclass(frozen=True)
class Shelf:
    """Where releases go, what remembers them, which address they get, and the secrets they are signed with."""

    releases_dir: Path
    data_dir: Path
    secrets: Secrets
    base_url: str

    @cached_property
    def ledger(self) -> Ledger:
        """The memory of what is published."""
        return Ledger(self.data_dir / LEDGER, self.secrets)

    @property
    def drafts(self) -> Drafts:
        """What waits for approval."""
        return Drafts(self.data_dir / DRAFTS, self.ledger)

    @property
    def approvers(self) -> EnrolledKeys:
        """Who may approve."""
        return EnrolledKeys(self.data_dir / APPROVERS, console=console_key(self.secrets).public_key())

    @property
    def reports(self) -> Reports:
        """The inner reports of drafts, of what is out and of what was refused."""
        return Reports(self.data_dir / AUDITS, self.drafts, self.ledger)

    def approvals(self, draft: Draft) -> tuple[Approval, ...]:
        """Every approval that was given to drafts of these names."""
        return read_approvals(self.drafts.approvals(draft.facts.slug, draft.facts.release))


@dataclass(frozen=True, slots=True)
class Work:
    """What is built: by which definition, of which period, frozen when, by whom, of which part of the record."""

    definition: Definition
    period: Period
    frozen: datetime
    built_by: str
    covered: Covered = None
    extent: Extent | None = None

    @property
    def entry(self) -> Entry:
        """What the ledger calls it."""
        cohort = self.definition.cohort.name
        unit = self.definition.source.unit
        return Entry(self.definition.slug, self.period.name, self.period.start, self.period.end, cohort, unit)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one data set: its draft, or why there is none."""

    entry: Entry
    draft: Draft | None
    refused: Problem | None = None

    def require(self) -> Draft:
        """The draft; raises what it was refused for."""
        if self.draft is None:
            raise self.refused or ReleaseRefused()
        return self.draft


def prepare(persons: pl.DataFrame, shelf: Shelf, *, work: Work, progress: Progress = no_progress) -> Draft:
    """The audited draft about some persons, whose `person` is already the ledger's pseudonym; raises if it is refused."""
    [prepared] = prepare_together(persons, shelf, works=[work], progress=progress)
    return prepared.require()


def prepare_together(
    persons: pl.DataFrame, shelf: Shelf, *, works: Sequence[Work], progress: Progress = no_progress
) -> tuple[Prepared, ...]:
    """The drafts of data sets about the same persons; each is met with everything published and with those before it."""
    for work in works:
        named(work.built_by)
    shelf.releases_dir.mkdir(parents=True, exist_ok=True)
    siblings: list[Sibling] = []
    found = []
    before = [shelf.drafts.stamp(work.entry.slug, work.entry.release) for work in works]
    with shelf.ledger.alone():
        for work, stamp in zip(works, before, strict=True):
            try:
                if shelf.drafts.stamp(work.entry.slug, work.entry.release) != stamp:
                    raise TwoBuilders
                draft, sibling = _drafted(persons, shelf, work, siblings, progress)
            except ReleaseRefused as refused:
                register(shelf.releases_dir, _decision(work.entry, work.definition.protection.k, work.frozen, REFUSED))
                found.append(Prepared(work.entry, None, refused))
            except Problem as refused:
                found.append(Prepared(work.entry, None, refused))
            else:
                siblings.append(sibling)
                found.append(Prepared(work.entry, draft))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Sibling:
    """A draft that was built together with others: what it is about, who stands where, its files."""

    entry: Entry
    standing: Standing
    files: Mapping[str, bytes]


def _drafted(
    persons: pl.DataFrame, shelf: Shelf, work: Work, siblings: Sequence[Sibling], progress: Progress
) -> tuple[Draft, Sibling]:
    entry = work.entry
    if entry.end > work.frozen:
        raise PeriodNotOver
    _require_free(shelf.releases_dir, entry)
    if persons.is_empty():
        raise TooFewPersons
    kept = shelf.ledger.kept(entry, but=[sibling.entry.name for sibling in siblings])

    def attempt(definition: Definition) -> Attempt:
        progress("counting and partitioning", 0, 0)
        built = build(persons, definition, blocks=kept)
        if without_groups(built, definition):
            return Attempt(definition, built, {})
        progress("writing files", 0, 0)
        files = _composed(built, definition, work, shelf)
        beside = _beside(shelf, entry, shelf.ledger.standing(entry, built.members), siblings)
        verdict = audited(files, built, entry, beside=beside, rule=definition.rule, progress=progress)
        return Attempt(definition, built, files, verdict)

    made = climbed(work.definition, attempt)
    built, files, audit = made[-1].built, made[-1].files, made[-1].audited
    facts = _facts(work, shelf, siblings)
    report = report_on(
        built, made[-1].definition, audit, name=entry.name, by=work.built_by, at=facts.built_at, ladder=rungs(made)
    )
    if audit.refusals:
        shelf.reports.keep_refused(entry, report)
    audit.require()
    sealed = shelf.reports.sealed(entry.slug, entry.release, report)
    draft = shelf.drafts.write(facts, files=files, audit=_told(audit), members=built.members, report=sealed)
    return draft, Sibling(entry, shelf.ledger.standing(entry, built.members), files)


def _composed(built: Built, definition: Definition, work: Work, shelf: Shelf) -> dict[str, bytes]:
    beside = {(other.slug, other.release) for other in shelf.ledger.entries() if other.same_cohort(work.entry)}
    return compose(
        built,
        definition,
        quarter=work.period,
        issued=work.frozen,
        base_url=shelf.base_url,
        covered=work.covered,
        extent=work.extent,
        revisions=revisions_of(work.entry.slug, beside=beside, decided=decisions(shelf.releases_dir)),
    )


def _beside(shelf: Shelf, entry: Entry, own: Standing, siblings: Sequence[Sibling]) -> Beside:
    # What the ledger holds of a sibling is what an attempt left that did not publish it: its new draft counts.
    names = {sibling.entry.name for sibling in siblings}
    earlier = [(other, standing) for other, standing in shelf.ledger.overlapping(entry) if other.name not in names]
    return Beside(
        own=own,
        others=[*earlier, *((sibling.entry, sibling.standing) for sibling in siblings)],
        folders=(shelf.releases_dir, shelf.data_dir / WITHDRAWN),
        drafts={sibling.entry.slug: sibling.files for sibling in siblings},
    )


def _require_free(releases_dir: Path, entry: Entry) -> None:
    if (entry.slug, entry.release) in withdrawn(releases_dir):
        raise ReleaseWithdrawn
    if is_out(releases_dir, entry.slug, entry.release):
        raise PeriodFrozen


def _facts(work: Work, shelf: Shelf, together: Sequence[Sibling]) -> Facts:
    protection = work.definition.protection
    siblings = {sibling.entry.name: standing_digest(sibling.standing) for sibling in together}
    return Facts(
        slug=work.entry.slug,
        release=work.entry.release,
        cohort=work.entry.cohort,
        first=work.period.first.isoformat(),
        last=work.period.last.isoformat(),
        start=work.entry.start.isoformat(),
        end=work.entry.end.isoformat(),
        built_by=work.built_by,
        built_at=work.frozen.replace(microsecond=0).isoformat(),
        ledger=shelf.ledger.state(but=(work.entry.name, *siblings)),
        together=siblings,
        protection={
            "k": protection.k,
            "share_limit": protection.share_limit,
            "min_categories": protection.min_categories,
        },
        unit=work.entry.unit,
    )


def _told(audit: Audit) -> bytes:
    """The inner report (JSON): what the audits looked at and said."""
    screened, attack = audit.screened, audit.attack
    found: dict[str, object] = {"blocks": screened.blocks, "smallest": screened.smallest, "groups": screened.groups}
    found |= {"met": audit.together.met, "cleared": audit.together.cleared}
    found |= {"attacked": attack.releases, "unknowns": attack.columns, "findings": audit.refusals}
    return json.dumps(found, sort_keys=True).encode()


def approve(shelf: Shelf, slug: str, release: str, *, by: str, at: datetime, key: Ed25519PrivateKey) -> Approval:
    """One person's approval of a draft, kept; raises where it does not count."""
    with shelf.ledger.alone():
        draft = shelf.drafts.read(slug, release)
        earlier = shelf.approvals(draft)
        found = approved(draft.subject, earlier, by=by, at=at, key=key, approvers=shelf.approvers)
        write_approvals(shelf.drafts.approvals(slug, release), [*earlier, found])
        return found


def approve_in_console(shelf: Shelf, slug: str, release: str, *, person: str, digest: str, at: datetime) -> Approval:
    """The approval of who is signed in to the platform, of the draft that was shown to them."""
    if shelf.drafts.read(slug, release).digest != digest:
        raise DraftChanged
    return approve(shelf, slug, release, by=f"{CONSOLE}{person}", at=at, key=console_key(shelf.secrets))


def publish_draft(shelf: Shelf, slug: str, release: str, *, now: datetime) -> Release:
    """The release that two people approved, out. Saying it again after a crash finishes what was begun."""
    with shelf.ledger.alone():
        draft = _waiting(shelf, slug, release)
        facts = draft.facts
        agreed = require_two(draft.subject, shelf.approvals(draft), approvers=shelf.approvers)
        start, end = datetime.fromisoformat(facts.start), datetime.fromisoformat(facts.end)
        entry = Entry(slug, release, start, end, facts.cohort, facts.unit)
        if now < end:
            raise PeriodNotOver
        require_after_the_last(shelf.releases_dir, now)
        if not _still_audited(shelf, facts, entry):
            raise AuditStale
        # Remembered before it is visible: a release that nobody remembers could not be met by later ones.
        shelf.ledger.write(entry, shelf.drafts.members(draft))
        out = publish(draft.files, shelf.releases_dir, facts=_manifest_facts(facts), key=signing_key(shelf.secrets))
        # Asked of the register: a crash between the two must not leave the release unregistered.
        if out.manifest_sha256 not in {decision.manifest for decision in decisions(shelf.releases_dir)}:
            line = _decision(entry, facts.protection["k"], now, PUBLISHED, out.manifest_sha256, len(agreed))
            register(shelf.releases_dir, line)
        audits = shelf.data_dir / AUDITS
        audits.mkdir(mode=0o700, exist_ok=True)
        replace(audits / f"{slug}--{release}.json", draft.audit)
        shelf.reports.keep_published(slug, release)
        shelf.drafts.remove(slug, release)
        return out


def _waiting(shelf: Shelf, slug: str, release: str) -> Draft:
    try:
        return shelf.drafts.read(slug, release)
    except DraftMissing as missing:
        if not is_out(shelf.releases_dir, slug, release):
            raise
        raise DraftMissing(f"{slug} {release} is published already; no draft of it waits.") from missing


def withdraw_release(shelf: Shelf, wish: Withdrawal) -> Path:
    """The folder whose release is taken back; see `anonymise.withdrawals`."""
    with shelf.ledger.alone():
        require_after_the_last(shelf.releases_dir, wish.at)
        return withdraw(wish, shelf.releases_dir, inside=shelf.data_dir / WITHDRAWN, key=signing_key(shelf.secrets))


def _manifest_facts(facts: Facts) -> dict[str, object]:
    return {
        "dataset": facts.slug,
        "release": facts.release,
        "period": {"first": facts.first, "last": facts.last},
        "protection": facts.protection,
    }


def _still_audited(shelf: Shelf, facts: Facts, entry: Entry) -> bool:
    """Whether nothing was published since but what the draft was met with: the siblings it was built with, unchanged."""
    if shelf.ledger.state(but=(entry.name, *facts.together)) != facts.ledger:
        return False
    met = (standing for other, standing in shelf.ledger.overlapping(entry) if other.name in facts.together)
    return all(facts.together[standing.name] == standing_digest(standing) for standing in met)


def _decision(entry: Entry, k: int, now: datetime, outcome: str, digest: str = "", approvals: int = 0) -> Decision:
    moment = now.replace(microsecond=0).isoformat()
    return Decision(moment, entry.slug, entry.release, outcome, k, digest, approvals)
