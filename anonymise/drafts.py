"""A draft: everything that a release would be, kept inside with its audit until two people approved exactly that.

It lies in the data directory, which only the service reads. Its digest covers every file that would be public, the inner
audit and what the ledger held when it was audited. A sealed list holds the hash of every file as the audits saw it, so a
file that is changed afterwards is no draft, whoever approved it.
"""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import polars as pl

from anonymise.approvals import Subject
from anonymise.cohort import Unit
from anonymise.ledger import Ledger
from anonymise.placing import place, remove
from anonymise.problems import DraftAltered, DraftMissing, InputInvalid

AUDIT: Final = ".audit.json"
FACTS: Final = ".facts.json"
MEMBERS: Final = ".members.sealed"
REPORT: Final = ".report.sealed"
AUDITED: Final = ".audited.sealed"
APPROVALS: Final = ".approvals.jsonl"
_NAME: Final = re.compile(r"[0-9A-Za-z]+(-[0-9A-Za-z]+)*")
_INNER: Final = (AUDIT, FACTS, MEMBERS, REPORT, AUDITED)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a draft: names, days and moments of its period (ISO 8601), who built it, the ledger's
    state then, and the data sets it was built together with: the digest of their members by name.
    """

    slug: str
    release: str
    cohort: str
    first: str
    last: str
    start: str
    end: str
    built_by: str
    built_at: str
    ledger: str
    together: dict[str, str]
    protection: dict[str, Any]
    unit: Unit = "person"


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it lies there: its facts, its public files, its audit (JSON), its digest (SHA-256, hex)."""

    facts: Facts
    files: dict[str, bytes]
    audit: bytes
    digest: str

    @property
    def subject(self) -> Subject:
        """What approvers approve."""
        return Subject(self.facts.slug, self.facts.release, self.digest, self.facts.built_by)


class Drafts:
    """The drafts of a data directory."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger

    def write(
        self, facts: Facts, *, files: Mapping[str, bytes], audit: bytes, members: pl.DataFrame, report: bytes
    ) -> Draft:
        """The draft, durable, its report as it was sealed; an earlier one of the same names is replaced, and its
        approvals lapse."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        inner = {
            AUDIT: audit,
            FACTS: json.dumps(asdict(facts), sort_keys=True).encode(),
            MEMBERS: self._ledger.sealed(_packed(members), header=_header(facts)),
            REPORT: report,
        }
        everything = {**files, **inner}
        seen = self._ledger.sealed(json.dumps(_hashes(everything)).encode(), header=_listed(facts.slug, facts.release))
        place({**everything, AUDITED: seen}, self._place(facts.slug, facts.release), mode=0o400)
        return self.read(facts.slug, facts.release)

    def read(self, slug: str, release: str) -> Draft:
        """The draft of these names; raises if there is none, or if a file is not what the audits saw."""
        content = self._content(slug, release)
        self._require_audited(content, slug, release)
        listed = "".join(f"{digest}  {name}\n" for name, digest in _hashes(content).items())
        files = {name: content[name] for name in content if name not in _INNER}
        facts = Facts(**json.loads(content[FACTS]))
        return Draft(facts, files, content[AUDIT], sha256(listed.encode()).hexdigest())

    def _content(self, slug: str, release: str) -> dict[str, bytes]:
        folder = self._place(slug, release)
        if not folder.is_dir():
            raise DraftMissing(f"There is no draft of {slug} {release}. Build it first.")
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def _require_audited(self, content: Mapping[str, bytes], slug: str, release: str) -> None:
        """Nothing; raises naming the file that is not what the audits saw."""
        if AUDITED not in content:
            raise DraftAltered(f"The draft of {slug} {release} does not say what the audits saw. Build it again.")
        seen = json.loads(self._ledger.opened(content[AUDITED], header=_listed(slug, release)))
        found = _hashes({name: each for name, each in content.items() if name != AUDITED})
        altered = sorted(name for name in {*seen, *found} if seen.get(name) != found.get(name))
        if altered:
            raise DraftAltered(
                f"{', '.join(altered)} of the draft of {slug} {release} was changed after the audit. Build it again."
            )

    def members(self, draft: Draft) -> pl.DataFrame:
        """Who stands in which block, for the ledger: `person`, `block`."""
        folder = self._place(draft.facts.slug, draft.facts.release)
        content = self._ledger.opened((folder / MEMBERS).read_bytes(), header=_header(draft.facts))
        return pl.read_parquet(io.BytesIO(content))

    def report(self, slug: str, release: str) -> Path:
        """Where the sealed inner report of a draft lies, if there is one."""
        return self._place(slug, release) / REPORT

    def stamp(self, slug: str, release: str) -> str:
        """What changes with every draft that is built under these names; empty without one."""
        path = self._place(slug, release) / AUDITED
        return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    def waiting(self) -> tuple[Draft, ...]:
        """All drafts that are as the audits saw them, in the order of their names."""
        changed = self.altered()
        return tuple(self.read(*name) for name in self._names() if name not in changed)

    def altered(self) -> tuple[tuple[str, str], ...]:
        """The names of the drafts that are not, which have to be built again."""
        found = []
        for slug, release in self._names():
            try:
                self._require_audited(self._content(slug, release), slug, release)
            except (DraftAltered, InputInvalid):
                found.append((slug, release))
        return tuple(found)

    def _names(self) -> list[tuple[str, str]]:
        folders = sorted(path for path in self._folder.glob("*/*") if path.is_dir())
        return [(path.parent.name, path.name) for path in folders if not path.parent.name.startswith(".")]

    def approvals(self, slug: str, release: str) -> Path:
        """Where the approvals of a draft stand."""
        return self._folder / f"{slug}--{release}{APPROVALS}"

    def remove(self, slug: str, release: str) -> None:
        """Nothing is left of the draft; its approvals stay as a record."""
        remove(self._place(slug, release))

    def _place(self, slug: str, release: str) -> Path:
        if not all(_NAME.fullmatch(name) for name in (slug, release)):
            raise DraftMissing("Names of data sets and releases are letters, digits and hyphens.")
        return self._folder / slug / release


def _packed(members: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    members.select("person", "block").write_parquet(buffer)
    return buffer.getvalue()


def _hashes(content: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(content[name]).hexdigest() for name in sorted(content)}


def _header(facts: Facts) -> bytes:
    return json.dumps({"draft": facts.slug, "release": facts.release}, sort_keys=True).encode()


def _listed(slug: str, release: str) -> bytes:
    return json.dumps({"audited": slug, "release": release}, sort_keys=True).encode()
