"""What was documented in a visit, read back from the record with the clinician's own rights."""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhir.here import named
from fhir.store import Store
from infra.caller import Caller
from infra.database import Session
from infra.problems import Gone, NotFound
from telemed.console.chart import Entry, about, coded_entry, day_of


@dataclass(frozen=True, slots=True)
class Documented:
    """The documentation of one visit; what nobody entered is empty."""

    reason: str
    diagnoses: list[Entry]
    notes: list[str]
    tasks: list[Entry]


def documented(
    session: Session, store: Store, caller: Caller, *, encounter_id: str, patient_id: str
) -> Documented | None:
    """What was documented with an Encounter; None where nothing was. Part of an atomic unit; each read is logged."""
    encounter = store.read(session, caller, "Encounter", encounter_id).data
    documents, tasks = (
        about(session, store, caller, type=type, patient=patient_id, encounter=f"Encounter/{encounter_id}")
        for type in ("DocumentReference", "Task")
    )
    reason: dict[str, Any] = next(iter(encounter.get("reasonCode", ())), {})
    found = Documented(
        str(reason.get("text") or coded_entry(reason).text),
        [coded_entry(condition["code"]) for condition in _conditions(session, store, caller, encounter=encounter)],
        [text for document in documents for text in _texts(document)],
        [
            Entry(
                str(task.get("description", "")), day=day_of(task.get("restriction", {}).get("period", {}).get("end"))
            )
            for task in tasks
        ],
    )
    return found if found != Documented("", [], [], []) else None


def _conditions(
    session: Session, store: Store, caller: Caller, *, encounter: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for diagnosis in encounter.get("diagnosis", ()):
        type, id = named(diagnosis["condition"].get("reference")) or ("", "")
        try:
            if type == "Condition":
                yield store.read(session, caller, type, id).data
        except (NotFound, Gone):
            continue


def _texts(document: dict[str, Any]) -> Iterator[str]:
    for content in document.get("content", ()):
        attachment = content["attachment"]
        if str(attachment.get("contentType", "")).startswith("text/plain") and "data" in attachment:
            try:
                yield b64decode(attachment["data"]).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue
