"""The demo's folder: what is where, and what a start may rely on."""

import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True)
class Made:
    """What a population was made from; the same again gives the same people."""

    patients: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths below $DEMO_DIR."""

    root: Path

    @property
    def data(self) -> Path:
        """The service's data: database, keys."""
        return self.root / "data"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "telemed.sqlite3"

    @property
    def releases(self) -> Path:
        """Published releases, all that the portal sees."""
        return self.root / "releases"

    @property
    def logs(self) -> Path:
        """The processes' logs."""
        return self.root / "logs"

    @property
    def clients(self) -> Path:
        """Private keys of the demo's backend clients."""
        return self.root / "clients"

    @property
    def offer(self) -> Path:
        """What the demo offers, for programs."""
        return self.root / "demo.json"

    @property
    def lock(self) -> Path:
        """Held by the demo that uses this folder."""
        return self.root / "demo.lock"

    @property
    def seeded(self) -> Path:
        """There once the whole population is in the record, and says how large it is."""
        return self.root / "seeded.json"

    def made(self) -> "Made | None":
        """Which population the record holds; None if seeding never came to its end."""
        return msgspec.json.decode(self.seeded.read_bytes(), type=Made) if self.seeded.exists() else None

    def clear(self) -> None:
        """Nothing; what a broken-off seeding left is gone."""
        for part in (self.data, self.releases, self.clients):
            if part.exists():
                _make_removable(part)
                shutil.rmtree(part)
        self.seeded.unlink(missing_ok=True)

    def mark_seeded(self, made: "Made") -> None:
        """Nothing; later starts find the population there."""
        write_whole(self.seeded, msgspec.json.encode(made))


def _make_removable(folder: Path) -> None:
    """Nothing; published releases are read-only, folders included, and may be removed all the same."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


def write_whole(file: Path, content: bytes) -> None:
    """Nothing; the file holds the content, and never a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        temporary.touch(mode=0o600)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
