"""The public register: every decision about a release, one line each, only ever appended to."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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


def register(releases_dir: Path, decision: Decision) -> None:
    """Append a decision to the public register. It holds no reason that would tell about a place."""
    line = {name: getattr(decision, name) for name in Decision.__dataclass_fields__}
    with (releases_dir / REGISTER).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def decisions(releases_dir: Path) -> Iterator[Decision]:
    """The register from its beginning."""
    path = releases_dir / REGISTER
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield Decision(**json.loads(line))
