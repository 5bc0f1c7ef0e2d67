"""Criteria match what the caller's own tenant wrote, found by a statement that is made once."""

import json
from typing import Any

import httpx
import pytest

from fhir.compartments import pseudonym
from fhir.search import candidates
from fhir.store import Store
from tests.fhir.record import LocalPolicy, created, observation, patient

NUMBER = {"system": "http://muster.example/lab", "value": "7"}
CRITERIA = {"if-none-exist": "identifier=http://muster.example/lab|7"}


@pytest.fixture
async def measured(north: httpx.AsyncClient, store: Store, policy: LocalPolicy) -> str:
    """An Observation of one clinic that another one may see."""
    who = await created(north, patient())
    policy.grants.add((pseudonym(store.vault, who), "south"))
    body = json.dumps(observation(who, identifier=[NUMBER]))
    assert (await north.post("/Observation", content=body, headers=CRITERIA)).status_code == 201
    return body


def refused(*_: Any) -> None:
    raise AssertionError("a statement was put together")


async def test_the_usual_criteria_are_asked_by_a_statement_made_once(
    north: httpx.AsyncClient, south: httpx.AsyncClient, measured: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "many", refused)

    own = await north.post("/Observation", content=measured, headers=CRITERIA)
    foreign = await south.post("/Observation", content=measured, headers=CRITERIA)

    assert (own.status_code, foreign.status_code) == (200, 201)


async def test_without_the_filter_another_clinics_resource_matches(
    south: httpx.AsyncClient, measured: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_usual_of_one", candidates._usual)

    answer = await south.post("/Observation", content=measured, headers=CRITERIA)

    assert answer.status_code == 200, "seen: what another clinic wrote stands for the caller's own"
