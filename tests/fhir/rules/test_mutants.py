"""Every official and German example is accepted; with one fault of the 20 kinds in it, none is."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir.codec import Parsed, parse
from fhir.models import KNOWN
from fhir.rules import Invalid, validate, validation
from tests.effort import repetitions
from tests.fhir.rules.faults import KINDS, mutants

# Longer ones say nothing new, and copying them for every fault takes the time of all others.
LONG = 30_000


def files(shared: Path) -> list[Path]:
    folders = (shared / "data/fhir-r4/examples", *(shared / "data/fhir-r4/german").glob("*/examples"))
    found = sorted(file for folder in folders for file in folder.glob("*.json"))
    return [file for file in found if json.loads(file.read_bytes())["resourceType"] in KNOWN]


def sample(shared: Path, *, of_each_type: int) -> Iterator[Parsed]:
    """Some examples of each type: at effort 1 a few, with more effort all."""
    seen: Counter[str] = Counter()
    for file in files(shared):
        body = file.read_bytes()
        if len(body) > LONG:
            continue
        example = parse(body, type=None)
        seen[example.type] += 1
        if seen[example.type] <= of_each_type:
            yield example


def is_refused(data: dict[str, Any]) -> bool:
    try:
        validate(parse(json.dumps(data).encode(), type=None))
    except Invalid:
        return True
    return False


def survivors(shared: Path, *, of_each_type: int) -> tuple[Counter[str], list[tuple[str, str]]]:
    """How many mutants of each kind were made, and those that were accepted."""
    made: Counter[str] = Counter()
    survived = []
    for example in sample(shared, of_each_type=of_each_type):
        for kind, data in mutants(json.loads(example.raw)):
            made[kind] += 1
            if not is_refused(data):
                survived.append((kind, f"{example.type}/{example.data.get('id')}"))
    return made, survived


def test_no_valid_example_is_refused(shared: Path) -> None:
    found = files(shared)

    for file in found:
        validate(parse(file.read_bytes(), type=None))

    assert len(found) >= 384 + 38


def test_every_mutant_of_every_kind_is_refused(shared: Path) -> None:
    made, survived = survivors(shared, of_each_type=repetitions(6))

    assert survived == []
    assert made.keys() == KINDS.keys()
    assert min(made.values()) >= 10


def test_without_our_rules_the_mutants_of_our_kinds_survive(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "faults_of", lambda type, data: ())

    _, survived = survivors(shared, of_each_type=1)

    assert {kind for kind, _ in survived} >= {
        "bad code of a required binding", "reference to a wrong type", "script in the narrative", "empty array",
        "extension with value and children", "true in quotes", "bad status of the narrative", "conflicting choices",
    }  # fmt: skip
