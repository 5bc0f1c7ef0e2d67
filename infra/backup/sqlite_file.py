"""A SQLite database as one file: copied by SQLite's backup interface, so that it is of one moment."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from infra.backup.problems import CannotWrite, FileTaken, NoSuchBackup, OtherDatabase, ServiceRuns
from infra.durable import sync
from infra.writer import translated

MAGIC: Final = b"SQLite format 3\0"
PATIENCE: Final = 5.0


def back_up(database: Path, file: Path) -> None:
    """Nothing; the file holds the database as it was at one moment, while others read and write."""
    if file.exists():
        raise FileTaken
    partial = reserved(file)
    try:
        copy(database, partial)
        os.link(partial, file)  # refuses what another backup has put there meanwhile
    except FileExistsError as taken:
        raise FileTaken from taken
    finally:
        partial.unlink()
    sync(file.parent)


def require_backup(file: Path) -> None:
    """Nothing; `OtherDatabase` if the file is no backup of a SQLite database."""
    if head_of(file, len(MAGIC)) != MAGIC:
        raise OtherDatabase


def copy(source: Path, target: Path) -> None:
    """Nothing; the target is the source as it was at one moment, on disk and without files beside it."""
    with closing(sqlite3.connect(source, timeout=PATIENCE)) as ours, closing(sqlite3.connect(target)) as other:
        try:
            ours.backup(other)
        except sqlite3.DatabaseError as error:
            told = translated(error)
            raise (OtherDatabase() if told is error else told) from error
        other.execute("PRAGMA journal_mode=DELETE")
    sync(target)


def put_in_place(made: Path, database: Path) -> None:
    """Nothing; the database is what was made, from one moment to the next. `ServiceRuns` if anybody has it open."""
    if database.exists():
        require_alone(database)
    os.replace(made, database)
    sync(database.parent)


def require_alone(database: Path) -> None:
    """Nothing; `ServiceRuns` if anybody has the database open. Its log is written into it."""
    with closing(sqlite3.connect(database, timeout=0)) as connection:
        try:
            # Only who is alone can leave the mode in which there is a log beside the file.
            mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError as busy:
            raise ServiceRuns from busy
    if mode != "delete":
        raise ServiceRuns


def head_of(file: Path, length: int) -> bytes:
    """The first bytes of a backup; `NoSuchBackup` if it can't be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(length)
    except OSError as error:
        raise NoSuchBackup from error


def reserved(file: Path) -> Path:
    """An empty file beside another one, for our account alone."""
    path = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise CannotWrite from error
    return path
