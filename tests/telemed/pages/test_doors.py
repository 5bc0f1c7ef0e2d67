"""The doors of the demo's start page."""

import json
from pathlib import Path

import pytest

from infra.settings import Environment, Settings
from telemed.pages.doors import doors

OFFERED = {
    "base_url": "http://localhost:8000",
    "portal_url": "http://localhost:8001",
    "appointments": [
        {
            "appointment_id": "first",
            "organization_id": "clinic-b",
            "birth_date": "1951-03-14",
            "join_url": "http://localhost:8000/j#ABCD-EFGH-JKMN",
            "clinician": 1,
        },
        {
            "appointment_id": "second",
            "organization_id": "clinic-a",
            "birth_date": "1966-07-14",
            "join_url": "http://localhost:8000/j#SECO-NDSE-COND",
            "clinician": 0,
        },
    ],
    "officers": [
        {"name": "Wache A", "organization_id": "clinic-a", "sign_in_url": "http://localhost:8000/console/sign-in/a"},
        {"name": "Wache B", "organization_id": "clinic-b", "sign_in_url": "http://localhost:8000/console/sign-in/b"},
    ],
    "clinicians": [
        {"name": "Hauke Probst", "role": "nurse", "sign_in_url": "http://localhost:8000/console/sign-in/n"},
        {"name": "Dr. Wiebke Testfeld", "role": "physician", "sign_in_url": "http://localhost:8000/console/sign-in/d"},
    ],
}


def settings(folder: Path, *, environment: Environment = Environment.DEMO) -> Settings:
    """Settings of a service whose data lies in this folder."""
    return Settings(environment=environment, data_dir=folder)


def test_the_demo_has_a_door_for_each_who_uses_it(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps(OFFERED))

    found = doors(settings(tmp_path / "data"), language="en")

    assert [door.title for door in found] == ["Patient", "Clinic", "Nurse", "Data protection", "Analyst"]
    assert found[0].url.endswith("#ABCD-EFGH-JKMN")
    assert found[0].detail == "14.03.1951"
    assert [found[1].detail, found[2].detail] == ["Dr. Wiebke Testfeld", "Hauke Probst"]
    assert (found[3].detail, found[3].url[-2:]) == ("Wache B", "/b")  # who answers what the first patient asks
    assert found[4].url == "http://localhost:8001/catalog"


def test_a_used_appointment_gives_way_to_the_next_and_the_last_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps(OFFERED))

    second, none = (doors(settings(tmp_path), language="de", used=used) for used in ({"first"}, {"first", "second"}))

    assert (second[0].detail, second[0].url[-14:], second[1].detail) == ("14.07.1966", "SECO-NDSE-COND", "Hauke Probst")
    assert "starten Sie sie neu" in none[0].text and none[0].url == "" == none[0].action
    assert len(none) == len(second) == 5


@pytest.mark.parametrize("content", ["", "{", "{}", '{"appointments": [], "clinicians": []}'])
def test_a_demo_that_is_not_ready_has_no_doors(tmp_path: Path, content: str) -> None:
    (tmp_path / "demo.json").write_text(content)

    assert doors(settings(tmp_path), language="de") == []


def test_production_has_no_doors(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps(OFFERED))

    assert doors(settings(tmp_path, environment=Environment.PRODUCTION), language="de") == []
