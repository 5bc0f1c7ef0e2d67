"""The second place: a folder to which every checkpoint is copied, so that the database alone can't rewrite the past.

It belongs on another machine, or to somebody else. Each day has a file of signed notes, one after the other.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from infra.durable import sync

NAME: Final = "checkpoints-{day}.txt"
HANDOVERS: Final = "handovers.txt"
FORGOTTEN: Final = "forgotten.txt"
# A note ends with one line of a signature; what follows after an empty line is the next one.
BETWEEN: Final = "\n"


class Copies:
    """Checkpoints in a folder; added to, never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._was_there = self.is_there()

    def is_there(self) -> bool:
        """True if checkpoints are there: a folder on another machine that is not mounted is missing or empty."""
        return any(self.folder.glob(NAME.format(day="*")))

    def expect(self) -> None:
        """Nothing; from now on checkpoints that are not there are away, also for a process that has never seen them."""
        self._was_there = True

    def add(self, notes: Sequence[str], *, now: datetime) -> None:
        """Nothing; the notes are on the disk of the second place. An `OSError` leaves them for the next time.

        What was there and is gone is away: a folder that is made in its place would be on the disk that it is to guard.
        So the folder is never made here.
        """
        if self._was_there and not self.is_there():
            raise FileNotFoundError(self.folder)
        self._append(NAME.format(day=now.date().isoformat()), notes)
        self._was_there = True

    def _append(self, name: str, notes: Sequence[str]) -> None:
        file = self.folder / name
        is_new = not file.exists()
        with file.open("a", encoding="utf-8") as target:
            target.write("".join(f"{note}{BETWEEN}" for note in notes))
            target.flush()
            os.fsync(target.fileno())
        if is_new:
            sync(self.folder)

    def handovers(self) -> list[str]:
        """All handovers from key to key, the oldest first."""
        return self._all(HANDOVERS)

    def forgotten(self) -> list[str]:
        """All notes about rows that were forgotten, the oldest first."""
        return self._all(FORGOTTEN)

    def add_forgotten(self, notes: Sequence[str]) -> None:
        """Nothing; those of the notes that were not there yet are on the disk of the second place."""
        present = set(self.forgotten())
        self._append(FORGOTTEN, [note for note in notes if note not in present])

    def _all(self, name: str) -> list[str]:
        file = self.folder / name
        return list(read(file)) if file.exists() else []

    def add_handovers(self, notes: Sequence[str]) -> None:
        """Nothing; those of the handovers that were not there yet are on the disk of the second place."""
        present = set(self.handovers())
        self._append(HANDOVERS, [note for note in notes if note not in present])

    def notes(self) -> Iterator[str]:
        """All notes, the oldest file first. A last one that was cut off is left out."""
        for file in sorted(self.folder.glob(NAME.format(day="*"))):
            yield from read(file)


def read(file: Path) -> Iterator[str]:
    """The notes in a file, each text, empty line and signatures."""
    lines, signatures = list[str](), False
    with file.open(encoding="utf-8", newline="\n") as source:
        for line in source:
            if line == "\n" and signatures:
                yield "".join(lines)
                lines, signatures = [], False
                continue
            signatures = signatures or line == "\n"
            lines.append(line)
