"""The four doors of the demo's start page."""

import json
from pathlib import Path

import pytest

from infra.settings import Environment, Settings
from telemed.pages.doors import doors

OFFERED = {
    "base_url": "http://localhost:8000",
    "portal_url": "http://localhost:8001",
    "appointments": [
        {"birth_date": "1951-03-14", "join_url": "http://localhost:8000/j#ABCD-EFGH-JKMN", "clinician": 1}
    ],
    "clinicians": [
        {"name": "Hauke Probst", "role": "nurse", "sign_in_url": "http://localhost:8000/console/sign-in/n"},
        {"name": "Dr. Wiebke Testfeld", "role": "physician", "sign_in_url": "http://localhost:8000/console/sign-in/d"},
    ],
}


def settings(folder: Path, *, environment: Environment = Environment.DEMO) -> Settings:
    """Settings of a service whose data lies in this folder."""
    return Settings(environment=environment, data_dir=folder)


def test_the_demo_has_four_doors(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps(OFFERED))

    found = doors(settings(tmp_path / "data"), language="en")

    assert [door.title for door in found] == ["Patient", "Clinic", "Nurse", "Analyst"]
    assert found[0].url.endswith("#ABCD-EFGH-JKMN")
    assert found[0].detail == "14.03.1951"
    assert [found[1].detail, found[2].detail] == ["Dr. Wiebke Testfeld", "Hauke Probst"]
    assert found[3].url == "http://localhost:8001/catalog"


@pytest.mark.parametrize("content", ["", "{", "{}", '{"appointments": [], "clinicians": []}'])
def test_a_demo_that_is_not_ready_has_no_doors(tmp_path: Path, content: str) -> None:
    (tmp_path / "demo.json").write_text(content)

    assert doors(settings(tmp_path), language="de") == []


def test_production_has_no_doors(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps(OFFERED))

    assert doors(settings(tmp_path, environment=Environment.PRODUCTION), language="de") == []
