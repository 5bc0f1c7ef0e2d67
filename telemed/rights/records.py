"""A whole record, taken out as one FHIR Bundle: asked by `$everything`, and in the log before anything leaves."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from fhir import compartments, history
from fhir.audit import Access
from fhir.bundles import Entry, bundle
from fhir.policy import Action
from fhir.rows import Stored
from fhir.search.controls import MAX_COUNT
from fhir.search.everything import Wanted, everything
from fhir.store import Store
from fhir.tables import Compartment
from infra.caller import Caller, Role
from infra.problems import NotFound
from telemed.access.one_record import OneRecord
from telemed.services import Services

# http://terminology.hl7.org/CodeSystem/v3-ActReason: for a legal claim, which a restriction leaves (Art. 18 (2) GDPR).
LEGAL: Final = "HLEGAL"


async def whole(services: Services, store: Store, caller: Caller, *, patient_id: str, why: str = "") -> list[Stored]:
    """Everything in a patient's record that this store shows the caller, and what it refers to."""
    found, person = await services.database.read(lambda session: _everything(session, store, caller, patient_id))
    said = f"$everything: {why}" if why else "$everything"
    access = Access(Action.OPERATION, "Patient", patient_id, person.version, person.compartment, query=said)
    await services.database.write(lambda session: history.log(store, session, caller, access, shown=found))
    return found


async def claimed(services: Services, caller: Caller, *, patient_id: str, why: str) -> list[Stored]:
    """The record of a patient of the caller's clinic, for a legal claim, restricted or not; `NotFound` for others.

    Only a privacy officer has it this way. The reason stands sealed in the log, and whoever asks who looked reads it.
    """
    compartment = compartments.pseudonym(services.vault, patient_id)
    acting = caller._replace(purpose=LEGAL)

    def unit(session: Session) -> str | None:
        found = session.get(Compartment, compartment)
        return None if found is None else found.tenant

    if await services.database.read(unit) != caller.tenant:
        raise NotFound
    store = Store(services.vault, OneRecord(compartment, Role.PRIVACY_OFFICER, services.clock.now), services.clock)
    return await whole(services, store, acting, patient_id=patient_id, why=why)


def as_bundle(found: Sequence[Stored], base_url: str) -> bytes:
    """The record as one FHIR Bundle, each resource byte for byte as it was written."""
    base = f"{base_url.rstrip('/')}/fhir"
    return bundle("collection", (Entry(stored.body, f"{base}/{stored.type}/{stored.id}") for stored in found))


def _everything(session: Session, store: Store, caller: Caller, patient_id: str) -> tuple[list[Stored], Stored]:
    person = store.present(session, caller, Action.READ, type="Patient", id=patient_id)
    wanted, after = Wanted(frozenset(), None, None, MAX_COUNT), None
    found: dict[str, Stored] = {}
    while True:
        page = everything(store.asker(session, caller), person, wanted, after=after)
        found |= {stored.reference: stored for stored in page.resources}
        after = page.next
        if after is None:
            return list(found.values()), person
