"""Appointments as FHIR: what booking reads from them and what it writes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from telemed.schedules.resource import instant, local_id, moment
from telemed.schedules.rules import Interval

HOLD_EXPIRES = "https://telemed.example/fhir/StructureDefinition/hold-expires"
# R4 has no Appointment.replaces; this is R5's element as an extension (http://hl7.org/fhir/versions.html#extensions).
REPLACES = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.replaces"
ACTORS = ("Practitioner", "Device")

Resource = dict[str, Any]


def slot_ids(appointment: Resource) -> list[str]:
    """The ids of the slots it refers to here, in order."""
    found = (local_id(slot.get("reference"), "Slot") for slot in appointment.get("slot", ()))
    return [id for id in found if id]


def attending(appointment: Resource, type: str) -> list[str]:
    """The ids of the participants of one type who have not declined."""
    taking_part = [each for each in appointment.get("participant", ()) if each.get("status") != "declined"]
    found = (local_id(each.get("actor", {}).get("reference"), type) for each in taking_part)
    return [id for id in found if id]


def hold_until(appointment: Resource) -> datetime | None:
    """When its hold expires; None if it is not a hold."""
    if appointment.get("status") != "pending":
        return None
    times = (e.get("valueInstant") for e in appointment.get("extension", ()) if e.get("url") == HOLD_EXPIRES)
    return next((moment(time) for time in times if time), None)


def hold_extension(until: datetime) -> Resource:
    """The extension that makes a pending appointment a hold."""
    return {"url": HOLD_EXPIRES, "valueInstant": instant(until)}


def without_hold(extensions: Iterable[Resource]) -> list[Resource]:
    """The extensions of an appointment that is no hold any more."""
    return [extension for extension in extensions if extension.get("url") != HOLD_EXPIRES]


def proposal(
    *, time: Interval, slot_id: str, patient: str | None, resources: Iterable[str], offer: Resource
) -> Resource:
    """A proposed Appointment: a slot, who would take part, and what the schedule offers."""
    return {
        "resourceType": "Appointment",
        "status": "proposed",
        **offer,
        "start": instant(time.start),
        "end": instant(time.end),
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "participant": [
            *([_participant(f"Patient/{patient}")] if patient else []),
            *(_participant(resource) for resource in resources),
        ],
    }


def accepted(appointment: Resource) -> list[Resource]:
    """The participants of a booking: who was still asked has accepted."""
    return [
        each | {"status": "accepted"} if each.get("status") == "needs-action" else each
        for each in appointment.get("participant", ())
    ]


def _participant(reference: str) -> Resource:
    return {"actor": {"reference": reference}, "required": "required", "status": "needs-action"}
