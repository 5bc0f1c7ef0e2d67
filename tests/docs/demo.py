"""A demo as the README's block starts it: small, on free ports, in a folder of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.architecture.tree import ROOT
from tests.fixtures.processes import free_port, running, scrubbed

START, POLL, STEP = 150.0, 0.05, 60.0
PEOPLE = 300
BIN = Path(sys.executable).parent
# Setting up is tested in tests/harness; here it must not change the environment that runs the tests.
MAKE = f"-- BOOTSTRAP=: BIN={BIN}"


@dataclass(frozen=True)
class Demo:
    """The folder and ports of a demo, and what it says about itself while it runs."""

    folder: Path
    port: int = field(default_factory=free_port)
    portal_port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        """What the README says can be set."""
        ports = {"PORT": str(self.port), "PORTAL_PORT": str(self.portal_port)}
        return {**ports, "DEMO_DIR": str(self.folder), "DEMO_PATIENTS": str(PEOPLE), "MAKEFLAGS": MAKE}

    @property
    def file(self) -> Path:
        """There while the demo answers."""
        return self.folder / "demo.json"

    @property
    def offer(self) -> dict[str, Any]:
        """What the demo offers."""
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def answers(self) -> bool:
        """True if the service answers as ready."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    @contextmanager
    def started(self, command: str) -> Iterator[None]:
        """The demo, started by a line of the README and stopped at the end of the block."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        line = ["env", "-C", str(ROOT), *variables, "sh", "-c", f"exec {command}"]
        with running(line, self.folder.parent / "demo.log", ready=self.file.exists, limit=START):
            yield

    def run(self, command: str) -> str:
        """What a line of the README prints; an `AssertionError` that names it if it fails."""
        script = BIN / "telemed"
        # A checkout whose tests run need not be installed; an installed one has the script (tests/architecture).
        installed = str(script) if script.exists() else f"{sys.executable} -m telemed"
        line = command.replace(".venv/bin/telemed", installed)
        environment = scrubbed(**self.environment)
        done = subprocess.run(
            ["sh", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=STEP, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


def until(good: Callable[[], bool], *, seconds: float = STEP) -> None:
    """Nothing, as soon as it is so; other processes have no event for us."""
    end = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(POLL)


def is_alive(pid: int) -> bool:
    """True while there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
