"""The commands, as processes that know nothing but their files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from anonymise import synthetic
from anonymise.definition import SHIPPED
from tests.anonymise.builders import cohort, group

Places = tuple[str | Path, ...]


def anonymise(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anonymise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def persons(tmp_path: Path) -> Path:
    path = tmp_path / "persons.csv"
    synthetic.persons(1500, seed=5).write_csv(path)
    return path


SLUG, QUARTER = "reasons-for-encounter", ("--period", "2026-Q1")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return (
        "--data-dir",
        tmp_path / "data",
        "--releases-dir",
        tmp_path / "releases",
        "--base-url",
        "http://localhost:8001",
    )


def approver(folder: Path, name: str) -> Path:
    """Somebody enrolled as the manual says, with openssl alone; their private key."""
    key, approvers = folder / f"{name}.key", folder / "data" / "approvers"
    approvers.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", approvers / f"{name}.pem"], check=True)
    return key


def test_from_persons_to_a_verified_release(tmp_path: Path, persons: Path, places: Places) -> None:
    built = ("build", "--persons", persons, *places, "--by", "carla", "--out", tmp_path / "draft", *QUARTER)
    named = (SLUG, "2026-Q1")
    data = places[:2]

    steps = [
        anonymise("explain"),
        anonymise("plan", "--persons", persons),
        anonymise(*built),
        anonymise("audit", tmp_path / "draft", "--persons", persons, *data, *QUARTER),
        *(
            anonymise("approve", *named, *data, "--by", name, "--key", approver(tmp_path, name))
            for name in ("ada", "ben")
        ),
        anonymise("publish", *named, *places),
        anonymise("verify", tmp_path / "releases" / SLUG / "2026-Q1"),
    ]

    assert [(step.returncode, step.stderr) for step in steps] == [(0, "")] * len(steps)
    assert "all as signed" in steps[-1].stdout


def test_a_plan_compares_the_profiles_for_people_and_for_programs(persons: Path) -> None:
    waiting = SHIPPED / "kiel" / "waiting-times.toml"

    shown = anonymise("plan", "--persons", persons, "--definition", waiting, "--epsilon", "1")
    read = anonymise("plan", "--persons", persons, "--definition", waiting, "--json")

    assert "suppression" in shown.stdout and "private" in shown.stdout and "persons in" in shown.stdout
    tables = json.loads(read.stdout)["tables"]
    assert tables[2]["cells"] == {"municipality": "district"}
    assert (tables[2]["partition"]["exact"], tables[2]["private"]) == (1.0, None)


def test_one_approval_is_not_enough_and_a_withdrawn_release_stays_gone(
    tmp_path: Path, persons: Path, places: Places
) -> None:
    built = ("build", "--persons", persons, *places, "--by", "carla", *QUARTER)
    named, data = (SLUG, "2026-Q1"), places[:2]
    keys = {name: approver(tmp_path, name) for name in ("ada", "ben", "carla")}
    anonymise(*built)

    own = anonymise("approve", *named, *data, "--by", "carla", "--key", keys["carla"])
    anonymise("approve", *named, *data, "--by", "ada", "--key", keys["ada"])
    early = anonymise("publish", *named, *places)
    anonymise("approve", *named, *data, "--by", "ben", "--key", keys["ben"])
    published = anonymise("publish", *named, *places)
    withdrawn = anonymise("withdraw", *named, *places[:4], "--reason", "A sum was wrong.")
    gone = anonymise("verify", tmp_path / "releases" / SLUG / "2026-Q1")
    again = anonymise(*built)

    assert (own.returncode, early.returncode) == (1, 1)
    assert "Who built" in own.stderr and "1 of 2 approvals" in early.stderr
    assert (published.returncode, withdrawn.returncode) == (0, 0)
    assert "was withdrawn" in gone.stderr and "withdrawn" in again.stderr


def test_the_audit_refuses_a_draft_that_somebody_made_more_precise(
    tmp_path: Path, persons: Path, places: Places
) -> None:
    anonymise("build", "--persons", persons, *places, "--by", "carla", "--out", tmp_path / "draft")
    table = tmp_path / "draft" / "reasons-for-encounter.csv"
    lines = table.read_text().splitlines(keepends=True)
    period = lines[1].split(",")[0]
    table.write_text("".join([*lines, f"{period},01002,30-39,other,*,1,,,\n"]))

    done = anonymise("audit", tmp_path / "draft", "--persons", persons, "--data-dir", tmp_path / "data")

    assert done.returncode == 1
    assert "Refused by the audits" in done.stderr


@pytest.mark.parametrize(
    "content", ["", "person,sex\n1,male\n", "person,municipality,age_band,sex,chapter\n1,,30-39,male,x\n"]
)
def test_unusable_input_is_one_line_and_exit_code_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.csv").write_text(content)

    done = anonymise("plan", "--persons", tmp_path / "bad.csv")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "bad.csv" in done.stderr


def test_a_value_that_is_not_known_is_answered_by_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "persons.csv"
    path.write_text("person,municipality,age_band,sex,chapter\na,99,20-29,female,J06.9\n")

    refused = anonymise("plan", "--persons", path)

    assert refused.returncode == 1
    assert "municipality" in refused.stderr and "01002000" in refused.stderr and "J06.9" not in refused.stderr


def test_auditing_what_is_not_there_is_one_sentence(tmp_path: Path, persons: Path) -> None:
    refused = anonymise("audit", tmp_path / "draft", "--persons", persons, "--data-dir", tmp_path / "data")

    assert refused.returncode == 1
    assert "reasons-for-encounter.csv" in refused.stderr.replace("\n", "")
    assert "Traceback" not in refused.stderr


def test_one_person_and_one_kind_of_person_are_handled(tmp_path: Path) -> None:
    for name, number in (("one", 1), ("alike", 50)):
        cohort(group(number)).write_parquet(tmp_path / f"{name}.parquet")

    one, alike = (anonymise("plan", "--persons", tmp_path / f"{name}.parquet") for name in ("one", "alike"))

    assert (one.returncode, alike.returncode) == (1, 0)
    assert "fewer persons" in one.stderr
