"""Server processes of the tests end with them, also when nobody could clean up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.database import Database
from tests.architecture.tree import ROOT
from tests.fixtures.processes import running, scrubbed

HOLD_A_SERVER = """
import sys, threading
from pathlib import Path
from tests.fixtures.processes import running

pipe, log = sys.argv[1:]
with running(["sh", "-c", f"exec >{pipe}; exec sleep 1000"], Path(log), ready=lambda: True):
    threading.Event().wait()
"""


def test_server_ends_when_the_tests_are_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", HOLD_A_SERVER, str(pipe), str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, env=scrubbed()) as tests, pipe.open("rb") as held_by_server:
        tests.kill()

        assert held_by_server.read() == b""  # comes back when the last process that holds the pipe is gone


def test_server_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    broken = running(["sh", "-c", "echo no such port"], tmp_path / "log", ready=lambda: False)

    with pytest.raises(ChildProcessError, match="no such port"), broken:
        pytest.fail("it never ran")


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_test_may_keep_to_one_database(database: Database, database_url: str) -> None:
    assert database_url.startswith("sqlite:///")
