"""`.venv` is made on whatever Python a machine has: with or without ensurepip, venv and pip."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.deploy import bootstrap

# A Python that lacks what its packager keeps in packages of their own; what would install anything is only noted.
PYTHON = """#!/bin/sh
echo "$*" >> {log}
case "$*" in
  {refused}) echo "The virtual environment was not created: ensurepip is not available." >&2; exit 1 ;;
  "-m pip "*|"-m virtualenv "*|"-m venv {folder}") exit 0 ;;
esac
exec {real} "$@"
"""
NO_PIP, NO_VENV = '"-m pip "*', '"-m venv "*'
# Debian's `python3 -m venv` makes an environment without the package python3-venv only if it need hold no pip.
NO_ENSUREPIP = '"-m venv {folder}"|"-m ensurepip"*'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment of the test goes."""
    made = tmp_path / ".venv"
    made.mkdir()
    monkeypatch.setattr(bootstrap, "VENV", made)
    monkeypatch.setattr(bootstrap, "PYTHON", made / "bin/python")
    return made


def on_a_python(folder: Path, monkeypatch: pytest.MonkeyPatch, *, without: str) -> tuple[list[str], list[str]]:
    """The pip that installs into the environment which a machine with such a Python makes, and what Python was asked."""
    script, log = folder.parent / "python", folder.parent / "asked"
    refused = without.format(folder=folder)
    script.write_text(PYTHON.format(log=log, refused=refused, folder=folder, real=sys.executable))
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return bootstrap._make_environment(), log.read_text().splitlines()


def test_without_ensurepip_the_environment_is_made_and_pip_installs_into_it_from_outside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip, asked = on_a_python(folder, monkeypatch, without=NO_ENSUREPIP)

    assert pip == [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
    assert f"-m venv --without-pip {folder}" in asked
    where = [str(folder / "bin/python"), "-c", "import sys; print(sys.prefix)"]
    assert subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip() == str(folder)
    assert not list(folder.glob("lib/*/site-packages/pip"))


def test_without_venv_virtualenv_takes_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip, asked = on_a_python(folder, monkeypatch, without=NO_VENV)

    assert pip[-1] == str(folder / "bin/python")
    assert asked[-2:] == [
        f"-m pip install --quiet --target {folder}/virtualenv virtualenv",
        f"-m virtualenv --quiet --no-download {folder}",
    ]


def test_without_pip_outside_the_one_inside_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip, asked = on_a_python(folder, monkeypatch, without=f'{NO_PIP}|"-m venv --without-pip"*')

    assert pip == [str(folder / "bin/python"), "-m", "pip"]
    assert asked[-1] == f"-m venv {folder}"


def test_an_environment_that_works_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(sys.executable)

    _, asked = on_a_python(folder, monkeypatch, without=NO_VENV)

    assert asked == ["-m pip --version"]


def test_what_fails_is_said_in_one_line_and_tried_again_next_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = folder / "stamp"
    monkeypatch.setattr(bootstrap, "STAMP", stamp)
    monkeypatch.setattr(bootstrap, "_make_environment", lambda: ["false"])
    monkeypatch.setattr(bootstrap, "_works", lambda command: False)

    assert bootstrap._bring_up_to_date(bootstrap.DEV) == 1

    assert "returned non-zero exit status" in capsys.readouterr().err.splitlines()[-1]
    assert not stamp.exists()
