"""What stands in the record about the patient of the tests."""

from typing import Any

from fhir.search import parsing
from tests.telemed.visits.clinic import PATIENT, PLATFORM, Clinic


async def found(clinic: Clinic, type: str) -> list[dict[str, Any]]:
    """All resources of a type about the patient."""
    asked = parsing.parse(type, [("patient", PATIENT)])
    page = await clinic.services.database.write(lambda session: clinic.services.store.search(session, PLATFORM, asked))
    return [entry.data for entry in page.entries]
