"""Things to try on a running demo, each one command that says what it did and what came of it."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from infra.problems import Problem
from telemed.demo.client import System
from telemed.demo.describe import Offer
from telemed.demo.options import Options

FHIR = "application/fhir+json"


class NoDemoRuns(Problem):
    """No demo is running in this folder. Start one with `make demo`, or set DEMO_DIR to its folder."""


class Try(StrEnum):
    """What can be tried."""

    SEARCH = "search"
    TAMPER = "tamper"
    RACE = "race"
    LOG = "log"


def attempt(what: Try) -> bool:
    """True if the demo did what it promises; the steps are printed."""
    file = Options().files.offer
    if not file.exists():
        raise NoDemoRuns
    offer = msgspec.json.decode(file.read_bytes(), type=Offer)
    console = Console()
    return {Try.SEARCH: search, Try.TAMPER: tamper, Try.RACE: race, Try.LOG: show_log}[what](offer, console)


def search(offer: Offer, console: Console) -> bool:
    """True if a search finds a patient whose family name stands nowhere in the database files."""
    with System(offer.backend_clients[0], fhir_url=offer.fhir_url) as http:
        family = _some_patient(http, offer)["name"][0]["family"]
        found = http.get("/Patient", params={"family": family, "_summary": "count"}).json()["total"]
    shown = sum(Path(name).read_bytes().count(family.encode()) for name in offer.database_files if Path(name).exists())
    console.print(f"GET /fhir/Patient?family={family}  finds [b]{found}[/]")
    console.print(f"grep -c {family} {offer.database_files[0]}  finds [b]{shown}[/]", soft_wrap=True)
    return found > 0 and shown == 0


def tamper(offer: Offer, console: Console) -> bool:
    """True if a copy of a release verifies, and no longer does when one byte of its CSV is another."""
    release = max(Path(offer.releases_dir, offer.datasets[0]).glob("*/manifest.json")).parent
    with tempfile.TemporaryDirectory() as folder:
        # With its parents, as a release is verified within the chain of its data set.
        copy = Path(folder) / "releases"
        copytree(offer.releases_dir, copy)
        changed = copy / release.relative_to(offer.releases_dir)
        console.print(f"python -m anonymise verify {release}", soft_wrap=True, highlight=False)
        good = _verify(changed, console)
        file = changed / f"{offer.datasets[0]}.csv"
        file.chmod(0o600)
        content = bytearray(file.read_bytes())
        at = content.rindex(b"1")
        content[at : at + 1] = b"7"
        file.parent.chmod(0o700)
        file.write_bytes(content)
        console.print(f"one byte of {file.name} in a copy is now another; verify again")
        bad = _verify(changed, console)
    return good and not bad


def race(offer: Offer, console: Console) -> bool:
    """True if of two bookings of one slot at the same moment one is made and one refused."""
    with System(offer.backend_clients[0], fhir_url=offer.fhir_url) as http:
        slot = next(s for s in offer.free_slots if http.get(f"/Slot/{s.slot_id}").json()["status"] == "free")
        patients = [entry["resource"]["id"] for entry in http.get("/Patient", params={"_count": 2}).json()["entry"]]
        bodies = [
            _appointment(slot.slot_id, slot.start, slot.end, slot.practitioner_id, patient) for patient in patients
        ]

        def book(body: bytes) -> int:
            return http.post("/Appointment/$book", content=body, headers={"content-type": FHIR}).status_code

        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(pool.map(book, bodies))
    console.print(f"two bookings of slot {slot.slot_id} at the same moment: [b]{statuses}[/]")
    return statuses == [201, 409]


def show_log(offer: Offer, console: Console) -> bool:
    """True if the log shows the reading of a patient that happens here first."""
    client = offer.backend_clients[0]
    with System(client, fhir_url=offer.fhir_url) as http:
        patient = _some_patient(http, offer)["id"]
        http.get(f"/Patient/{patient}").raise_for_status()
        found = http.get("/AuditEvent", params={"patient": f"Patient/{patient}", "_count": 10}).json()
    events = [entry["resource"] for entry in found.get("entry", ())]
    console.print(f"Who looked at Patient/{patient}, the latest first")
    table = Table("when (UTC)", "who", "role", "did", box=None)
    for event in events:
        table.add_row(event["recorded"][:19], *_agent(event), event["subtype"][0]["code"])
    console.print(table)
    return any(_agent(event)[0] == client.client_id for event in events)


def _agent(event: dict[str, Any]) -> tuple[str, str]:
    """Who did what an AuditEvent tells, and in which role."""
    agent = event["agent"][0]
    return agent["who"]["identifier"]["value"], agent["role"][0]["coding"][0]["code"]


def _some_patient(http: httpx.Client, offer: Offer) -> dict[str, Any]:
    visit = next(v for v in offer.appointments if v.organization_id == offer.backend_clients[0].organization_id)
    found: dict[str, Any] = http.get(f"/Patient/{visit.patient_id}").raise_for_status().json()
    return found


def _verify(release: Path, console: Console) -> bool:
    command = [sys.executable, "-m", "anonymise", "verify", str(release)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    console.print((done.stdout + done.stderr).strip(), style="green" if done.returncode == 0 else "red")
    return done.returncode == 0


def _appointment(slot: str, start: str, end: str, practitioner: str, patient: str) -> bytes:
    actors = (f"Patient/{patient}", f"Practitioner/{practitioner}")
    body = {
        "resourceType": "Appointment",
        "status": "proposed",
        "slot": [{"reference": f"Slot/{slot}"}],
        "start": start,
        "end": end,
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }
    return msgspec.json.encode(body)
