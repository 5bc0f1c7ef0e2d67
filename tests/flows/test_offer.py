"""demo.json of a running demo, as DESIGN 11 fixes it: every key, and that what is offered can be had."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import import_key

from infra.columns import from_microseconds
from tests.docs.manuals import manual, python_block, shell_lines
from tests.fixtures.demo import BIN, Demo, is_alive
from tests.fixtures.processes import scrubbed

Offer = dict[str, Any]
FOUR_HOURS = timedelta(hours=4)
TOKEN = python_block(manual("telemed"), "Systems: tokens")
FHIR = {"Content-Type": "application/fhir+json"}
KEYS = {
    *("base_url", "fhir_url", "portal_url", "console_url", "pids", "database_files", "log_files", "releases_dir"),
    *("appointments", "clinicians", "backend_clients", "free_slots", "datasets"),
}
MORE = {"board", "my_data", "officers"}  # beside what is promised
NESTED = {
    "appointments": {"appointment_id", "patient_id", "birth_date", "organization_id", "join_url", "clinician"},
    "clinicians": {"name", "practitioner_id", "organization_id", "sign_in_url"},
    "backend_clients": {"organization_id", "client_id", "private_key_file", "kid", "alg", "token_url", "scope"},
    "free_slots": {"schedule_id", "slot_id", "start", "end", "practitioner_id", "organization_id"},
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A small demo that runs."""
    running = Demo(tmp_path_factory.mktemp("offer") / "demo")
    with running.started("make demo"):
        yield running


@pytest.fixture(scope="module")
def offer(demo: Demo) -> Offer:
    """What it says that it offers."""
    return demo.offer


@pytest.fixture
def http(offer: Offer) -> Iterator[httpx.Client]:
    """A client of the record, as the first clinic's system."""
    client = offer["backend_clients"][0]
    headers = FHIR | {"Authorization": f"Bearer {token(client).json()['access_token']}"}
    with httpx.Client(base_url=offer["fhir_url"], headers=headers, trust_env=False) as opened:
        yield opened


def token(client: dict[str, str]) -> httpx.Response:
    """What the token endpoint answers to a backend client that knows no more than demo.json."""
    now, name = int(datetime.now(UTC).timestamp()), client["client_id"]
    claims: dict[str, Any] = {"iss": name, "sub": name, "aud": client["token_url"], "exp": now + 120}
    claims["jti"] = os.urandom(8).hex()
    pem = Path(client["private_key_file"]).read_text()
    key = import_key(pem, "EC" if client["alg"].startswith("ES") else "RSA")
    form = {
        "grant_type": "client_credentials",
        "scope": client["scope"],
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": client["alg"], "kid": client["kid"]}, claims, key, [client["alg"]]),
    }
    return httpx.post(client["token_url"], data=form, trust_env=False)


def test_every_key_is_there(offer: Offer) -> None:
    assert offer.keys() == KEYS | MORE
    for name, keys in NESTED.items():
        assert all(keys <= entry.keys() for entry in offer[name]), name


def test_addresses_processes_and_files_are_there(demo: Demo, offer: Offer) -> None:
    base = f"http://localhost:{demo.port}"

    assert (offer["base_url"], offer["fhir_url"], offer["console_url"]) == (base, f"{base}/fhir", f"{base}/console")
    assert offer["portal_url"] == f"http://localhost:{demo.portal_port}"
    for address in (base, base.replace("localhost", "127.0.0.1"), offer["portal_url"], f"{base}/fhir/metadata"):
        assert httpx.get(address, trust_env=False).is_success, address
    assert {"serve", "portal"} <= offer["pids"].keys() and all(map(is_alive, offer["pids"].values()))
    for file in (*offer["database_files"], *offer["log_files"]):
        assert Path(file).is_file(), file
    for slug in offer["datasets"]:
        assert httpx.get(f"{offer['portal_url']}/datasets/{slug}/latest", trust_env=False).is_redirect
        assert Path(offer["releases_dir"], slug).is_dir()


def test_three_appointments_can_be_joined_now_and_for_four_hours_from_their_start(offer: Offer) -> None:
    visits, now = offer["appointments"], datetime.now(UTC)

    assert len({visit["appointment_id"] for visit in visits}) >= 3
    for visit in visits:
        code = visit["join_url"].partition("#")[2]
        shown = {"code": code, "birth_date": visit["birth_date"]}
        joined = httpx.post(f"{offer['base_url']}/j", json=shown, trust_env=False)
        assert (joined.status_code, joined.json()["appointment"]) == (200, visit["appointment_id"])
        clinician = offer["clinicians"][visit["clinician"]]
        assert clinician["organization_id"] == visit["organization_id"]
        start, closes = window(offer, visit["appointment_id"])
        assert now - timedelta(minutes=15) < start <= now and closes >= start + FOUR_HOURS


def window(offer: Offer, appointment: str) -> tuple[datetime, datetime]:
    """When an appointment starts, and until when its code opens."""
    statement = (
        "SELECT booking.start, closes FROM join_code JOIN booking USING (appointment_id)"
        " WHERE appointment_id = ? AND state = 'active'"
    )
    with closing(sqlite3.connect(f"file:{offer['database_files'][0]}?mode=ro", uri=True)) as database:
        start, closes = database.execute(statement, [appointment]).fetchone()
    return from_microseconds(start), from_microseconds(closes)


def test_every_sign_in_works_as_often_as_it_is_used(offer: Offer) -> None:
    for clinician in offer["clinicians"]:
        for _ in range(2):
            with httpx.Client(trust_env=False, follow_redirects=True) as browser:
                page = browser.get(clinician["sign_in_url"])
                assert (page.status_code, str(page.url)) == (200, offer["console_url"])
                assert clinician["name"] in page.text


def test_two_systems_of_different_clinics_get_a_token(offer: Offer) -> None:
    clients = offer["backend_clients"]
    answers = [token(client) for client in clients]

    assert len({client["organization_id"] for client in clients}) >= 2
    assert {client["scope"] for client in clients} == {"system/*.cruds"}
    assert [answer.status_code for answer in answers] == [200] * len(clients)
    for client, answer in zip(clients, answers, strict=True):
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        own = f"{offer['fhir_url']}/Organization/{client['organization_id']}"
        assert httpx.get(own, headers=headers, trust_env=False).is_success


def test_twenty_free_slots_lie_ahead_at_different_times(offer: Offer, http: httpx.Client) -> None:
    slots, first = offer["free_slots"], offer["backend_clients"][0]["organization_id"]

    assert len(slots) >= 20
    assert {slot["organization_id"] for slot in slots} == {first}
    times = [tuple(datetime.fromisoformat(slot[name]) for name in ("start", "end")) for slot in slots]
    assert datetime.now(UTC) < times[0][0]
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    for slot in slots[:20]:
        stored = http.get(f"/Slot/{slot['slot_id']}").raise_for_status().json()
        assert (stored["status"], stored["start"], stored["end"]) == ("free", slot["start"], slot["end"])
        assert stored["schedule"]["reference"] == f"Schedule/{slot['schedule_id']}"


def test_one_patient_books_several_free_slots_with_plain_appointments(offer: Offer, http: httpx.Client) -> None:
    organization = offer["backend_clients"][0]["organization_id"]
    patient = next(v["patient_id"] for v in offer["appointments"] if v["organization_id"] == organization)

    # From the end, as another may have booked the first.
    answers = [http.post("/Appointment", json=plain(slot, patient)) for slot in offer["free_slots"][-3:]]
    taken = http.post("/Appointment", json=plain(offer["free_slots"][-1], patient))

    assert [answer.status_code for answer in answers] == [201] * 3, answers[-1].text
    assert answers[0].json()["status"] == "booked"
    assert http.get(f"/Slot/{offer['free_slots'][-3]['slot_id']}").json()["status"] == "busy"
    assert taken.status_code == 409


def plain(slot: dict[str, str], patient: str) -> dict[str, Any]:
    """A plain R4 Appointment in a slot."""
    actors = (f"Patient/{patient}", f"Practitioner/{slot['practitioner_id']}")
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot['slot_id']}"}],
        "start": slot["start"],
        "end": slot["end"],
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }


def in_a_checkout(demo: Demo, folder: Path, *command: str) -> str:
    """What a command prints in a folder where the demo and the programs are where the manual has them."""
    (folder / "var").mkdir()
    (folder / "var/demo").symlink_to(demo.folder)
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(BIN)
    done = subprocess.run(command, cwd=folder, env=scrubbed(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_manuals_program_gets_a_token_and_finds_patients(demo: Demo, tmp_path: Path) -> None:
    printed = in_a_checkout(demo, tmp_path, sys.executable, "-c", TOKEN)

    assert int(printed) > 0


def test_the_manuals_program_books_for_a_patient_that_it_makes_once(demo: Demo, http: httpx.Client) -> None:
    program = TOKEN + python_block(manual("telemed"), "Booking")
    environment = scrubbed(DEMO_DIR=str(demo.folder))

    for source in (program, program.partition("\nstart = ")[0]):
        command = [sys.executable, "-c", source]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ("proposed pending booked" in done.stdout) == (source == program)

    found = http.get("/Patient", params={"identifier": "https://praxis.example/patients|17"}).json()
    assert found["total"] == 1


def test_the_manuals_command_lists_who_looked_into_the_demo(demo: Demo, tmp_path: Path, http: httpx.Client) -> None:
    http.get("/Patient", params={"_count": 1}).raise_for_status()
    lines = shell_lines(manual("telemed"))
    [at] = (at for at, line in enumerate(lines) if "audit list" in line)

    heading, *accesses = in_a_checkout(demo, tmp_path, "sh", "-c", "\n".join(lines[at - 1 : at + 1])).splitlines()
    assert "UTC" in heading and len(accesses) == 5
