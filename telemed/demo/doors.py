"""What the demo says when it is ready: four doors and five things to try."""

from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from telemed.demo.describe import Offer


def show(console: Console, offer: Offer, *, file: Path) -> None:
    """Nothing; a person at the terminal knows where to go."""
    visit, nurse = offer.appointments[0], offer.clinicians[-1]
    doctor = offer.clinicians[visit.clinician]
    doors = Table.grid(padding=(0, 2))
    doors.add_row("[b]Patient[/]", visit.join_url, f"birth date {visit.birth_date}")
    doors.add_row("[b]Clinic[/]", doctor.sign_in_url, doctor.name)
    doors.add_row("[b]Nurse[/]", nurse.sign_in_url, nurse.name)
    doors.add_row("[b]Analyst[/]", offer.portal_url, "published statistics")
    doors.add_row("", "")
    doors.add_row("Mail sent", f"{offer.base_url}/dev/outbox", "invitations and letters")
    doors.add_row("API", f"{offer.fhir_url}/metadata", "FHIR R4")
    doors.add_row("For programs", str(file), "")
    console.print(Panel(doors, title="The demo is running. All people are made up.", subtitle="Stop it with Ctrl-C"))
    tries = Table.grid(padding=(0, 2))
    command = "[b].venv/bin/telemed try {}[/]".format
    tries.add_row("1", "open Patient and Clinic side by side", "the same check words on both sides of the call")
    tries.add_row("2", command("search"), "the search finds a patient, grep over the database file does not")
    tries.add_row("3", command("tamper"), "one changed byte in a release, and verification fails")
    tries.add_row("4", command("race"), "two bookings of one slot, one refused")
    tries.add_row("5", command("log"), "who looked at this patient")
    console.print(Panel(tries, title="Five things to try"))
