"""The demo's processes end with the demo, and are started again while it runs."""

import asyncio
import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from telemed.demo import supervise
from telemed.demo.supervise import SILENT_AFTER, Child, NotReady, keep_running
from tests.fixtures.demo import is_alive
from tests.fixtures.processes import free_port, scrubbed

PARENT = """
import asyncio, sys
from pathlib import Path
from telemed.demo.supervise import Child

async def main() -> None:
    port = sys.argv[1]
    arguments = ["http.server", port, "--bind", "127.0.0.1"]
    own = f"http://127.0.0.1:{port}/"
    child = Child("files", arguments, ready_url=own, live_url=own, log_file=Path(sys.argv[2]))
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


def file_server(folder: Path, *, silent_after: float = SILENT_AFTER) -> Child:
    port = free_port()
    arguments, own = ["http.server", str(port), "--bind", "127.0.0.1"], f"http://127.0.0.1:{port}/"
    return Child("files", arguments, ready_url=own, live_url=own, log_file=folder / "log", silent_after=silent_after)


async def test_a_child_that_was_stopped_but_did_not_end_is_started_again(tmp_path: Path) -> None:
    child, back = file_server(tmp_path, silent_after=0.6), asyncio.Event()
    await child.start({})
    before = child.pid

    async with asyncio.timeout(60):
        watch = asyncio.create_task(keep_running([child], environment=dict, restarted=back.set))
        os.kill(before, signal.SIGSTOP)
        await back.wait()

    assert child.pid != before
    assert not is_alive(before)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    await child.stop()


async def test_a_full_disk_ends_no_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "ALIVE_EVERY", 0.05)
    child, tries, written = file_server(tmp_path), count(), asyncio.Event()
    await child.start({})

    def write() -> None:
        if next(tries) < 2:
            raise OSError(errno.ENOSPC, "No space left on device", "demo.json")
        written.set()

    async with asyncio.timeout(60):
        watch = asyncio.create_task(keep_running([child], environment=dict, restarted=write))
        os.kill(child.pid, signal.SIGKILL)
        await written.wait()

    assert not watch.done()
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    await child.stop()


async def test_a_child_that_answers_is_left_alone(tmp_path: Path) -> None:
    child = file_server(tmp_path, silent_after=0.6)
    await child.start({})
    before = child.pid

    # Several times as long as it may be silent.
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.0):
            await keep_running([child], environment=dict, restarted=lambda: None)

    assert child.pid == before
    await child.stop()


async def test_a_child_that_cannot_start_again_ends_the_watch_with_the_reason(tmp_path: Path) -> None:
    child = file_server(tmp_path)
    await child.start({})

    async with asyncio.timeout(60):
        watch = asyncio.create_task(
            keep_running([child], environment=lambda: {"PYTHONHOME": "/nowhere"}, restarted=lambda: None)
        )
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(NotReady):
            await watch
