"""Single steps of a write, in this process: our rules, all of validation, extraction, sealing and opening."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sqlmodel import Session

from fhir import models
from fhir.codec import Parsed, parse
from fhir.rules import prepare, validate
from fhir.rules.elements import faults_of
from fhir.search.extraction import extract
from infra.database import open_database
from infra.vault import Binding, FileKeyProvider, Vault
from tests.bench import bars, contents
from tests.bench.figures import Figure, limited, number, unmeasured
from tests.fixtures.reference import BESIDE

EXAMPLES = BESIDE / "data" / "fhir-r4" / "examples"
# How often a request seals and opens (`test_a_create_seals_once_and_a_read_opens_once`), and which part of it that may be.
SEALED = {
    "create Observation": ((1, 0), bars.SEAL_OF_CREATE),
    "read Observation": ((0, 1), bars.SEAL_OF_READ),
}
ROUNDS = 5
SEALS = 2000


@dataclass(frozen=True)
class Costs:
    """Microseconds of processor time, the mean over all examples, the median of the rounds."""

    rules: float
    library: float
    whole: float
    extraction: float


async def run(folder: Path, requests: Sequence[Figure], *, most: int | None = None) -> list[Figure]:
    """The lines of validation and extraction over the official examples, and of the vault against whole requests."""
    sealing = await _sealing(folder)
    found = [*_shares(sealing, requests)]
    if not EXAMPLES.is_dir():
        return [*found, unmeasured("validation and extraction", against="", why="no ../shared with official examples")]
    prepare()
    examples = [parse(file.read_bytes(), type=None) for file in sorted(EXAMPLES.glob("*.json"))[:most]]
    return [*found, *lines(measured(examples), len(examples))]


def measured(examples: Sequence[Parsed]) -> Costs:
    """What each step costs, all steps in turn, again and again."""
    steps: dict[str, Callable[[Parsed], object]] = {
        "rules": lambda one: faults_of(one.type, one.data),
        "library": lambda one: models.model(one.type).model_validate(one.data),
        "whole": validate,
        "extraction": lambda one: extract(one.type, one.data),
    }
    # What the library can't take (it refuses some valid extensions) is left out of every step.
    usable = [one for one in examples if b'"_value' not in one.raw]
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(ROUNDS + 1):
        for name, step in steps.items():
            began = time.process_time()
            for one in usable:
                step(one)
            if turn:
                spent[name].append((time.process_time() - began) / len(usable) * 1e6)
    return Costs(**{name: median(each) for name, each in spent.items()})


def lines(costs: Costs, count: int) -> list[Figure]:
    """The lines, with their bars."""
    share = costs.whole / costs.library
    asked = f"{bars.VALIDATION:g} times or less"
    met, note = share <= bars.VALIDATION, f"{share:.2f} times; {count} official examples"
    whole = Figure(
        "validation, all of it", costs.whole, "us CPU", "fhir.resources", costs.library, 1 / share, note, asked, met
    )
    return [
        limited("validation, our rules", costs.rules, "us CPU", most=bars.RULES),
        whole,
        limited("all search values of a resource", costs.extraction, "us CPU", most=bars.EXTRACTION),
    ]


async def _sealing(folder: Path) -> tuple[float, float]:
    """Microseconds to seal and to open the Observation, as the store does it, its key being known."""
    vault, body = Vault(FileKeyProvider(folder / "parts.json")), contents.observation("bench-patient-1").encode()
    to = Binding("bench", "Observation", "1", 1, "compartment")

    def unit(session: Session) -> tuple[float, float]:
        vault.seal(session, body, to=to)
        began = time.process_time()
        sealed = [vault.seal(session, body, to=to) for _ in range(SEALS)]
        middle = time.process_time()
        for one in sealed:
            assert vault.open_known(one.body, one.data_key, to=to) is not None
        return (middle - began) / SEALS * 1e6, (time.process_time() - middle) / SEALS * 1e6

    database = open_database(f"sqlite:///{folder / 'parts.sqlite3'}")
    await database.create_all()
    await database.write(lambda session: vault.seal(session, body, to=to))  # a key is remembered once it is committed
    costs = await database.write(unit)
    await database.close()
    return costs


def _shares(sealing: tuple[float, float], requests: Sequence[Figure]) -> list[Figure]:
    """What a request seals and opens as a part of what the whole of it costs; in the note the share of one of each."""
    found = []
    for what, ((seals, opens), most) in SEALED.items():
        whole = min((figure.ours for figure in requests if figure.what == f"{what}, SQLite"), default=0.0)
        if whole:
            seal, opening = sealing
            share = (seals * seal + opens * opening) / whole * 100
            both = (seal + opening) / whole * 100
            note = f"it seals {seals} and opens {opens}; seal {number(seal)}, open {number(opening)} us, together {number(both)} %"
            found.append(limited(f"seal and open, of a {what.split()[0]}", share, "%", most=most * 100, note=note))
    return found
