"""The public register: every decision about a release, one line each, only ever appended to.

A line is written whole or not at all. A torn last line is no decision, and the next one takes its place.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from anonymise.placing import replace
from anonymise.problems import ClockBehind, RegisterDamaged
from anonymise.register_lines import REGISTER, Decision, Register, parsed, read_register


def register(releases_dir: Path, decision: Decision) -> None:
    """Append a decision to the public register. It holds no reason that would tell about a place.

    Under the ledger's lock, as the whole file is written beside its place and moved there: a full disk or a crash
    leaves the register as it was.
    """
    path = releases_dir / REGISTER
    content = path.read_bytes() if path.exists() else b""
    found = parsed(content)
    _require_whole(found)
    if found.torn:
        content = content[: content.rfind(b"\n") + 1]
    elif content and not content.endswith(b"\n"):
        content += b"\n"
    line = {name: getattr(decision, name) for name in Decision.__dataclass_fields__}
    replace(path, content + json.dumps(line, sort_keys=True).encode() + b"\n")


def require_after_the_last(releases_dir: Path, now: datetime) -> None:
    """Nothing; raises if a moment lies before the last line: the register is read from top to bottom."""
    last = max((datetime.fromisoformat(line.moment) for line in decisions(releases_dir)), default=now)
    if now.replace(microsecond=0) < last.replace(microsecond=0):
        raise ClockBehind(
            f"The clock says {now.isoformat(timespec='seconds')}, and the register was last written at {last.isoformat()}. "
            "Set the clock right."
        )


def decisions(releases_dir: Path) -> Iterator[Decision]:
    """The register from its beginning, without a torn last line; raises naming any other line that can't be read."""
    found = read_register(releases_dir)
    _require_whole(found)
    yield from found.entries


def withdrawn(releases_dir: Path) -> dict[tuple[str, str], Decision]:
    """The releases that were withdrawn, by data set and name."""
    found = read_register(releases_dir)
    _require_whole(found)
    return found.withdrawn()


def _require_whole(found: Register) -> None:
    if found.damaged:
        raise RegisterDamaged(f"Line {found.damaged[0]} of {REGISTER} can't be read.")
