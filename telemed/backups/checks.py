"""Whether a restored record is whole: every patient's own resource opens, and how much there is."""

from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session

from fhir.rows import COMPARTMENT, HEADS, RESOURCE, many, opened
from infra.database import Database
from infra.problems import Problem
from infra.vault import KeysUnusable, SealBroken, Vault

STEP: Final = 500


class RecordNotWhole(Problem):
    """The restored record is not whole."""


class Whole(NamedTuple):
    """How much a record holds."""

    resources: int
    patients: int


async def whole(database: Database, vault: Vault) -> Whole:
    """How much the record holds; `RecordNotWhole` if the resource of any patient is missing or does not open."""
    found = await database.read(_counted)
    sound, after = 0, ""
    while step := await database.read(partial(_patients, after=after)):
        sound += await database.read(partial(_sound, vault=vault, compartments=step))
        after = step[-1]
    if sound != found.patients:
        raise RecordNotWhole(
            f"{found.patients - sound} of {found.patients} patients do not open. Are keys and backup of the same service?"
        )
    return found


def _counted(session: Session) -> Whole:
    resources = select(func.count()).select_from(RESOURCE)
    patients = select(func.count()).select_from(COMPARTMENT)
    return Whole(session.execute(resources).scalar_one(), session.execute(patients).scalar_one())


def _patients(session: Session, *, after: str) -> list[str]:
    ids = select(COMPARTMENT.c.id).where(COMPARTMENT.c.id > after).order_by(COMPARTMENT.c.id).limit(STEP)
    return list(session.execute(ids).scalars())


def _sound(session: Session, *, vault: Vault, compartments: list[str]) -> int:
    """How many of these patients' own resources open."""
    named = HEADS.join(COMPARTMENT, COMPARTMENT.c.patient_id == RESOURCE.c.id)
    sound = 0
    for row in many(session, named.where(COMPARTMENT.c.id.in_(compartments), RESOURCE.c.type == "Patient")):
        try:
            sound += bool(opened(vault, row).body) or row.deleted
        except (SealBroken, KeysUnusable):
            continue  # the difference is told
    return sound
