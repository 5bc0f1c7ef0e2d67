"""FHIRPath Patch: the operations of the standard, on the paths that its pages show."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.patches import paths
from fhir.patches.patch import read
from fhir.patches.problems import BadPatch, Fixed, PatchFailed
from infra.problems import Problem, Unprocessable

PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "meta": {"versionId": "1", "lastUpdated": "2026-11-23T10:00:00Z"},
    "name": [{"family": "Eins", "given": ["A", "B"], "_given": [None, {"id": "x"}]}, {"family": "Zwei", "use": "old"}],
    "birthDate": "1964-08-12",
    "_birthDate": {"id": "b"},
    "deceasedBoolean": False,
    "contact": [{"name": {"text": "Bea"}, "gender": "female"}, {"name": {"text": "Cem"}, "gender": "male"}],
}


def operation(**parts: Any) -> dict[str, Any]:
    kinds = {"type": "valueCode", "path": "valueString", "name": "valueString"}
    made = [
        {"name": name, **value} if name == "value" else {"name": name, kinds.get(name, "valueInteger"): value}
        for name, value in parts.items()
    ]
    return {"name": "operation", "part": made}


def patched(*operations: dict[str, Any], resource: dict[str, Any] = PATIENT) -> dict[str, Any]:
    body = json.dumps({"resourceType": "Parameters", "parameter": operations}).encode()
    patch = read("application/fhir+json", body, type=resource["resourceType"], limit=100_000)
    return patch.applied(json.dumps(resource).encode()).data


def test_an_element_is_added_to_the_resource_and_to_a_list() -> None:
    made = patched(
        operation(type="add", path="Patient", name="gender", value={"valueCode": "female"}),
        operation(type="add", path="Patient.name[0]", name="given", value={"valueString": "C"}),
        operation(type="add", path="Patient.name.where(use = 'old')", name="text", value={"valueString": "T"}),
        operation(type="add", path="Patient", name="maritalStatus", value={"valueCodeableConcept": {"text": "M"}}),
    )

    assert (made["gender"], made["maritalStatus"]) == ("female", {"text": "M"})
    assert made["name"][0]["given"] == ["A", "B", "C"] and made["name"][0]["_given"] == [None, {"id": "x"}, None]
    assert made["name"][1]["text"] == "T"


def test_a_backbone_element_is_added_by_its_parts() -> None:
    parts = [
        {"name": "relationship", "valueCodeableConcept": {"text": "Mutter"}},
        {"name": "name", "valueHumanName": {"text": "Dora"}},
    ]
    made = patched(operation(type="add", path="Patient", name="contact", value={"part": parts}))

    assert made["contact"][2] == {"relationship": [{"text": "Mutter"}], "name": {"text": "Dora"}}


def test_items_are_inserted_moved_and_deleted_with_what_is_said_about_them() -> None:
    inserted = patched(operation(type="insert", path="Patient.name[0].given", index=0, value={"valueString": "Z"}))
    moved = patched(operation(type="move", path="Patient.name[0].given", source=1, destination=0))
    deleted = patched(operation(type="delete", path="Patient.name[0].given[1]"))

    assert inserted["name"][0]["given"] == ["Z", "A", "B"]
    assert inserted["name"][0]["_given"] == [None, None, {"id": "x"}]
    assert (moved["name"][0]["given"], moved["name"][0]["_given"]) == (["B", "A"], [{"id": "x"}, None])
    assert deleted["name"][0] == {"family": "Eins", "given": ["A"]}


def test_elements_are_deleted_and_what_is_absent_is_no_error() -> None:
    made = patched(
        operation(type="delete", path="Patient.birthDate"),
        operation(type="delete", path="Patient.gender"),
        operation(type="delete", path="Patient.contact.where(gender = 'male')"),
        operation(type="delete", path="Patient.contact[0]"),
    )

    assert not {"birthDate", "_birthDate", "contact"} & set(made)


def test_a_choice_is_replaced_by_another_type() -> None:
    made = patched(operation(type="replace", path="Patient.deceased", value={"valueDateTime": "2026-01-01"}))
    by_type = patched(operation(type="replace", path="Patient.deceased.ofType(boolean)", value={"valueBoolean": True}))

    assert made["deceasedDateTime"] == "2026-01-01" and "deceasedBoolean" not in made
    assert by_type["deceasedBoolean"] is True


def test_first_and_last_lead_to_one_item() -> None:
    made = patched(
        operation(type="replace", path="Patient.name.last().family", value={"valueString": "Drei"}),
        operation(type="replace", path="Patient.name.first().given.last()", value={"valueString": "Q"}),
    )

    assert made["name"][1]["family"] == "Drei"
    assert (made["name"][0]["given"], "_given" in made["name"][0]) == (["A", "Q"], False)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Patient.name.select(family)", "select"),
        ("Patient.name.where(family.exists())", "where"),
        ("Patient.hair", "hair"),
        ("Patient..name", "path"),
        ("Patient.name[", "path"),
        ("", "path"),
        ("%resource.name", "path"),
    ],
)
def test_other_paths_are_refused_by_name(path: str, said: str) -> None:
    with pytest.raises(BadPatch) as refused:
        patched(operation(type="delete", path=path))

    assert said in refused.value.text


@pytest.mark.parametrize(
    "wrong",
    [
        operation(type="delete", path="Patient.name"),
        operation(type="delete", path="Patient"),
        operation(type="add", path="Patient", name="birthDate", value={"valueDate": "2020-01-01"}),
        operation(type="add", path="Patient", name="hair", value={"valueString": "red"}),
        operation(type="add", path="Patient", name="deceased", value={"valueQuantity": {}}),
        operation(type="insert", path="Patient.name", index=7, value={"valueHumanName": {"text": "x"}}),
        operation(type="insert", path="Patient.photo", index=0, value={"valueAttachment": {"title": "x"}}),
        operation(type="move", path="Patient.name", source=0, destination=2),
        operation(type="replace", path="Patient.gender", value={"valueCode": "male"}),
        operation(type="replace", path="Patient.gender.ofType(code)", value={"valueCode": "male"}),
    ],
    ids=range(10),
)
def test_what_can_not_be_applied_is_a_422_that_names_the_operation(wrong: dict[str, Any]) -> None:
    with pytest.raises(PatchFailed) as failed:
        patched(wrong)

    assert failed.value.issues[0].expression == ("Parameters.parameter[0]",)


@pytest.mark.parametrize(
    "wrong",
    [
        operation(path="Patient.name"),
        operation(type="add", path="Patient", name="gender"),
        operation(type="delete", path="Patient.gender", index=1),
        {"name": "operation"},
        {"name": "other", "part": []},
        {"name": "operation", "part": [{"name": "type", "valueInteger": 3}]},
        {"name": "operation", "part": [1]},
    ],
    ids=range(7),
)
def test_what_is_no_operation_is_a_400(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadPatch):
        patched(wrong)


def test_what_the_server_says_of_a_resource_stays() -> None:
    with pytest.raises(Fixed):
        patched(operation(type="replace", path="Patient.id", value={"valueId": "b"}))
    with pytest.raises(Fixed):
        patched(operation(type="delete", path="Patient.meta.versionId"))


def test_the_result_is_checked_like_an_update() -> None:
    with pytest.raises(Unprocessable):
        patched(operation(type="add", path="Patient", name="gender", value={"valueCode": "red"}))


def test_a_patch_that_digs_without_end_is_refused() -> None:
    add = {"op": "add", "path": "/extension", "value": {"a": {"a": {"a": {"a": {}}}}}}
    deeper = [
        {"op": "move", "from": "/extension", "path": "/x"},
        add,
        {"op": "move", "from": "/x", "path": "/extension/a/a/a/a/a"},
    ]

    with pytest.raises(Problem) as refused:
        read(
            "application/json-patch+json", json.dumps([add, *deeper * 300]).encode(), type="Patient", limit=100_000
        ).applied(json.dumps(PATIENT).encode())

    assert refused.value.status in (400, 422)


def test_a_patch_looks_at_so_many_places_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_PLACES", 5)
    short = operation(type="delete", path="Patient.contact.where(gender = 'male')")

    with pytest.raises(PatchFailed):
        patched(short, short)
    with pytest.raises(BadPatch):
        patched(operation(type="delete", path="Patient" + ".contact" * 100))
    assert patched(short)["contact"]


def test_places_that_a_condition_leaves_out_were_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_PLACES", 4)
    nobody = operation(type="delete", path="Patient.contact.where(name.text = 'nobody')")

    assert patched(nobody) == PATIENT
    with pytest.raises(PatchFailed, match="too many places"):
        patched(nobody, nobody)


STEPS = st.sampled_from(
    ["Patient", ".name", ".given", "[0]", "[1]", ".first()", ".last()", ".contact", ".where(gender = 'male')",
     ".where(name.text = 'Bea')", ".ofType(boolean)", ".deceased", ".birthDate", ".extension", ".id", ".meta", "'", "("]
)  # fmt: skip
VALUES = st.sampled_from(
    [{"valueString": "x"}, {"valueBoolean": True}, {"valueHumanName": {"text": "x"}}, {"valueDate": "2020"}, {},
     {"part": [{"name": "gender", "valueCode": "male"}]}, {"part": []}, {"resource": {"resourceType": "Group"}}]
)  # fmt: skip


@given(st.lists(st.tuples(
    st.sampled_from(["add", "insert", "delete", "replace", "move"]), st.lists(STEPS, max_size=4), VALUES,
    st.integers(0, 3), st.sampled_from(["name", "given", "gender", "deceased", "contact", "id", "x"]),
), min_size=1, max_size=3))  # fmt: skip
def test_whatever_is_sent_changes_the_resource_or_is_a_problem(sent: list[Any]) -> None:
    made = []
    for kind, steps, value, number, name in sent:
        parts = {"type": kind, "path": "".join(steps)}
        more = {
            "add": {"name": name, "value": value}, "insert": {"index": number, "value": value}, "delete": {},
            "replace": {"value": value}, "move": {"source": number, "destination": 0},
        }  # fmt: skip
        made.append(operation(**parts, **more[kind]))

    try:
        status = 200 if patched(*made)["id"] == PATIENT["id"] else 500
    except Problem as problem:
        status = problem.status

    assert status in (200, 400, 422)
