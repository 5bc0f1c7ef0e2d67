"""The statistics without the platform: nothing is installed but their own lock, nothing is there but their own code."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from anonymise import synthetic
from infra.deploy.bootstrap import VENV
from tests.anonymise.test_cli import approver
from tests.architecture.tree import ROOT
from tests.fixtures.participants import Participants
from tests.fixtures.processes import scrubbed

LOCK = ROOT / "requirements-anonymise.txt"
OWN = ("anonymise",)
OF_INFRA = ("__init__.py", "problems.py", "durable.py")
"""All that the statistics take from elsewhere in the project."""
FOREIGN = ("fastapi", "sqlmodel", "sqlalchemy", "fhir", "telemed", "video", "aiortc", "pydantic_settings")
SLUG, RELEASE = "reasons-for-encounter", "2026-Q1"
LOCKED = re.compile(r"^\S+==\S+|--hash=\S+", re.MULTILINE)
SECONDS = 60


@dataclass(frozen=True)
class Alone:
    """An environment that holds the statistics and what they need."""

    python: Path
    code: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *map(str, command)],
            cwd=self.code, env=scrubbed(), capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip

    def anonymise(self, *arguments: str | Path) -> str:
        """What a command prints; it must end well and complain of nothing."""
        done = self.run("-m", "anonymise", *arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout


def installed(folder: Path) -> str:
    """Nothing but "" once the lock is installed there; else why it can't be."""
    uv = str(VENV / "bin" / "uv")
    sync = [uv, "pip", "sync", "--quiet", "--python", str(folder / "bin" / "python"), "--require-hashes", str(LOCK)]
    made = subprocess.run(
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        check=False,
        capture_output=True,
        timeout=SECONDS,
    )
    if made.returncode:
        return made.stderr.decode()[-200:]
    # From the cache of the set-up; from the index only where that is empty.
    for command in ([*sync, "--offline"], sync):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
        if not done.returncode:
            return ""
    return done.stderr.strip()[-200:]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, participants: Participants) -> Alone:
    """The environment, with the code of the statistics alone."""
    folder, code = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("code")
    why = installed(folder / "venv")
    if why:
        participants.excuse("statistics alone", why)
    for package in OWN:
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    (code / "infra").mkdir()
    for name in OF_INFRA:
        shutil.copy(ROOT / "infra" / name, code / "infra" / name)
    return Alone(folder / "venv" / "bin" / "python", code)


def test_nothing_of_the_platform_is_there(alone: Alone) -> None:
    found = alone.run("-c", f"import importlib.util as u; print([n for n in {FOREIGN!r} if u.find_spec(n)])")

    assert found.stdout.strip() == "[]", found.stderr


def test_persons_in_a_csv_become_a_release_that_is_attacked_and_taken_back(alone: Alone, tmp_path: Path) -> None:
    persons, named = tmp_path / "persons.csv", (SLUG, RELEASE)
    synthetic.persons(1500, seed=5).write_csv(persons)
    data, releases = ("--data-dir", tmp_path / "data"), ("--releases-dir", tmp_path / "releases")
    shelf, period = (*data, *releases, "--base-url", "http://localhost:8001"), ("--period", RELEASE)

    explained = alone.anonymise("explain")
    alone.anonymise("plan", "--persons", persons)
    alone.anonymise("build", "--persons", persons, *shelf, "--by", "carla", "--out", tmp_path / "draft", *period)
    audited = alone.anonymise("audit", tmp_path / "draft", "--persons", persons, *data, *period)
    for name in ("ada", "ben"):
        alone.anonymise("approve", *named, *data, "--by", name, "--key", approver(tmp_path, name))
    alone.anonymise("publish", *named, *shelf)
    verified = alone.anonymise("verify", tmp_path / "releases" / SLUG / RELEASE)
    attacked = alone.anonymise("attack", tmp_path / "releases")
    alone.anonymise("report", *named, *data, "--out", tmp_path / "report")
    alone.anonymise("withdraw", *named, *data, *releases, "--reason", "A sum was wrong.")

    assert "at least 10" in explained and "passed" in audited and "nothing found" in attacked
    assert "all as signed" in verified
    assert not (tmp_path / "releases" / SLUG / RELEASE / f"{SLUG}.csv").exists()


def test_persons_in_a_parquet_file_are_built_as_programs_ask_for_it(alone: Alone, tmp_path: Path) -> None:
    persons, travel = (
        tmp_path / "persons.parquet",
        alone.code / "anonymise" / "definitions" / "kiel" / "travel-saved.toml",
    )
    synthetic.persons(1500, seed=6).write_parquet(persons)
    chosen = ("--persons", persons, "--definition", travel)
    shelf = ("--data-dir", tmp_path / "data", "--releases-dir", tmp_path / "out", "--base-url", "http://localhost:8001")

    planned = json.loads(alone.anonymise("plan", *chosen, "--json"))
    built = json.loads(alone.anonymise("build", *chosen, *shelf, "--by", "carla", "--period", RELEASE, "--json"))

    assert planned["k"] == 10 and len(built["digest"]) == 64


def test_the_command_loads_nothing_of_the_project_but_what_stands_alone() -> None:
    told = "import sys, anonymise.cli; print(sorted(n for n in sys.modules if n.split('.')[0] in {!r}))"
    done = subprocess.run(
        [sys.executable, "-c", told.replace("{!r}", repr(("infra", *FOREIGN)))],
        cwd=ROOT, env={**os.environ, **scrubbed()}, capture_output=True, text=True, check=True, timeout=SECONDS,
    )  # fmt: skip

    assert done.stdout.strip() == "['infra', 'infra.durable', 'infra.problems']"


def test_what_stands_alone_is_locked_as_the_platform_has_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    group = set(project["dependency-groups"]["anonymise"])
    tested = LOCKED.findall((ROOT / "requirements-dev.txt").read_text())

    assert group - set(project["project"]["dependencies"]) == set()
    assert set(LOCKED.findall(LOCK.read_text())) - set(tested) == set()
