"""Where inner reports lie: in the draft they are about, then beside the audits; what was refused has only its report.

They name places and what was found there, so they are sealed, and nothing of them is ever published.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anonymise.drafts import Drafts
from anonymise.inner_report import InnerReport, parse
from anonymise.ledger import Entry, Ledger
from anonymise.placing import replace
from anonymise.problems import ReportMissing

NAME: Final = re.compile(r"[0-9A-Za-z]+(-[0-9A-Za-z]+)*")


@dataclass(frozen=True, slots=True)
class Reports:
    """The inner reports of a data directory."""

    folder: Path
    drafts: Drafts
    ledger: Ledger

    def sealed(self, slug: str, release: str, report: InnerReport) -> bytes:
        """A report as it is kept: it opens under these names alone."""
        return self.ledger.sealed(report.to_json(), header=_header(slug, release))

    def keep_refused(self, entry: Entry, report: InnerReport) -> None:
        """Nothing; the report on what was refused is kept in place of an earlier one."""
        self._made()
        replace(self._refused(entry.slug, entry.release), self.sealed(entry.slug, entry.release, report))

    def keep_published(self, slug: str, release: str) -> None:
        """Nothing; the report of a draft outlives it, and that of earlier refusals goes."""
        draft = self.drafts.report(slug, release)
        if draft.is_file():
            self._made()
            replace(self._published(slug, release), draft.read_bytes())
        self._refused(slug, release).unlink(missing_ok=True)

    def read(self, slug: str, release: str) -> InnerReport:
        """The report on the draft of these names, else on what is out, else on what was refused; raises without one."""
        found = self._place(slug, release)
        if found is None:
            raise ReportMissing
        return parse(self.ledger.opened(found.read_bytes(), header=_header(slug, release)))

    def has(self, slug: str, release: str) -> bool:
        """Whether there is a report of these names."""
        return self._place(slug, release) is not None

    def _place(self, slug: str, release: str) -> Path | None:
        if not all(NAME.fullmatch(name) for name in (slug, release)):
            return None
        places = (self.drafts.report(slug, release), self._published(slug, release), self._refused(slug, release))
        return next((place for place in places if place.is_file()), None)

    def _made(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _published(self, slug: str, release: str) -> Path:
        return self.folder / f"{slug}--{release}.report.sealed"

    def _refused(self, slug: str, release: str) -> Path:
        return self.folder / f"{slug}--{release}.refused.sealed"


def _header(slug: str, release: str) -> bytes:
    return json.dumps({"report": slug, "release": release}, sort_keys=True).encode()
