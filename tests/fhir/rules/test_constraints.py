"""Each constraint of R4 is checked, or named with the reason why not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fhir import definitions
from fhir.codec import load
from fhir.rules.elements import check_of
from fhir.rules.faults import Faults, Scope
from fhir.rules.invariants import ELSEWHERE, NOT_CHECKED, RULES
from tests.fhir.rules.constraints import CASES

TABLE: dict[str, str] = json.loads((Path(definitions.__file__).parent / "rules.json").read_text())["constraints"]
CHECKED = {rule.key for rules in RULES.values() for rule in rules}
OWN = {"after"}  # an Appointment and a Slot end after they start
# What they say is a fault of the shape, so their sentence does not name them.
OF_THE_SHAPE = {"sqty-1": "R4 does not have it here", "ele-1": "beside its id", "txt-1": "only the basic elements"}


def faults(type: str, node: dict[str, Any]) -> Faults:
    data = load(json.dumps({key: value for key, value in node.items() if value is not None}).encode())
    return check_of(type)(data, Scope(data)) or ()


def told(key: str, found: Faults) -> bool:
    text = OF_THE_SHAPE.get(key, f"({key})")
    return any(text in fault.text for fault in found)


def test_every_constraint_of_the_definitions_is_checked_or_left_out_by_name() -> None:
    assert CHECKED - OWN | ELSEWHERE.keys() | NOT_CHECKED.keys() == TABLE.keys()
    assert not CHECKED & (ELSEWHERE.keys() | NOT_CHECKED.keys())


def test_every_constraint_that_is_checked_has_a_case() -> None:
    assert CASES.keys() == (CHECKED - OWN) | ELSEWHERE.keys()


@pytest.mark.parametrize("key", sorted(CASES))
def test_a_broken_constraint_is_told_and_one_that_is_kept_is_not(key: str) -> None:
    type, broken, change = CASES[key]

    assert told(key, faults(type, broken))
    assert not told(key, faults(type, broken | change))


@pytest.mark.parametrize("key", sorted(CHECKED - OWN))
def test_without_its_rule_a_broken_constraint_goes_unseen(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    type, broken, _ = CASES[key]
    monkeypatch.setattr("fhir.rules.elements.RULES", {})
    check_of.cache_clear()

    assert not told(key, faults(type, broken))

    check_of.cache_clear()


@pytest.mark.parametrize("key", sorted(TABLE))
def test_the_manual_names_every_constraint(key: str) -> None:
    manual = (Path(definitions.__file__).parents[1] / "README.md").read_text()
    family, _, number = key.partition("-")

    runs = re.findall(rf"\b{family}-(\d+) to {family}-(\d+)", manual)
    assert re.search(rf"\b{key}\b", manual) or any(int(a) <= int(number) <= int(b) for a, b in runs)
