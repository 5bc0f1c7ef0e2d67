"""The commands, as processes that know nothing but their files."""

import subprocess
import sys
from pathlib import Path

import pytest

from anonymise import synthetic
from tests.anonymise.builders import cohort, group


def anonymise(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anonymise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def persons(tmp_path: Path) -> Path:
    path = tmp_path / "persons.csv"
    synthetic.persons(1500, seed=5).write_csv(path)
    return path


def test_from_persons_to_a_verified_release(tmp_path: Path, persons: Path) -> None:
    draft, data, releases = tmp_path / "draft", tmp_path / "data", tmp_path / "releases"
    quarter = ("--period", "2026-Q1")

    steps = [
        anonymise("explain"),
        anonymise("plan", "--persons", persons),
        anonymise("build", "--persons", persons, "--out", draft, *quarter),
        anonymise("audit", draft, "--persons", persons, "--data-dir", data, *quarter),
        anonymise(
            "publish", "--persons", persons, "--releases-dir", releases, "--data-dir", data,
            "--base-url", "http://localhost:8001", *quarter,
        ),
        anonymise("verify", releases / "reasons-for-encounter" / "2026-Q1"),
    ]  # fmt: skip

    assert [(step.returncode, step.stderr) for step in steps] == [(0, "")] * len(steps)
    assert "all as signed" in steps[-1].stdout


def test_the_audit_refuses_a_draft_that_somebody_made_more_precise(tmp_path: Path, persons: Path) -> None:
    anonymise("build", "--persons", persons, "--out", tmp_path / "draft")
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
    path.write_text("person,municipality,age_band,sex,chapter\na,01002000,20-29,female,99\n")

    refused = anonymise("plan", "--persons", path)

    assert refused.returncode == 1
    assert "chapter" in refused.stderr and "J00-J99" in refused.stderr and "female,99" not in refused.stderr


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
