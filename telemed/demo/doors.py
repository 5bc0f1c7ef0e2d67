"""What the demo says when it is ready: doors and five things to try."""

import shlex
from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from telemed.demo.describe import Offer
from telemed.demo.options import DEFAULT_FOLDER

COMMAND = ".venv/bin/telemed try"


def show(console: Console, offer: Offer, *, file: Path) -> None:
    """Nothing; a person at the terminal knows where to go. Addresses stand alone on their lines, never cut."""
    tell = command(file.parent)
    visit, nurse = offer.appointments[0], offer.clinicians[-1]
    doctor = offer.clinicians[visit.clinician]
    console.print(Rule("The demo is running. All people are made up. Stop it with Ctrl-C."))
    _line(console, f"Patient   birth date {visit.birth_date}", visit.join_url)
    _line(console, f"My data   the same patient's own record, PIN {offer.my_data.pin}", offer.my_data.url)
    _line(console, f"Clinic    {doctor.name}", doctor.sign_in_url)
    _line(console, f"Nurse     {nurse.name}", nurse.sign_in_url)
    officer = next(each for each in offer.officers if each.organization_id == visit.organization_id)
    _line(console, f"Privacy   {officer.name}, privacy officer of the same clinic", officer.sign_in_url)
    _line(console, "Analyst   published statistics", offer.portal_url)
    _line(console, "Mail      invitations and letters that were sent", f"{offer.base_url}/dev/outbox")
    _line(console, "Programs  what this demo offers, as data", str(file))
    console.print(Rule("Five things to try"))
    _line(console, "1  The same check words on both sides of a call", "open Patient and Clinic side by side")
    _line(console, "2  A search finds a patient, grep over the database file does not", f"{tell} search")
    _line(console, "3  One changed byte in a release, and verification fails", f"{tell} tamper")
    _line(console, "4  Two bookings of one slot, one refused", f"{tell} race")
    _line(console, "5  The log shows who looked", f"{tell} log")


def command(folder: Path) -> str:
    """What tries something on the demo in a folder; it has to be told of any other folder than it looks into itself."""
    return COMMAND if folder.resolve() == DEFAULT_FOLDER.resolve() else f"DEMO_DIR={shlex.quote(str(folder))} {COMMAND}"


def _line(console: Console, what: str, where: str) -> None:
    console.print(f"[bold]{what}[/]")
    console.print(f"   {where}", soft_wrap=True, markup=False, highlight=False)
