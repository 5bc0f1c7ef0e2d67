"""The public register: every decision about a release, one line each, only ever appended to.

A line is written whole or not at all. A torn last line is no decision, and the next one takes its place.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from anonymise.problems import RegisterDamaged
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


def _require_whole(found: Register) -> None:
    if found.damaged:
        raise RegisterDamaged(f"Line {found.damaged[0]} of {REGISTER} can't be read.")
