"""`make demo` in a folder that holds nothing but a clone of the checkout."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.effort import EFFORT
from tests.fixtures.demo import Demo
from tests.fixtures.participants import Participants
from tests.fixtures.processes import running

MINUTE = 60.0
PEOPLE = {"DEMO_PATIENTS": "200"}


@pytest.mark.timeout(25 * MINUTE)  # installs everything
def test_make_demo_brings_everything_up_in_a_fresh_clone(tmp_path: Path, participants: Participants) -> None:
    if EFFORT <= 1:
        participants.excuse("make demo in a fresh clone", "installs everything; TELEMED_EFFORT above 1 does it")
    if not shutil.which("git") or not (ROOT / ".git").exists():
        participants.excuse("make demo in a fresh clone", "this is no checkout of git")
    clone, demo = tmp_path / "clone", Demo(tmp_path / "demo")
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    # Nothing that the tests' own environment has: `make` sets up as for anybody.
    said = {name: value for name, value in (demo.environment | PEOPLE).items() if name != "MAKEFLAGS"}
    line = ["env", "-C", clone, *(f"{name}={value}" for name, value in said.items()), "make", "demo"]

    with running([*map(str, line)], tmp_path / "demo.log", ready=demo.file.exists, limit=20 * MINUTE):
        assert demo.answers()
        assert (clone / ".venv/bootstrap.stamp").read_text().startswith("requirements.txt ")
        assert len(demo.offer["appointments"]) >= 3

    assert not demo.file.exists()
