"""The doors of the demo, made of what the demo offers in demo.json."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from infra.settings import Settings
from telemed.pages.languages import N_, translate
from telemed.pages.times import day_in_numbers

FILE: Final = "demo.json"


@dataclass(frozen=True, slots=True)
class Door:
    """One way into the product."""

    title: str
    text: str
    detail: str
    url: str
    action: str
    label: str = ""


def doors(settings: Settings, *, language: str, used: Container[str] = ()) -> list[Door]:
    """The doors that the running demo offers; none where it is not the demo or not ready yet.

    `used` are the appointments whose code opens nothing any more: patient and clinic go to the next one.
    """
    offered = offered_in(settings)
    left = [each for each in offered.get("appointments") or [] if each["appointment_id"] not in used]
    made = [_patient(offered, left), _clinic(offered, left), _nurse(offered), _officer(offered), _analyst(offered)]
    return [_translated(door, language) for door in made if door is not None]


def _patient(offered: Mapping[str, Any], appointments: Sequence[Mapping[str, Any]]) -> Door | None:
    if not offered.get("appointments"):
        return None
    if not appointments:
        again = N_(
            "All video appointments of this demo have taken place. Stop it and start it again: it makes new ones."
        )
        return Door(N_("Patient"), again, "", "", "")
    born = day_in_numbers(date.fromisoformat(appointments[0]["birth_date"]))
    return Door(
        N_("Patient"),
        N_("Open the link from the letter, enter the date of birth, check camera and sound, wait to be called."),
        born,
        appointments[0]["join_url"],
        N_("To the video consultation"),
        label=N_("Date of birth:"),
    )


def _clinic(offered: Mapping[str, Any], appointments: Sequence[Mapping[str, Any]]) -> Door | None:
    clinicians = offered.get("clinicians") or []
    if not clinicians:
        return None
    clinician = clinicians[appointments[0]["clinician"] if appointments else 0]
    text = N_("See who waits, start the conversation, document the visit.")
    return Door(N_("Clinic"), text, clinician["name"], clinician["sign_in_url"], N_("Sign in to the console"))


def _nurse(offered: Mapping[str, Any]) -> Door | None:
    nurse = next((one for one in offered.get("clinicians") or [] if one.get("role") == "nurse"), None)
    if nurse is None:
        return None
    text = N_("Today's appointments of a care service, and who waits.")
    return Door(N_("Nurse"), text, nurse["name"], nurse["sign_in_url"], N_("Sign in to the console"))


def _officer(offered: Mapping[str, Any]) -> Door | None:
    """Of the clinic whose patient the letter to "My data" is for, so that what is asked there is answered here."""
    clinic = next((each["organization_id"] for each in offered.get("appointments") or []), None)
    officer = next((one for one in offered.get("officers") or [] if one["organization_id"] == clinic), None)
    if officer is None:
        return None
    text = N_("Requests of patients, emergency accesses, and who looked at a record.")
    return Door(N_("Data protection"), text, officer["name"], officer["sign_in_url"], N_("Sign in to the console"))


def _analyst(offered: Mapping[str, Any]) -> Door | None:
    if not offered.get("portal_url"):
        return None
    text = N_("Published statistics in which no person can be singled out, with method and audit.")
    return Door(N_("Analyst"), text, "", f"{offered['portal_url']}/catalog", N_("To the open data"))


def offered_in(settings: Settings) -> dict[str, Any]:
    """What demo.json says; nothing where it is not the demo or not ready yet."""
    folder = settings.data_dir
    for place in (folder, folder.parent) if settings.is_demo else ():
        try:
            found: dict[str, Any] = json.loads((place / FILE).read_text())
        except (OSError, ValueError):
            continue
        return found
    return {}


def _translated(door: Door, language: str) -> Door:
    said = (door.title, door.text, door.action, door.label)
    title, text, action, label = (translate(language, words) if words else "" for words in said)
    return Door(title, text, door.detail, door.url, action, label)
