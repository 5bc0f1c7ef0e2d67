"""What the documents count, list and name agrees with the code."""

import re
from collections.abc import Iterable

from anonymise.definition import shipped
from fhir.models import SERVED
from infra.settings import Settings
from tests.architecture.tree import PACKAGES, ROOT, sources
from tests.docs.manuals import documents, section

README = (ROOT / "README.md").read_text()
VARIABLE = re.compile(r"\bTELEMED_[A-Z]+(?:_[A-Z]+)*\b")
THING = re.compile(r'"\d  ([^"]+)"')
# Made up by tests that look for what is undocumented or misspelt.
SEEDS = {"TELEMED_SEEDED", "TELEMED_GONE", "TELEMED_ALOW_FILE_KEYS", "TELEMED_QQQ"}


def variables(texts: Iterable[str]) -> set[str]:
    """The environment variables of ours that texts name."""
    return {name for text in texts for name in VARIABLE.findall(text)} - SEEDS


def unknown(named: set[str], settings: type[Settings]) -> set[str]:
    """Variables that are neither settings nor named in a document."""
    known = {f"TELEMED_{name.upper()}" for name in settings.model_fields}
    return named - known - variables(path.read_text() for path in documents())


def test_every_variable_in_the_code_is_documented() -> None:
    code = [*sources(ROOT), ROOT / "Makefile", ROOT / ".ci/run"]

    assert unknown(variables(path.read_text() for path in code), Settings) == set()


def test_every_variable_in_the_documents_is_in_the_code() -> None:
    known = {f"TELEMED_{name.upper()}" for name in Settings.model_fields}
    code = variables(path.read_text() for path in sources(ROOT, *PACKAGES, "tests"))

    assert variables(path.read_text() for path in documents()) - known - code == set()


def test_an_undocumented_variable_is_named() -> None:
    name = "TELEMED_" + "NOWHERE"

    assert unknown({name, "TELEMED_EFFORT"}, Settings) == {name}


def test_the_readme_counts_the_types_that_are_served() -> None:
    assert f"FHIR R4, {len(SERVED)} types:" in README
    assert f"{len(SERVED)} types:" in (ROOT / "infra/pictures/architecture.svg").read_text()


def test_the_readme_names_the_k_in_force() -> None:
    assert f"hold k = {shipped().rule.k} persons or none" in README


def test_the_demo_and_the_readme_name_the_same_five_things_to_try() -> None:
    offered = THING.findall((ROOT / "telemed/demo/doors.py").read_text())
    listed = re.findall(r"^\d\. (.+)$", section(README, "The first five minutes"), re.MULTILINE)

    assert len(offered) == 5
    assert [line.startswith(thing) for line, thing in zip(listed, offered, strict=True)] == [True] * 5
