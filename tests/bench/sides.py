"""The servers that are compared, each a process of its own, and how each is asked for the same thing."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path
from urllib.parse import quote

import httpx

from infra.settings import Settings
from tests.bench import contents
from tests.bench.contents import SEARCHED
from tests.bench.furnish import Furnished, Slot
from tests.bench.raw import Mode
from tests.bench.wire import Call
from tests.fixtures.processes import answers, free_port, running

ROOT = Path(__file__).parents[2]
TOKEN_AGE = 120  # seconds; a token lives for five minutes
Calls = Callable[[int], list[Call]]


class Scenario(StrEnum):
    """What is measured."""

    CREATE = "create"
    READ = "read"
    SEARCH = "search"
    BOOK = "book"


# What a right answer is, of ours and of the raw route.
STATUS: Mapping[Scenario, int] = {
    Scenario.CREATE: 201,
    Scenario.READ: 200,
    Scenario.SEARCH: 200,
    Scenario.BOOK: 201,
}


@dataclass(frozen=True)
class Side:
    """A running server. `calls` gives so many requests of a scenario, never the same booking twice."""

    name: str
    port: int
    pid: int
    calls: Mapping[Scenario, Calls]


# Two windows, as a system has by default, and room in both: a refusal would cost less than an answer.
PLENTY = "1000000/second;100000000/minute"
OURS = "ours"
NAIVE = "naive, SQLModel session"
EACH = "raw, a commit each"
GROUPED = "raw, the same group commit"
POSTGRES = "raw, asyncpg"


@contextmanager
def ours(folder: Path, settings: Settings, furnished: Furnished) -> Iterator[Side]:
    """The product as operators start it, on the furnished database."""
    environment = {
        "TELEMED_ENVIRONMENT": settings.environment.value,
        "TELEMED_DATA_DIR": str(settings.data_dir),
        "TELEMED_DATABASE_URL": settings.database_url,
        "TELEMED_REDIS_URL": settings.redis_url,
        "TELEMED_BASE_URL": settings.base_url,
        # Counted like any other, and never too many.
        "TELEMED_RATE_SYSTEM": PLENTY,
        "TELEMED_RATE_FHIR": PLENTY,
    }
    command = [sys.executable, "-m", "telemed", "serve", "--port", "{port}"]
    with process(folder, command, environment, name="ours") as (port, pid):
        yield Side(OURS, port, pid, calls_of_ours(port, settings, furnished))


@contextmanager
def naive(folder: Path, url: str, furnished: Furnished) -> Iterator[Side]:
    """The route that stores and returns bytes through the stack's own session."""
    command = [sys.executable, "-m", "tests.bench.naive", url, "{port}"]
    with process(folder, command, {}, name="naive") as (port, pid):
        yield Side(NAIVE, port, pid, calls_of_raw(port, furnished))


@contextmanager
def raw(folder: Path, url: str, mode: Mode, furnished: Furnished) -> Iterator[Side]:
    """The route that stores and returns bytes through the driver itself."""
    names = {Mode.EACH: EACH, Mode.GROUP: GROUPED, Mode.POSTGRES: POSTGRES}
    command = [sys.executable, "-m", "tests.bench.raw", url, mode.value, "{port}"]
    with process(folder, command, {}, name=f"raw-{mode.value}") as (port, pid):
        yield Side(names[mode], port, pid, calls_of_raw(port, furnished))


def calls_of_ours(port: int, settings: Settings, furnished: Furnished) -> dict[Scenario, Calls]:
    """The requests of the product: with a token, on resources that exist."""
    token = Token(port, settings, furnished)
    slots = iter(furnished.slots)
    numbers = count()
    patients, observations = furnished.patients, furnished.observations

    def create(wanted: int) -> list[Call]:
        return [_create(patients[next(numbers) % len(patients)], token()) for _ in range(wanted)]

    def read(wanted: int) -> list[Call]:
        step = 7919  # a prime, so that neighbours in time are not neighbours on disk
        ids = (observations[next(numbers) * step % len(observations)] for _ in range(wanted))
        return [Call("GET", f"/fhir/Observation/{id}", token=token()) for id in ids]

    def search(wanted: int) -> list[Call]:
        code = quote("|".join(SEARCHED), safe="")
        ids = (patients[next(numbers) % len(patients)] for _ in range(wanted))
        return [Call("GET", f"/fhir/Observation?patient={id}&code={code}&_count=20", token=token()) for id in ids]

    def book(wanted: int) -> list[Call]:
        return [
            Call("POST", "/fhir/Appointment/$book", _appointment(furnished, slots, next(numbers)), token())
            for _ in range(wanted)
        ]

    return {Scenario.CREATE: create, Scenario.READ: read, Scenario.SEARCH: search, Scenario.BOOK: book}


def calls_of_raw(port: int, furnished: Furnished) -> dict[Scenario, Calls]:
    """The requests of the naive and the raw route, with the same bodies. It can't search, so there it reads."""
    kept: list[str] = []
    numbers = count()
    patients = furnished.patients

    def create(wanted: int) -> list[Call]:
        bodies = (contents.observation(patients[next(numbers) % len(patients)]) for _ in range(wanted))
        return [Call("POST", "/Observation", body) for body in bodies]

    def read(wanted: int) -> list[Call]:
        if not kept:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
                made = (http.post(call.path, content=call.body) for call in create(100))
                kept.extend(answer.headers["location"] for answer in made)
        return [Call("GET", kept[next(numbers) % len(kept)]) for _ in range(wanted)]

    def book(wanted: int) -> list[Call]:
        slots = iter(furnished.slots)
        return [Call("POST", "/Appointment", _appointment(furnished, slots, number)) for number in range(wanted)]

    return {Scenario.CREATE: create, Scenario.READ: read, Scenario.SEARCH: read, Scenario.BOOK: book}


class Token:
    """An access token that is asked for again before it expires; never during a load."""

    def __init__(self, port: int, settings: Settings, furnished: Furnished) -> None:
        self._url = f"http://127.0.0.1:{port}/oauth/token"
        self._audience = f"{settings.base_url}/oauth/token"
        self._client = furnished.client
        self._made = float("-inf")
        self._token = ""

    def __call__(self) -> str:
        if time.monotonic() - self._made > TOKEN_AGE:
            form = self._client.form(assertion=self._client.assertion(aud=self._audience))
            answer = httpx.post(self._url, data=form, trust_env=False, timeout=30)
            answer.raise_for_status()
            self._token, self._made = str(answer.json()["access_token"]), time.monotonic()
        return self._token


def _create(patient: str, token: str) -> Call:
    return Call("POST", "/fhir/Observation", contents.observation(patient, code=contents.OTHER), token)


def _appointment(furnished: Furnished, slots: Iterator[Slot], number: int) -> str:
    slot = next(slots)
    patient = furnished.patients[number % len(furnished.patients)]
    return contents.appointment(patient, slot=slot.id, start=slot.start, end=slot.end)


@contextmanager
def process(
    folder: Path, command: list[str], environment: Mapping[str, str], *, name: str
) -> Iterator[tuple[int, int]]:
    """The port and the number of a server that answers; `{port}` in the command becomes the port."""
    port = free_port()
    noted = folder / f"{name}-{port}.pid"
    variables = [f"{key}={value}" for key, value in {"PYTHONPATH": str(ROOT), **environment}.items() if value]
    # `exec` keeps the number, so that the file names the server and not a shell.
    words = [word.replace("{port}", str(port)) for word in command]
    shell = ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(noted), "env", *variables, *words]
    with running(shell, folder / f"{name}-{port}.log", ready=lambda: answers(port)):
        yield port, int(noted.read_text())
