"""What /fhir/metadata says about the record stands in the record's manual, and nothing else."""

from typing import Any

from fhir import capability
from tests.docs.manuals import manual, section

HEADING = "Interactions (`interactions/`, one file each)"


def stated() -> dict[str, Any]:
    """The server's part of the CapabilityStatement."""
    statement = capability.statement(base_url="http://localhost/fhir", date="2026-01-01", version="0")
    found: dict[str, Any] = statement["rest"][0]
    return found


def codes(thing: dict[str, Any]) -> list[str]:
    """The interactions of the server or of a type."""
    return [each["code"] for each in thing["interaction"]]


def unnamed(rest: dict[str, Any], text: str) -> set[str]:
    """Interactions that the table does not have, and types whose exception from it is not told."""
    cells = [line.split("|")[2] for line in section(text, HEADING).splitlines() if line.startswith("| `")]
    words = set(" ".join(cells).replace(",", " ").replace(";", " ").split())
    every = {code for resource in rest["resource"] for code in codes(resource)}
    missing = {code for code in every | set(codes(rest)) if code.split("-")[0] not in words}
    for resource in rest["resource"]:
        has = [code.split("-")[0] for code in codes(resource)]
        if len(has) < len(every) and f"{resource['type']} has {', '.join(has[:-1])} and {has[-1]} only" not in text:
            missing.add(resource["type"])
    return missing


def misnamed(rest: dict[str, Any], text: str) -> set[str]:
    """`Type.parameter` that only one of manual and statement has; `_id` and `_lastUpdated` go for all types."""
    table = [line.split("|")[1:3] for line in text.split("| type | parameters |", 1)[1].split("\n\n")[0].splitlines()]
    named = {f"{t.strip()}.{p.strip()}" for t, names in table[2:] for p in names.split(",") if p.strip() != "-"}
    found = {f"{r['type']}.{p['name']}" for r in rest["resource"] for p in r["searchParam"] if p["name"][0] != "_"}
    return named ^ found


def test_every_interaction_of_the_statement_is_documented() -> None:
    assert unnamed(stated(), manual("fhir")) == set()


def test_the_manual_has_the_search_parameters_of_the_statement_and_no_other() -> None:
    assert misnamed(stated(), manual("fhir")) == set()


def test_an_undocumented_interaction_is_named() -> None:
    rest = stated()
    rest["interaction"].append({"code": "seeded-system"})
    rest["resource"][0]["interaction"].pop()

    assert unnamed(rest, manual("fhir")) == {"seeded-system", rest["resource"][0]["type"]}


def test_an_undocumented_search_parameter_is_named() -> None:
    rest = stated()
    rest["resource"][0]["searchParam"].append({"name": "seeded", "type": "token"})

    assert misnamed(rest, manual("fhir")) == {f"{rest['resource'][0]['type']}.seeded"}
