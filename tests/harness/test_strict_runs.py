"""A strict run (`--real`) can't be green without its real parts; another says loudly what it skipped."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.fixtures.processes import scrubbed

ASKS_FOR_REDIS = """
def test_asks(participants):
    participants.missing("Redis", "redis-server is not installed")
"""
ALL_TAKE_PART = """
from tests.fixtures.participants import REAL

def test_all(participants):
    for name in REAL:
        participants.joined(name, "1.0")
"""


def _run(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_seeded.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.fixtures.participants", "-p", "tests.fixtures.reference"]
    environment = scrubbed(PYTHONPATH=str(ROOT))
    return subprocess.run(
        [*command, *options], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_strict_run_with_all_real_parts_is_green_and_names_them(tmp_path: Path) -> None:
    result = _run(tmp_path, ALL_TAKE_PART, "--real")

    assert result.returncode == 0, result.stdout
    assert "took part: PostgreSQL 1.0" in result.stdout


def test_strict_run_fails_where_a_real_part_is_missing(tmp_path: Path) -> None:
    result = _run(tmp_path, ASKS_FOR_REDIS, "--real")

    assert result.returncode == 1
    assert "FAILED: Chromium did not take part" in result.stdout


def test_strict_run_fails_when_no_test_asked_for_a_real_part(tmp_path: Path) -> None:
    result = _run(tmp_path, "def test_nothing():\n    pass\n", "--real")

    assert "1 passed" in result.stdout
    assert result.returncode == 1


@pytest.mark.parametrize(("beside", "status"), [("present", 1), ("absent", 0)])
def test_reference_data_may_be_unread_only_where_there_is_none(tmp_path: Path, beside: str, status: int) -> None:
    (tmp_path / "present").mkdir()
    elsewhere = f"os.environ['TELEMED_SHARED'] = '/nowhere'\nreference.BESIDE = Path({str(tmp_path / beside)!r})\n"
    imports = "import os\nfrom pathlib import Path\nfrom tests.fixtures import reference\n"

    result = _run(tmp_path, imports + elsewhere + ALL_TAKE_PART + "\n\ndef test_data(shared):\n    pass\n", "--real")

    assert result.returncode == status
    assert "SKIPPED: reference data" in result.stdout


def test_other_runs_skip_and_say_why(tmp_path: Path) -> None:
    result = _run(tmp_path, ASKS_FOR_REDIS)

    assert result.returncode == 0
    assert "SKIPPED: Redis: redis-server is not installed" in result.stdout


STUCK = """
import signal
import threading

def test_stuck():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    threading.Event().wait()
"""


def test_what_no_limit_reaches_ends_its_process_and_says_where_it_stood(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.getini("faulthandler_timeout") > 600
    ends = f"faulthandler_exit_on_timeout={pytestconfig.getini('faulthandler_exit_on_timeout')}"

    result = _run(tmp_path, STUCK, "-o", "timeout=1", "-o", "faulthandler_timeout=2", "-o", ends)

    assert result.returncode == 1
    assert "in test_stuck" in result.stderr
