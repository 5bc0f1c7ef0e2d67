"""One command sets everything up: the lock is complete and names no address, `make help` lists every target."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from infra.deploy import bootstrap, javascript, real_parts
from tests.architecture.tree import ROOT
from tests.fixtures.processes import scrubbed

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-anonymise.txt", "infra/deploy/uv.txt")
LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==\S+", re.MULTILINE)


def _names(declared: list[str]) -> set[str]:
    return {re.split(r"[\[<>=! ]", one)[0].lower().replace(".", "-").replace("_", "-") for one in declared}


def _locked(lock: str) -> set[str]:
    return set(LOCKED.findall((ROOT / lock).read_text()))


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_address_and_hashes_everything(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())

    assert not re.search(r"://|^-", text, re.MULTILINE)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_javascript_lock_names_no_address_and_hashes_everything() -> None:
    locked = json.loads(javascript.LOCK.read_text())
    files = javascript.npm_files(locked)

    assert "://" not in javascript.LOCK.read_text()
    assert {name for name, package in locked.items() if not package["integrity"].startswith("sha512-")} == set()
    outer = {name: package["version"] for name, package in locked.items() if javascript.INSIDE not in name}
    assert files["package.json"]["dependencies"] == outer


def test_lock_has_every_declared_dependency() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = whole["project"], whole["project"]["optional-dependencies"]

    assert _names(project["dependencies"] + extras["setup"]) - _locked("requirements.txt") == set()
    assert _names(extras["dev"]) - _locked("requirements-dev.txt") == set()
    assert _names(whole["dependency-groups"]["anonymise"]) - _locked("requirements-anonymise.txt") == set()


def test_what_runs_is_what_was_tested() -> None:
    tested = (ROOT / "requirements-dev.txt").read_text().splitlines()

    assert set((ROOT / "requirements.txt").read_text().splitlines()) - set(tested) == set()


def test_help_lists_every_target() -> None:
    targets = (ROOT / "Makefile").read_text().partition(".PHONY: ")[2].partition("\n")[0].split()

    shown = subprocess.run(["make", "help"], cwd=ROOT, env=scrubbed(), capture_output=True, text=True, check=True)

    assert {line.split()[1] for line in shown.stdout.splitlines()} == set(targets)


def test_set_up_does_nothing_while_the_lock_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text(bootstrap._fingerprint(bootstrap.DEV))
    monkeypatch.setattr(bootstrap, "STAMP", stamp)
    monkeypatch.setattr(bootstrap, "PYTHON", stamp)
    monkeypatch.setattr(bootstrap, "_make_environment", lambda: pytest.fail("set up again"))

    assert bootstrap._bring_up_to_date(bootstrap.DEV) == 0


def test_missing_browser_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(real_parts, "PARTS", {"firefox-esr": ("no-such-browser",)})
    monkeypatch.setattr(real_parts, "APT", ("no-such-installer",))

    assert real_parts.main() == 1

    assert capsys.readouterr().err == "make test needs these programs, please install them: firefox-esr\n"
