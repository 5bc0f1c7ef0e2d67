"""The measurable rules of the style guide hold, and breaking them is seen."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture import style
from tests.architecture.tree import PACKAGES, ROOT
from tests.fixtures.processes import scrubbed

Rule = Callable[..., Iterator[str]]

# Where a catch-all may stand: the edge of a process, and why that place is one.
EDGES = {
    "infra/writer.py attempt": "edge of the writer's thread: what a unit raises is handed to the request that sent it",
    "infra/writer.py attempt_bare": "the same for a short unit, in the event loop",
    "infra/web.py answer": "edge of the process for what is answered without FastAPI's layers, which do the same",
    "video/turns.py _turn": "edge of the sockets of calls: one datagram must not cost the others of its batch theirs",
    "infra/queue/worker.py _attempt": "edge of a job: whatever it raises, its row records the kind and the retry",
}

SEEDED: dict[Rule, str] = {
    style.long_files: "# a line\n" * 401,
    style.long_functions: "def long() -> None:\n" + "    print()\n" * 60,
    style.undocumented: '"""A module."""\n\ndef bare() -> None:\n    print()\n',
    style.catch_alls: "try:\n    print()\nexcept (ValueError, Exception):\n    pass\n",
}


def _naive_times(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--isolated", "--select", "DTZ", "."]
    return subprocess.run(command, cwd=root, env=scrubbed(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("rule", [style.long_files, style.long_functions, style.vague_files], ids=lambda r: r.__name__)
def test_code_and_tests_keep_the_rule(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


def test_everything_public_says_what_you_get() -> None:
    assert list(style.undocumented(ROOT, *PACKAGES)) == []


def test_catch_alls_stand_only_at_the_edge_of_a_process() -> None:
    found = set(style.catch_alls(ROOT))

    assert found - set(EDGES) == set()
    assert set(EDGES) - found == set(), "a reason for what is no longer there"


def test_there_are_no_naive_times() -> None:
    for folder in (*PACKAGES, "tests"):
        result = _naive_times(ROOT / folder)

        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("rule", SEEDED, ids=lambda rule: rule.__name__)
def test_a_broken_rule_is_named(tmp_path: Path, rule: Rule) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "seeded.py").write_text(SEEDED[rule])

    assert [finding.split(":")[0].split()[0] for finding in rule(tmp_path, "video")] == ["video/seeded.py"]


def test_cleaning_up_and_raising_again_is_no_catch_all(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "seeded.py").write_text("try:\n    print()\nexcept BaseException:\n    print()\n    raise\n")

    assert list(style.catch_alls(tmp_path, "video")) == []


def test_a_file_name_that_says_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "helpers.py").write_text("")

    assert list(style.vague_files(tmp_path, "video")) == ["video/helpers.py"]


def test_a_naive_time_is_named(tmp_path: Path) -> None:
    (tmp_path / "seeded.py").write_text("from datetime import datetime\n\nprint(datetime.now())\n")

    assert "DTZ005" in _naive_times(tmp_path).stdout
