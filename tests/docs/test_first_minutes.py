"""The README's shell blocks do what it says: the demo starts, five things can be tried, it stops and starts again."""

import os
import signal
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from telemed.demo.client import System
from telemed.demo.describe import Offer
from tests.architecture.tree import ROOT
from tests.docs.manuals import shell_lines
from tests.fixtures.demo import Demo, is_alive, until

START, TEST = "make demo", "make test"
LINES = shell_lines((ROOT / "README.md").read_text())


def other_lines(lines: list[str]) -> list[str]:
    """What can be run beside a running demo: not the demo itself, and not the tests, which would run this again."""
    return [line for line in lines if line not in (START, TEST)]


@pytest.mark.timeout(420)  # two starts of the whole product on a machine that may be busy
def test_the_readme_leads_through_the_first_five_minutes(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")

    with demo.started(START):
        offer = demo.offer
        assert offer.keys() == {each.name for each in fields(Offer)} | {"pids"}
        said = {line: demo.run(line) for line in other_lines(LINES)}
        assert_killed_serve_comes_back(demo)
        somebody_comes(demo)
        seeded = (demo.folder / "seeded.json").stat().st_mtime_ns
        pids = demo.offer["pids"].values()
    assert not demo.file.exists()
    assert not any(is_alive(pid) for pid in pids)

    with demo.in_a_terminal(START):
        assert demo.answers()
        assert demo.offer["datasets"] == offer["datasets"]
        pids = demo.offer["pids"].values()
    assert not demo.file.exists(), "it outlives the terminal that it was started in"
    assert not any(is_alive(pid) for pid in pids)
    assert (demo.folder / "seeded.json").stat().st_mtime_ns == seeded
    assert "[201, 409]" in said[".venv/bin/telemed try race"]


def assert_killed_serve_comes_back(demo: Demo) -> None:
    """A killed service is started again, and demo.json says which process it is now."""
    before = demo.offer["pids"]["serve"]
    os.kill(before, signal.SIGKILL)
    until(lambda: demo.offer["pids"]["serve"] != before)
    assert demo.answers()
    assert is_alive(demo.offer["pids"]["serve"])


def somebody_comes(demo: Demo) -> None:
    """A visit has begun when the demo stops; the next start must find room beside it."""
    offer = msgspec.convert(demo.offer, Offer)
    client = offer.backend_clients[0]
    visit = next(each for each in offer.appointments if each.organization_id == client.organization_id)
    with System(client, fhir_url=offer.fhir_url) as http:
        appointment = http.get(f"/Appointment/{visit.appointment_id}").raise_for_status().json()
        http.put(f"/Appointment/{visit.appointment_id}", json={**appointment, "status": "arrived"}).raise_for_status()


def test_the_readme_starts_the_demo_tests_it_and_tries_four_things() -> None:
    assert LINES[:2] == [START, TEST]
    assert [line.split()[-1] for line in other_lines(LINES)] == ["search", "tamper", "race", "log"]


def test_a_line_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"telemed try search.*No demo is running"):
        Demo(tmp_path).run(".venv/bin/telemed try search")
