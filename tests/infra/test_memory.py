"""A process that keeps its memory private leaves no core dump; one that does not would."""

import subprocess
import sys

import pytest

from infra import memory
from tests.fixtures.processes import scrubbed

SAY = "import resource; from infra import memory; {}; print(memory.is_private(), resource.getrlimit(resource.RLIMIT_CORE))"


@pytest.mark.parametrize(("first", "said"), [("memory.keep_private()", "True (0, 0)"), ("pass", "False")])
def test_a_process_keeps_its_memory_to_itself_once_it_is_told(first: str, said: str) -> None:
    command = [sys.executable, "-c", SAY.format(first)]
    found = subprocess.run(command, env=scrubbed(), capture_output=True, text=True, check=True)

    assert found.stdout.startswith(said)


def test_where_it_is_not_possible_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.require_possible()
    monkeypatch.setattr(memory, "_prctl", lambda option: -1)

    with pytest.raises(memory.MemoryNotPrivate):
        memory.require_possible()
