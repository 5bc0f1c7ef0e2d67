"""Looks for constructs that the rules in `infra/semgrep` forbid, after the rules have shown that they still find them.

Standard library only. semgrep pins an OpenTelemetry that FastAPI does not take, so it has an environment of its own,
locked in `semgrep.txt`. Nothing is fetched or sent when it runs: local rules, no metrics, no look for newer versions.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venv" / "uv" / "bin" / "uv"
LOCK = Path(__file__).with_name("semgrep.txt")
FOLDER = ROOT / ".venv" / "semgrep"
STAMP = FOLDER / "semgrep.txt"  # the lock that the folder holds
SEMGREP = FOLDER / "bin" / "semgrep"
RULES, EXAMPLES = ROOT / "infra" / "semgrep", ROOT / "tests" / "semgrep"
CODE = ("infra", "fhir", "video", "anonymise", "telemed")
SCAN = ("scan", "--quiet", "--error", "--metrics=off", "--disable-version-check", "--config", str(RULES))
QUIET = {"SEMGREP_SEND_METRICS": "off", "SEMGREP_ENABLE_VERSION_CHECK": "0"}


def main() -> int:
    """0 if every rule finds its examples and nothing in the code, else 1 after what was found."""
    try:
        _install()
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"analysis: {error}", file=sys.stderr)
        return 1
    return 0 if rules_hold() and _run(*SCAN, *CODE) else 1


def rules_hold() -> bool:
    """True if each rule finds what its example names, and nothing else there; else what differs was printed."""
    # Rules and examples have to lie in one folder for that.
    with tempfile.TemporaryDirectory(prefix="telemed-rules-") as folder:
        for file in (*RULES.glob("*.yaml"), *(file for file in EXAMPLES.iterdir() if file.is_file())):
            shutil.copy(file, folder)
        done = subprocess.run(
            [str(SEMGREP), "test", folder], env={**os.environ, **QUIET}, capture_output=True, text=True, check=False
        )
    if done.returncode != 0 or "All tests passed" not in done.stdout:
        print(done.stdout, done.stderr, file=sys.stderr)
        return False
    return True


def _install() -> None:
    """Make the environment hold what is locked; a run that finds it so does nothing."""
    if STAMP.exists() and STAMP.read_bytes() == LOCK.read_bytes():
        return
    print("analysis: installing semgrep.txt", file=sys.stderr, flush=True)
    python = str(FOLDER / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(FOLDER)], check=True)
    uv = [str(UV), "pip", "sync", "--quiet", "--python", python, "--require-hashes", str(LOCK)]
    if subprocess.run(uv, check=False).returncode != 0:
        # pip may be told of other indexes than uv.
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--require-hashes"]
        subprocess.run([*pip, "-r", str(LOCK)], check=True)
    shutil.copy(LOCK, STAMP)


def _run(*arguments: str) -> bool:
    return (
        subprocess.run([str(SEMGREP), *arguments], cwd=ROOT, env={**os.environ, **QUIET}, check=False).returncode == 0
    )


if __name__ == "__main__":
    sys.exit(main())
