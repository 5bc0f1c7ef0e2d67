"""What the demo says when it is ready: four doors and five things to try."""

from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from telemed.demo.describe import Offer

COMMAND = ".venv/bin/telemed try"


def show(console: Console, offer: Offer, *, file: Path) -> None:
    """Nothing; a person at the terminal knows where to go. Addresses stand alone on their lines, never cut."""
    visit, nurse = offer.appointments[0], offer.clinicians[-1]
    doctor = offer.clinicians[visit.clinician]
    console.print(Rule("The demo is running. All people are made up. Stop it with Ctrl-C."))
    _line(console, f"Patient   birth date {visit.birth_date}", visit.join_url)
    _line(console, f"Clinic    {doctor.name}", doctor.sign_in_url)
    _line(console, f"Nurse     {nurse.name}", nurse.sign_in_url)
    _line(console, "Analyst   published statistics", offer.portal_url)
    _line(console, "Mail      invitations and letters that were sent", f"{offer.base_url}/dev/outbox")
    _line(console, "Programs  what this demo offers, as data", str(file))
    console.print(Rule("Five things to try"))
    _line(console, "1  The same check words on both sides of a call", "open Patient and Clinic side by side")
    _line(console, "2  A search finds a patient, grep over the database file does not", f"{COMMAND} search")
    _line(console, "3  One changed byte in a release, and verification fails", f"{COMMAND} tamper")
    _line(console, "4  Two bookings of one slot, one refused", f"{COMMAND} race")
    _line(console, "5  The log shows who looked", f"{COMMAND} log")


def _line(console: Console, what: str, where: str) -> None:
    console.print(f"[bold]{what}[/]")
    console.print(f"   {where}", soft_wrap=True, markup=False, highlight=False)
