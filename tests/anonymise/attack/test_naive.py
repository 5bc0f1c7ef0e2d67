"""A naive release of the demo's tables is broken by one command; the same tables built by the rule are not."""

import json
from pathlib import Path

from typer.testing import CliRunner

from anonymise import synthetic
from anonymise.attack.command import FOUND
from anonymise.cli import app
from anonymise.definition import SHIPPED
from anonymise.naive import main as naive


def test_a_naive_release_is_broken_and_each_proof_adds_up(tmp_path: Path) -> None:
    persons = tmp_path / "persons.csv"
    synthetic.persons(1500, seed=1).write_csv(persons)
    naive(persons, tmp_path / "naive", SHIPPED / "kiel" / "use-of-telemedicine.toml")

    done = CliRunner().invoke(app, ["attack", str(tmp_path / "naive"), "--json", "--derive", "1"])

    found = json.loads(done.stdout)["findings"]
    assert done.exit_code == FOUND
    sets = [f for f in found if f["kind"] == "set"]
    assert len(sets) > 10 and all(0 < f["upper"] < 10 for f in sets)
    for finding in sets[:1]:
        total, _, left = finding["conclusion"].rpartition(": ")[2].rstrip(".").rpartition(" = ")
        assert sum(int(part) for part in total.replace("- ", "-").replace("+ ", "").split()) == int(left)
