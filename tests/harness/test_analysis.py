"""The search for forbidden constructs: every rule has its examples, and what is found ends the check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.deploy import analysis
from tests.architecture.tree import ROOT

RULES = sorted((ROOT / "infra" / "semgrep").glob("*.yaml"))
# A semgrep that says what it was asked, and fails where a test wants it to.
SEMGREP = """#!/bin/sh
echo "$*" >> {log}
case "$1" in
  {fails}) exit 1 ;;
  test) echo "24/24: All tests passed" ;;
esac
"""


def ids(file: Path) -> list[str]:
    """The names of the rules in a file."""
    return re.findall(r"^  - id: (\S+)$", file.read_text(), re.MULTILINE)


def named(mark: str, text: str) -> set[str]:
    """The rules that examples name after `ruleid:` or `ok:`."""
    lines = re.findall(rf"{mark}: ([a-z, -]+?)(?: -->)?$", text, re.MULTILINE)
    return {name.strip() for line in lines for name in line.split(",")}


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_every_rule_has_an_example_that_it_finds_and_one_that_it_leaves(file: Path) -> None:
    (examples,) = (ROOT / "tests" / "semgrep").glob(f"{file.stem}.*")

    assert named("ruleid", examples.read_text()) == set(ids(file))
    assert named("ok", examples.read_text()) == set(ids(file))


def test_no_two_rules_have_one_name() -> None:
    every = [name for file in RULES for name in ids(file)]

    assert len(every) == len(set(every))


def test_what_is_switched_off_in_the_code_names_a_rule_and_a_reason() -> None:
    found = subprocess.run(
        ["git", "grep", "-h", "-o", "nosemgrep.*", "--", *analysis.CODE, ":!infra/deploy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    every = {name for file in RULES for name in ids(file)}
    assert [line for line in found if not re.fullmatch(r"nosemgrep: (\S+) - .+", line)] == []
    assert {line.split()[1] for line in found} <= every


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """What a stand-in for semgrep was asked; the parameter is the command that fails."""
    script, log = tmp_path / "semgrep", tmp_path / "asked"
    script.write_text(SEMGREP.format(log=log, fails=request.param))
    script.chmod(0o755)
    monkeypatch.setattr(analysis, "SEMGREP", script)
    monkeypatch.setattr(analysis, "_install", lambda: None)
    return log


@pytest.mark.parametrize(("asked", "status"), [("nothing", 0), ("scan", 1), ("test", 1)], indirect=["asked"])
def test_a_finding_or_a_rule_that_finds_nothing_ends_the_check(asked: Path, status: int) -> None:
    assert analysis.main() == status

    assert asked.read_text().startswith("test ")


@pytest.mark.parametrize("asked", ["nothing"], indirect=True)
def test_nothing_is_asked_or_told_over_the_network(asked: Path) -> None:
    analysis.main()

    assert "--metrics=off --disable-version-check" in asked.read_text()


def test_an_environment_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(analysis, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))

    assert analysis.main() == 1
    assert "analysis: " in capsys.readouterr().err


def test_the_lock_names_hashes_and_no_address() -> None:
    text = analysis.LOCK.read_text()

    assert re.search(r"^semgrep==", text, re.MULTILINE) and "--hash=sha256:" in text
    assert "://" not in text
