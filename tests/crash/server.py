"""The service under test: started, killed and started again, always on the same database."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import kill
from pathlib import Path

import httpx

from infra import migrate
from infra.clock import SystemClock
from infra.database import open_database
from infra.settings import Environment, Settings
from telemed.identity.clients import register
from tests.architecture.tree import ROOT
from tests.fixtures.processes import answers, free_port, scrubbed
from tests.telemed.identity.signing import Client, ec_key

TENANT = "clinic"
SCOPE = "system/*.cruds"
START_LIMIT = 60.0
POLL = 0.005


@dataclass
class Server:
    """A `telemed serve` on a port of its own."""

    settings: Settings
    client: Client
    nursery: "subprocess.Popen[str]"
    log: Path
    port: int = field(default_factory=free_port)
    pid: int = 0

    @property
    def base(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, how: str = "start") -> None:
        """Nothing; it answers."""
        self.pid = int(self._told(f"{how} {self.port}"))
        end = time.monotonic() + START_LIMIT
        while not answers(self.port):
            assert time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(POLL)  # another process has no event for us

    def kill(self) -> None:
        """Nothing; the process is gone without having been asked."""
        kill(self.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Nothing; nothing of the killed process is left, its port is free again."""
        assert self._told("reap") == "gone"

    def token(self) -> str:
        """An access token."""
        form = self.client.form(assertion=self.client.assertion(aud=f"{self.settings.base_url}/oauth/token"))
        answer = httpx.post(f"{self.base}/oauth/token", data=form, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def _told(self, order: str) -> str:
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{order}\n")
        self.nursery.stdin.flush()
        said = self.nursery.stdout.readline().strip()
        assert said, self.log.read_text()[-2000:]
        return said


@contextmanager
def serving(settings: Settings, client: Client) -> Iterator[Server]:
    """A server that is not started yet; nothing of it is left after the block."""
    log = settings.data_dir / "serve.log"
    log.touch()
    command = [sys.executable, "-m", "tests.crash.nursery", str(log)]
    pipe = subprocess.PIPE
    with (
        log.open("a") as errors,
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, cwd=ROOT, env=environment(settings)
        ) as nursery,
    ):
        yield Server(settings, client, nursery, log)


def environment(settings: Settings) -> dict[str, str]:
    """What a command of the product is told."""
    known = scrubbed(
        TELEMED_ENVIRONMENT=settings.environment.value,
        TELEMED_DATA_DIR=str(settings.data_dir),
        TELEMED_DATABASE_URL=settings.database,
        TELEMED_BASE_URL=settings.base_url,
        TELEMED_LOG_LEVEL="WARNING",
    )
    known.pop("COVERAGE_PROCESS_CONFIG", None)  # who is killed can't tell what it covered
    return known


async def prepared(folder: Path, database_url: str) -> tuple[Settings, Client]:
    """Settings of a service on this empty database, and a clinic's system that may ask it for tokens."""
    settings = Settings(environment=Environment.DEMO, data_dir=folder, database_url=database_url)
    client = Client("crash-system", ec_key())
    database = open_database(settings.database)
    await migrate.upgrade(database)
    now = SystemClock().now()
    await database.write(
        lambda session: register(
            session, client_id=client.client_id, tenant=TENANT, jwks=client.jwks, scope=SCOPE, now=now
        )
    )
    await database.close()
    return settings, client
