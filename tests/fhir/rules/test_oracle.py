"""A second opinion: fhirkit, a validator of R4 in Rust that shares nothing with fhir.resources or our table."""

import json
from pathlib import Path

import fhirkit

from tests.effort import repetitions
from tests.fhir.rules.faults import mutants
from tests.fhir.rules.test_mutants import is_refused, sample


def objections(body: str) -> list[str]:
    try:
        return [issue.message for issue in fhirkit.validate(body) if issue.severity == "error"]
    except fhirkit.ParseError as wrong:
        return [str(wrong)]


def test_what_the_other_validator_refuses_is_refused(shared: Path) -> None:
    compared, accepted = 0, []

    for example in sample(shared, of_each_type=repetitions(2)):
        for kind, data in mutants(json.loads(example.raw)):
            if objections(json.dumps(data)):
                compared += 1
                if not is_refused(data):
                    accepted.append((example.type, kind))

    assert accepted == []
    assert compared > 500


def test_the_other_validator_too_accepts_what_is_valid(shared: Path) -> None:
    told = [(e.type, objections(e.raw.decode())) for e in sample(shared, of_each_type=repetitions(6))]

    assert [each for each in told if each[1]] == []
