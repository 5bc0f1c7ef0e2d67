"""Every command answers programs as it answers people: with `--json`, by its exit code, and with nothing on a terminal's lines."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from anonymise import cli, progress, synthetic
from anonymise.cli import app
from anonymise.facts import import_groups
from anonymise.problems import ReleaseRefused
from tests.anonymise.attack.folders import files, written
from tests.anonymise.test_cli import approver

SLUG, RELEASE = "reasons-for-encounter", "2026-Q1"


def told(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """What a command prints with `--json`."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == code, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def commands_without(option: str) -> list[str]:
    """The commands that do not take an option."""
    group = typer.main.get_command(app)
    named = getattr(group, "commands", {})
    return [name for name, each in named.items() if option not in {o for p in each.params for o in p.opts}]


def test_every_command_answers_in_json() -> None:
    assert commands_without("--json") == []


def test_the_whole_way_can_be_gone_by_a_program(tmp_path: Path) -> None:
    persons = tmp_path / "persons.csv"
    synthetic.persons(1500, seed=5).write_csv(persons)
    data, releases = ("--data-dir", tmp_path / "data"), ("--releases-dir", tmp_path / "releases")
    shelf, named = (*data, *releases, "--base-url", "http://localhost:8001"), (SLUG, RELEASE)
    chosen = ("--persons", persons, *shelf, "--period", RELEASE)

    explained = told("explain")
    built = told("build", *chosen, "--by", "carla", "--out", tmp_path / "draft", "--report", tmp_path / "report")
    audited = told("audit", tmp_path / "draft", "--persons", persons, *data, "--period", RELEASE)
    keys = {name: approver(tmp_path, name) for name in ("ada", "ben")}
    given = [told("approve", *named, *data, "--by", name, "--key", key) for name, key in keys.items()]
    published = told("publish", *named, *shelf)
    reported = told("report", *named, *data, "--out", tmp_path / "again")
    attacked = told("attack", tmp_path / "releases")
    withdrawn = told("withdraw", *named, *data, *releases, "--reason", "A sum was wrong.")

    assert explained["protection"] == {"k": 10, "share_limit": 0.8, "min_categories": 2}
    assert {each["digest"] for each in given} == {built["digest"]}
    assert audited["passed"] and audited["smallest"] >= 10 and audited["attack"]["withstood"]
    assert attacked["withstood"] and Path(withdrawn["tombstone"]).exists() and len(published["manifest"]) == 64
    assert reported["passed"] and reported["files"] == sorted(path.name for path in (tmp_path / "report").iterdir())
    for name in reported["files"]:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "report" / name).read_bytes()


def test_what_an_audit_refuses_is_told_with_all_reasons_and_exit_code_one(tmp_path: Path) -> None:
    persons = tmp_path / "persons.csv"
    synthetic.persons(1500, seed=5).write_csv(persons)
    shelf = ("--data-dir", tmp_path / "data", "--releases-dir", tmp_path / "out", "--base-url", "http://localhost:8001")
    told("build", "--persons", persons, *shelf, "--by", "carla", "--out", tmp_path / "draft", "--period", RELEASE)
    table = tmp_path / "draft" / f"{SLUG}.csv"
    table.write_text(table.read_text() + f"{RELEASE},01002,30-39,other,*,1,,,\n")

    asked = (
        "audit",
        tmp_path / "draft",
        "--persons",
        persons,
        *shelf[:2],
        "--period",
        RELEASE,
        "--report",
        tmp_path / "r",
    )
    done = CliRunner().invoke(app, [*map(str, asked), "--json"])

    said = json.loads(done.stdout)
    assert isinstance(done.exception, ReleaseRefused)
    assert not said["passed"] and len(said["refusals"]) >= 1
    assert "rows show fewer than 10 persons" in (tmp_path / "r" / "report.en.html").read_text()


def test_an_attack_that_finds_something_ends_with_three_and_a_report(tmp_path: Path) -> None:
    content = files(("*", "*", "*", 25), ("a", "*", "*", 12), ("b", "*", "*", 11), ("c", "*", "*", "", "c"))
    folder = written(tmp_path / "naive", content)

    found = told("attack", folder, "--report", tmp_path / "report", code=3)

    assert not found["withstood"]
    assert "<figure>" in (tmp_path / "report" / "report.html").read_text()


def test_facts_are_counted_for_programs(tmp_path: Path) -> None:
    official = tmp_path / "gruppen.txt"
    official.write_text("J00;J06;10;Akut\nM00;M25;13;Gelenke\n")

    found = told("facts", "icd10gm-groups", official, "--out", tmp_path / "groups.csv")

    assert found["written"] == import_groups(official, tmp_path / "again.csv") == 2


def test_no_bar_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown() as tell:
        tell("counting", 1, 2)

    assert capsys.readouterr() == ("", "")


def test_a_bar_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    with progress.shown() as tell:
        tell("counting", 1, 2)

    shown = capsys.readouterr()
    assert "counting" in shown.err and shown.out == ""


def test_a_full_disk_is_one_line_and_exit_code_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device", "draft/blocks.csv")

    monkeypatch.setattr(cli, "app", full)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert "No space left on device" in capsys.readouterr().err
