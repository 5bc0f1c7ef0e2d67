"""The lines of the public register, as the portal reads them, too: nothing of the platform is imported here.

A last line that broke off (a register written otherwise, a copy that ended early) is no decision: readers leave it out
and tell.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

log = structlog.get_logger()

REGISTER: Final = "register.jsonl"
PUBLISHED: Final = "published"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
CAUSES: Final = ("error", "protection", "law", "other")
"""Why a release was withdrawn: something in it is wrong, it told more than it may, a law or an order, something else."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the register; `approvals` how many people agreed, `reason` why it was withdrawn, in public words, and `cause` in
    one of `CAUSES` (empty in lines of before there were any)."""

    moment: str
    dataset: str
    release: str
    outcome: str
    k: int
    manifest: str
    approvals: int = 0
    reason: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """The decisions that can be read, and the numbers of the lines that can't; `torn` if the last one broke off."""

    entries: tuple[Decision, ...]
    unreadable: tuple[int, ...]
    torn: bool

    def withdrawn(self) -> dict[tuple[str, str], Decision]:
        """The releases that were withdrawn, by data set and name."""
        return {(one.dataset, one.release): one for one in self.entries if one.outcome == WITHDRAWN}

    @property
    def damaged(self) -> tuple[int, ...]:
        """The unreadable lines that are more than a broken end."""
        return self.unreadable[:-1] if self.torn else self.unreadable


def read_register(releases_dir: Path) -> Register:
    """The register as far as it can be read; what can't be is logged, too."""
    path = releases_dir / REGISTER
    found = parsed(path.read_bytes() if path.exists() else b"")
    if found.unreadable:
        log.error("register_line_unreadable", count=len(found.unreadable))
    return found


def parsed(content: bytes) -> Register:
    """The register in some bytes."""
    lines = content.split(b"\n")
    whole = not lines[-1]
    read = [_decision(line) for line in (lines[:-1] if whole else lines)]
    unreadable = tuple(number for number, entry in enumerate(read, start=1) if entry is None)
    entries = tuple(entry for entry in read if entry is not None)
    return Register(entries, unreadable, torn=not whole and read[-1] is None)


def _decision(line: bytes) -> Decision | None:
    try:
        fields: Any = json.loads(line)
        return Decision(**fields)
    except (ValueError, TypeError):
        return None
