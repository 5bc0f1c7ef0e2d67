"""What failed in a run is tried again alone, named either way, and red if it fails again."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.fixtures.processes import scrubbed
from tests.harness.second_try import MOST

ONCE_LATE = """
from pathlib import Path

def test_late():
    late = Path("late")
    seen = late.exists()
    late.touch()
    assert seen

def test_fine():
    assert Path("late").exists()
"""
WRONG = "\ndef test_wrong():\n    assert not 1\n"


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = scrubbed(PYTHONPATH=str(ROOT))
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _tried(folder: Path, tests: str, parts: str = "took part: all") -> subprocess.CompletedProcess[str]:
    (folder / "test_seeded.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    assert _run(folder, "pytest").returncode in (0, 1)
    noted = folder / ".pytest_cache/d/real-parts/list.txt"
    noted.parent.mkdir(parents=True)
    noted.write_text(parts)
    return _run(folder, "tests.harness.second_try")


def test_what_passes_alone_is_green_and_named(tmp_path: Path) -> None:
    result = _tried(tmp_path, ONCE_LATE)

    assert result.returncode == 0, result.stdout
    assert "SECOND TRY: test_seeded.py::test_late failed, then passed alone" in result.stdout
    assert "test_fine" not in result.stdout


def test_what_fails_again_is_red(tmp_path: Path) -> None:
    result = _tried(tmp_path, ONCE_LATE + WRONG)

    assert result.returncode == 1
    assert "test_wrong failed, then failed again" in result.stdout
    assert "test_late failed, then passed alone" in result.stdout


@pytest.mark.parametrize(
    ("tests", "parts"),
    [
        ("\n".join(ONCE_LATE.replace("late", f"late{n}") for n in range(MOST + 1)), "took part: all"),
        (ONCE_LATE, "FAILED: Redis did not take part"),
        ("def test_fine():\n    pass\n", "took part: all"),
    ],
    ids=["too many", "a real part is missing", "no test failed"],
)
def test_there_is_no_second_try_for_what_is_no_accident(tmp_path: Path, tests: str, parts: str) -> None:
    result = _tried(tmp_path, tests, parts)

    assert result.returncode == 1
    assert "NO SECOND TRY" in result.stdout
