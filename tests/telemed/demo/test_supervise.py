"""The demo's processes end with the demo, and are started again while it runs."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from telemed.demo.supervise import Child, NotReady, keep_running
from tests.fixtures.processes import free_port, scrubbed

PARENT = """
import asyncio, sys
from pathlib import Path
from telemed.demo.supervise import Child

async def main() -> None:
    port = sys.argv[1]
    arguments = ["http.server", port, "--bind", "127.0.0.1"]
    child = Child("files", arguments, ready_url=f"http://127.0.0.1:{port}/", log_file=Path(sys.argv[2]))
    await child.start({})
    print(child.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that keeps one child."""
    command = [sys.executable, "-c", PARENT, str(free_port()), str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=scrubbed()) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_child_ends_when_the_demo_is_killed_without_a_word(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))

    parent.kill()

    try:
        assert select.select([child], [], [], 20)[0], "the child outlives the demo"
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)
        os.close(child)


async def test_a_child_that_cannot_start_again_ends_the_watch_with_the_reason(tmp_path: Path) -> None:
    port = free_port()
    arguments = ["http.server", str(port), "--bind", "127.0.0.1"]
    child = Child("files", arguments, ready_url=f"http://127.0.0.1:{port}/", log_file=tmp_path / "log")
    await child.start({})

    async with asyncio.timeout(60):
        watch = asyncio.create_task(
            keep_running([child], environment=lambda: {"PYTHONHOME": "/nowhere"}, restarted=lambda: None)
        )
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(NotReady):
            await watch
