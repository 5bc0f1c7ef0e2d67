"""A fhirstarter app beside ours: installed apart, as it pins an old FastAPI, and asked for the same things."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import quote

from infra.deploy.bootstrap import VENV
from tests.bench import contents
from tests.bench.bars import FHIRSTARTER
from tests.bench.contents import SEARCHED
from tests.bench.furnish import Furnished, Size
from tests.bench.sides import Calls, Scenario, Side, process
from tests.bench.wire import Call

FOLDER: Final = VENV / "fhirstarter"
STAMP: Final = FOLDER / "installed"
PINNED: Final = ("fhirstarter==4.2.0", "uvicorn[standard]==0.54.0", "fhir.resources==8.3.0")
APP: Final = Path(__file__).with_name("fhirstarter_app.py")
WHAT: Final = (Scenario.CREATE, Scenario.READ, Scenario.SEARCH)


def is_installed() -> bool:
    """True if the pinned peer is there."""
    return STAMP.exists() and STAMP.read_text() == " ".join(PINNED)


def installed() -> str:
    """Nothing but "" once the peer is in a virtual environment of its own; else why it can't be."""
    if is_installed():
        return ""
    uv, python = str(VENV / "bin" / "uv"), str(FOLDER / "bin" / "python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER)],
        [uv, "pip", "install", "--quiet", "--python", python, *PINNED],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{command[1]} failed: {done.stderr.strip()[-200:]}"
    STAMP.write_text(" ".join(PINNED))
    return ""


@contextmanager
def fhirstarter(folder: Path, furnished: Furnished, size: Size) -> Iterator[Side]:
    """The peer with the same Observations; it must be installed."""
    bodies = folder / "fhirstarter.txt"
    each = ((id, number) for id in furnished.patients for number in range(size.hits + size.others))
    bodies.write_text("".join(f"{id}-{number} {_body(id, number, size)}\n" for id, number in each))
    command = [str(FOLDER / "bin" / "python"), str(APP), "{port}", str(bodies)]
    with process(folder, command, {"FHIR_SEQUENCE": "R4B"}, name="fhirstarter") as (port, pid):
        yield Side(FHIRSTARTER, port, pid, _calls(furnished, size))


def _body(patient: str, number: int, size: Size) -> str:
    code = SEARCHED if number < size.hits else contents.OTHER
    return contents.observation(patient, code=code, number=number)


def _calls(furnished: Furnished, size: Size) -> dict[Scenario, Calls]:
    numbers = count()
    patients = furnished.patients

    def patient() -> str:
        return patients[next(numbers) % len(patients)]

    def create(wanted: int) -> list[Call]:
        return [
            Call("POST", "/Observation", contents.observation(patient(), code=contents.OTHER)) for _ in range(wanted)
        ]

    def read(wanted: int) -> list[Call]:
        every = size.hits + size.others
        return [Call("GET", f"/Observation/{patient()}-{next(numbers) % every}") for _ in range(wanted)]

    def search(wanted: int) -> list[Call]:
        code = quote("|".join(SEARCHED), safe="")
        return [Call("GET", f"/Observation?patient={patient()}&code={code}&_count=20") for _ in range(wanted)]

    return {Scenario.CREATE: create, Scenario.READ: read, Scenario.SEARCH: search}
