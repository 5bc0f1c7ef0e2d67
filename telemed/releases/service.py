"""The shelf of this service, and what the release board sees of it.

Imported when the board's pages are first asked for: data frames take a third of a second that no other page needs.
"""

import json
from dataclasses import dataclass
from typing import Any

from anonymise import about, pages
from anonymise.approvals import CONSOLE, NEEDED, counted
from anonymise.decisions import decisions
from anonymise.drafts import Draft
from anonymise.inner_pages import PAGE, report_files
from anonymise.ledger import VaultSecrets
from anonymise.pipeline import Shelf, approve_in_console, publish_draft, withdraw_release
from anonymise.register_lines import WITHDRAWN, Decision
from anonymise.withdrawals import Withdrawal
from infra.settings import Settings
from infra.vault import Vault
from telemed.services import Services

__all__ = [
    "WITHDRAWN",
    "altered",
    "approve",
    "decided",
    "draft",
    "file",
    "publish",
    "report",
    "report_page_of",
    "shelf_of",
    "waiting",
    "withdraw",
]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A draft as the board sees it: names, digest, who built it when (UTC) of how many persons under which rule, its audit,
    the page of its numbers and of its inner report (empty without one), how many approved, whether the viewer did."""

    slug: str
    release: str
    title: str
    digest: str
    built_at: str
    built_by: str
    persons: int
    legal_basis: str
    protection: dict[str, Any]
    page: str
    audit: dict[str, Any]
    report: str
    files: tuple[str, ...]
    approvals: int
    needed: int
    own: bool

    @property
    def ready(self) -> bool:
        """Whether it may be published."""
        return self.approvals >= self.needed


def shelf_of(services: Services) -> Shelf:
    """Releases, drafts and ledger of this service."""
    return shelf_at(services.settings, services.vault)


def shelf_at(settings: Settings, vault: Vault) -> Shelf:
    """Releases, drafts and ledger as set, sealed and signed with secrets of the vault."""
    return Shelf(settings.releases, settings.data_dir, VaultSecrets(vault), settings.portal_url.rstrip("/"))


def waiting(shelf: Shelf, *, person: str, language: str) -> list[Waiting]:
    """The drafts that wait for approval, as a member of the board sees them."""
    return [_seen(shelf, draft, person, language) for draft in shelf.drafts.waiting()]


def altered(shelf: Shelf) -> list[str]:
    """The drafts of which a file is not what the audits saw: data set and release."""
    return [" ".join(name) for name in shelf.drafts.altered()]


def draft(shelf: Shelf, slug: str, release: str, *, person: str, language: str) -> Waiting:
    """One draft; raises if there is none."""
    return _seen(shelf, shelf.drafts.read(slug, release), person, language)


def file(shelf: Shelf, slug: str, release: str, name: str) -> bytes | None:
    """A file of a draft as it would be public; None if there is none of the name."""
    return shelf.drafts.read(slug, release).files.get(name)


def report(shelf: Shelf, slug: str, release: str) -> dict[str, bytes]:
    """The pages of the inner report by file name; raises if there is none."""
    return report_files(shelf.reports.read(slug, release))


def report_page_of(shelf: Shelf, slug: str, release: str, *, language: str) -> str:
    """The name of the report's page in the reader's language; empty if there is no report."""
    return pages.file_name(PAGE, "de" if language == "de" else "en") if shelf.reports.has(slug, release) else ""


def decided(shelf: Shelf) -> list[Decision]:
    """The register, newest first."""
    return list(decisions(shelf.releases_dir))[::-1] if shelf.releases_dir.is_dir() else []


def approve(services: Services, slug: str, release: str, *, person: str, digest: str) -> None:
    """The approval of a member of the board, of exactly what was shown."""
    approve_in_console(shelf_of(services), slug, release, person=person, digest=digest, at=services.clock.now())


def publish(services: Services, slug: str, release: str) -> None:
    """The approved draft, out."""
    publish_draft(shelf_of(services), slug, release, now=services.clock.now())


def withdraw(services: Services, slug: str, release: str, *, reason: str, cause: str) -> None:
    """The release, taken back."""
    withdraw_release(shelf_of(services), Withdrawal(slug, release, services.clock.now(), reason, cause))


def _seen(shelf: Shelf, found: Draft, person: str, language: str) -> Waiting:
    told = about.parse(found.files[about.FILE])
    counting = counted(found.subject, shelf.approvals(found), approvers=shelf.approvers)
    return Waiting(
        slug=found.facts.slug,
        release=found.facts.release,
        title=told.title.of(language),
        digest=found.digest,
        built_at=found.facts.built_at,
        built_by=found.facts.built_by,
        persons=told.persons,
        legal_basis=told.legal_basis,
        protection=found.facts.protection,
        page=pages.file_name("index", "de" if language == "de" else "en"),
        audit=json.loads(found.audit),
        report=report_page_of(shelf, found.facts.slug, found.facts.release, language=language),
        files=tuple(sorted(found.files)),
        approvals=len(counting),
        needed=NEEDED,
        own=any(approval.by == f"{CONSOLE}{person}" for approval in counting),
    )
