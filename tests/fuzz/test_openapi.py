"""schemathesis over an OpenAPI document of the FHIR routes: requests of every operation, as it says and otherwise."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from fhir.capability import SEARCHED
from fhir.interactions import ROUTES
from fhir.search.definitions import PARAMETERS
from tests.effort import examples
from tests.fhir.record import observation, patient
from tests.fuzz.asking import FHIR, Asker, Headers, asking
from tests.fuzz.openapi import document

TYPES = ("Patient", "Observation", "Questionnaire")
OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(document(TYPES)).get_all_operations()
    if isinstance(found, Ok)
]
CASES = st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(list(GenerationMode))).flatmap(
    lambda drawn: drawn[0].as_strategy(drawn[1])
)


@pytest.fixture
def asker(tmp_path: Path, database_url: str) -> Iterator[Asker]:
    with asking(tmp_path, database_url) as made:
        made.create(observation(made.create(patient())))
        yield made


def test_every_route_is_in_the_document() -> None:
    assert {(operation.method.upper(), operation.path) for operation in OPERATIONS} >= {
        (method, path or "/") for method, path, *_ in ROUTES
    }


def test_every_search_is_in_the_document_with_its_parameters() -> None:
    searches = {operation.path: operation for operation in OPERATIONS if operation.method == "get"}

    for type in SEARCHED:
        assert {parameter.name for parameter in searches[f"/{type}"].query} >= set(PARAMETERS[type].parameters)


@pytest.mark.parametrize("database_kind", ["sqlite"])
@given(case=CASES)
@examples(110)
def test_requests_of_every_operation(asker: Asker, case: schemathesis.Case[Any]) -> None:
    sent(asker, case)


def sent(asker: Asker, case: schemathesis.Case[Any]) -> None:
    """Nothing; the request was sent, and the answer was looked at."""
    query = urlencode({name: str(value).encode("utf-8", "surrogatepass") for name, value in (case.query or {}).items()})
    headers: Headers = {name: str(value) for name, value in (case.headers or {}).items()}
    headers["content-type"] = FHIR
    path = case.formatted_path + (f"?{query}" if query else "")

    asker.ask(case.method.upper(), path, content=_content(case.body), headers=headers)


def _content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if "NotSet" in type(body).__name__ else json.dumps(body).encode("utf-8", "surrogatepass")
