"""The package's manual names every type and search parameter."""

from pathlib import Path

import pytest

from fhir.models import SERVED
from fhir.search.definitions import COLUMNS, PARAMETERS, Index
from fhir.search.parsing import CONTROLS

README = (Path(__file__).parents[2] / "fhir/README.md").read_text()


@pytest.mark.parametrize("type", SERVED)
def test_the_manual_lists_the_search_parameters_of_the_type_and_marks_the_hidden_ones(type: str) -> None:
    known = sorted(PARAMETERS[type].parameters.values(), key=lambda parameter: parameter.name)
    shown = ", ".join(f"*{p.name}*" if p.index is Index.COMPOUND else p.name for p in known)

    assert f"| {type} | {shown} |" in README


@pytest.mark.parametrize("name", [*COLUMNS, *CONTROLS])
def test_the_manual_names_what_every_search_takes(name: str) -> None:
    assert f"`{name}`" in README
