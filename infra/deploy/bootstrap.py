"""Makes `.venv` with the locked requirements on a machine that has only Python and pip.

Standard library only: this runs before anything is installed. A run that finds nothing changed ends at once.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV_FOLDER = VENV / "uv"  # apart from the packages, so that making them match the lock does not remove it
STAMP = VENV / "bootstrap.stamp"
RUN, DEV = "requirements.txt", "requirements-dev.txt"
UV_LOCK = Path(__file__).with_name("uv.txt")
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
EDITABLE = ("--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def main() -> int:
    """0 once `.venv` holds what the lock names, 1 with one line that says what is missing."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dev", action="store_true", help="with what tests and checks need")
    dev = options.parse_args().dev
    if sys.version_info < OLDEST:
        return _start_again_with_newer_python()
    VENV.mkdir(exist_ok=True)
    with (VENV / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make demo` and `make test` side by side
        return _bring_up_to_date(DEV if dev or _stamped().startswith(DEV) else RUN)


def _bring_up_to_date(requirements: str) -> int:
    wanted = _fingerprint(requirements)
    if _stamped() == wanted:
        return 0
    STAMP.unlink(missing_ok=True)
    try:
        pip = _make_environment()
        _install(pip, ROOT / requirements)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    STAMP.write_text(wanted)
    return 0


def _stamped() -> str:
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""


def _fingerprint(requirements: str) -> str:
    """Changes whenever the environment would."""
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    for name in (requirements, "pyproject.toml", "infra/deploy/bootstrap.py"):
        digest.update((ROOT / name).read_bytes())
    return f"{requirements} {digest.hexdigest()}"


def _make_environment() -> list[str]:
    """The pip command that installs into `.venv`, which exists from here on."""
    host = [sys.executable, "-m", "pip"]
    if not _works([*host, "--version"]):
        # The only pip is the one inside ensurepip.
        _say("making .venv")
        _run([sys.executable, "-m", "venv", str(VENV)])
        return [str(PYTHON), "-m", "pip"]
    if not _works([str(PYTHON), "-c", ""]):
        _say("making .venv")
        # Without pip it works where Debian keeps ensurepip in a package of its own, and is quicker everywhere.
        if not _works([sys.executable, "-m", "venv", "--without-pip", str(VENV)]):
            _make_with_virtualenv(host)
    return [*host, "--python", str(PYTHON)]


def _make_with_virtualenv(host: list[str]) -> None:
    tool = VENV / "virtualenv"
    _run([*host, "install", "--quiet", "--target", str(tool), "virtualenv"])
    environment = {**os.environ, "PYTHONPATH": str(tool)}
    subprocess.run(
        [sys.executable, "-m", "virtualenv", "--quiet", "--no-download", str(VENV)], check=True, env=environment
    )


def _install(pip: list[str], requirements: Path) -> None:
    """Make the environment hold exactly what is locked, and this project from its checkout."""
    _say(f"installing {requirements.name}")
    uv = str(UV_FOLDER / "bin" / "uv")
    if not _works([uv, "--version"]):
        _run([*pip[:3], "install", "--quiet", "--require-hashes", "--target", str(UV_FOLDER), "-r", str(UV_LOCK)])
    chosen = ["--quiet", "--python", str(PYTHON)]
    if _works([uv, "pip", "sync", *chosen, "--require-hashes", str(requirements)]):
        _run([uv, "pip", "install", *chosen, *EDITABLE])
        return
    _say("uv can't reach an index; pip, which may be configured otherwise, takes over")
    _run([*pip, "install", "--quiet", "--require-hashes", "-r", str(requirements)])
    _run([*pip, "install", "--quiet", *EDITABLE])


def _start_again_with_newer_python() -> int:
    newer = next(filter(None, map(shutil.which, NEWER)), None)
    if newer is None:
        print("bootstrap: Python 3.11 or newer is missing", file=sys.stderr)
        return 1
    return subprocess.run([newer, *sys.argv], check=False).returncode


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(command: list[str], **extra: str) -> None:
    quiet = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, check=True, env={**os.environ, **quiet, **extra})


def _say(text: str) -> None:
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
