"""Whose record a resource belongs to: the compartment of its one patient, under a pseudonym.

A resource goes into a patient's compartment only if its writer is entitled to that patient. A stranger's patient and one
that does not exist look the same: the resource stays with its tenant, outside any compartment.
https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, Final

from sqlalchemy import insert, select
from sqlmodel import Session

from fhir import persons
from fhir.erasure import refuse_erased
from fhir.here import relative
from fhir.insurance import number_of
from fhir.policy import Permit
from fhir.rows import COMPARTMENT, Stored
from fhir.search.definitions import PARAMETERS
from infra.caller import Caller
from infra.statements import Statement
from infra.vault import Vault

Path = tuple[str, ...]
# Beside what R4 defines: an implant is somebody's, a document is about somebody, and an attachment says whose it is.
OURS: Final[dict[str, tuple[tuple[Path, ...], ...]]] = {
    "Device": ((("patient",),),),
    "Binary": ((("securityContext",),),),
    "Bundle": ((("entry", "resource", "subject"), ("entry", "resource", "patient")),),
}
# A Patient is its own compartment, a Schedule is the whole region's, and who looked stays with whose log it is.
LEFT_OUT: Final = ("Patient", "Schedule", "AuditEvent")

_REFERENCE: Final = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ADD: Final = Statement(insert(COMPARTMENT), columns=COMPARTMENT.c.keys())


def _paths() -> dict[str, tuple[tuple[Path, ...], ...]]:
    """Where each type names patients, by the parameters of R4's patient compartment in their order."""
    table = json.loads((files("fhir.definitions") / "compartments.json").read_bytes())["patient"]
    places = {
        type: tuple(tuple(place.path for place in PARAMETERS[type].parameters[name].places) for name in names)
        for type, names in table.items()
    }
    return OURS | {type: paths for type, paths in places.items() if type not in LEFT_OUT}


PATHS: Final = _paths()


def pseudonym(vault: Vault, patient_id: str) -> str:
    """The name of a patient's compartment, from which the patient can't be read off."""
    return vault.pseudonym("compartment", patient_id)


def patient_ids(type: str, data: dict[str, Any]) -> frozenset[str]:
    """The ids of all patients that a resource is about: its subject first, else who else stands in it."""
    for paths in PATHS.get(type, ()):
        found = (_REFERENCE.fullmatch(relative(link)) for path in paths for link in _links(data, path))
        if ids := frozenset(match[1] for match in found if match):
            return ids
    return frozenset()


def is_about_patients(type: str) -> bool:
    """True if resources of this type can stand in a patient's compartment."""
    return type == "Patient" or type in PATHS


def named(vault: Vault, type: str, id: str, data: dict[str, Any]) -> str | None:
    """The compartment that a resource names, whoever wrote it; None if it is about nobody or about several."""
    if type == "Patient":
        return pseudonym(vault, id)
    patients = patient_ids(type, data)
    return pseudonym(vault, next(iter(patients))) if len(patients) == 1 else None


def entered(compartment: str | None, *, type: str, session: Session, caller: Caller, permit: Permit) -> str | None:
    """The compartment itself if the caller may write into it, otherwise None; `RecordErased` if it was the caller's."""
    if compartment is None or type == "Patient" or permit.entitled(session, caller, compartment):
        return compartment
    refuse_erased(session, caller, compartment)
    return None


def row(vault: Vault, patient_id: str, *, tenant: str, patient: dict[str, Any]) -> dict[str, Any]:
    """The row of a new patient's compartment; without a KVNR the person is new."""
    someone = persons.own(vault, patient_id, patient, apart=False)
    compartment = pseudonym(vault, patient_id)
    return {
        "id": compartment, "tenant": tenant, "patient_id": patient_id, "person": someone, "own": someone, "apart": False
    }  # fmt: skip


def add(session: Session, rows: Sequence[dict[str, Any]], *, numbered: bool) -> None:
    """Nothing; the compartments exist. Those of `numbered` Patients belong to the persons behind their numbers."""
    _ADD.run_each(session, list(rows))
    if numbered:
        persons.came(session, {row["own"] for row in rows})


def follow(vault: Vault, session: Session, patient: Stored, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Nothing; a Patient whose KVNR was added, corrected or removed stands for that person from now on."""
    compartment = patient.compartment
    if compartment is None or number_of(before) == number_of(after):
        return
    stands = persons.standing(session, compartment)
    if stands is not None:
        now = persons.own(vault, patient.id, after, apart=stands.apart)
        if now != stands.own:
            persons.stand_for(session, compartment, now, apart=stands.apart)


def patient_of(session: Session, compartment: str) -> str | None:
    """The id of the patient whose compartment this is."""
    statement = select(COMPARTMENT.c.patient_id).where(COMPARTMENT.c.id == compartment)
    found: str | None = session.connection().execute(statement).scalar_one_or_none()
    return found


def _links(value: Any, path: Path) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _links(item, path)
    elif isinstance(value, dict):
        if path:
            yield from _links(value.get(path[0]), path[1:])
        elif isinstance(link := value.get("reference"), str):
            yield link
