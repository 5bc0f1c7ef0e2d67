"""The package's manual names every type and search parameter."""

from pathlib import Path

import pytest

from fhir.models import SERVED
from fhir.search.controls import CONTROLS
from fhir.search.definitions import COLUMNS, COMMON, PARAMETERS

README = (Path(__file__).parents[2] / "fhir/README.md").read_text()


@pytest.mark.parametrize("type", SERVED)
def test_the_manual_lists_the_search_parameters_of_the_type(type: str) -> None:
    own = sorted(name for name in PARAMETERS[type].parameters if name not in COMMON)

    assert f"| {type} | {', '.join(own) or '-'} |" in README


@pytest.mark.parametrize("name", [*COLUMNS, *COMMON, *CONTROLS])
def test_the_manual_names_what_every_search_takes(name: str) -> None:
    assert f"`{name}`" in README
