"""The public register: every decision about a release, one line each, only ever appended to.

A line is written whole or not at all. A last line that broke off (a register written otherwise, a copy that ended
early) is no decision: readers leave it out and tell, the next decision takes its place.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from anonymise.problems import RegisterDamaged

log = structlog.get_logger()

REGISTER: Final = "register.jsonl"
PUBLISHED: Final = "published"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the register."""

    moment: str
    dataset: str
    release: str
    outcome: str
    k: int
    manifest: str


@dataclass(frozen=True, slots=True)
class Register:
    """The decisions that can be read, and the numbers of the lines that can't; `torn` if the last one broke off."""

    entries: tuple[Decision, ...]
    unreadable: tuple[int, ...]
    torn: bool

    @property
    def damaged(self) -> tuple[int, ...]:
        """The unreadable lines that are more than a broken end."""
        return self.unreadable[:-1] if self.torn else self.unreadable


def register(releases_dir: Path, decision: Decision) -> None:
    """Append a decision to the public register. It holds no reason that would tell about a place.

    Under the ledger's lock, as the whole file is written beside its place and moved there: a full disk or a crash
    leaves the register as it was.
    """
    path = releases_dir / REGISTER
    content = path.read_bytes() if path.exists() else b""
    found = _parsed(content)
    _require_whole(found)
    if found.torn:
        content = content[: content.rfind(b"\n") + 1]
    elif content and not content.endswith(b"\n"):
        content += b"\n"
    line = {name: getattr(decision, name) for name in Decision.__dataclass_fields__}
    draft = path.with_name(f".{REGISTER}.draft")
    with draft.open("wb") as file:
        file.write(content + json.dumps(line, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(releases_dir)


def sync_folder(folder: Path) -> None:
    """Nothing; what was moved into the folder is durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def decisions(releases_dir: Path) -> Iterator[Decision]:
    """The register from its beginning, without a torn last line; raises naming any other line that can't be read."""
    found = read_register(releases_dir)
    _require_whole(found)
    yield from found.entries


def read_register(releases_dir: Path) -> Register:
    """The register as far as it can be read; what can't be is logged, too."""
    path = releases_dir / REGISTER
    found = _parsed(path.read_bytes() if path.exists() else b"")
    if found.unreadable:
        log.error("register_line_unreadable", count=len(found.unreadable))
    return found


def _parsed(content: bytes) -> Register:
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


def _require_whole(found: Register) -> None:
    if found.damaged:
        raise RegisterDamaged(f"Line {found.damaged[0]} of {REGISTER} can't be read.")
