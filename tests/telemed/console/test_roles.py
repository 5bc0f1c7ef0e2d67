"""Who reads no appointments learns nothing of the clinic's visits, by no address of the console."""

import pytest
from fastapi.routing import iter_route_contexts

from tests.telemed.visits.clinic import VIDEO, Clinic

VISITS = ("/console/waiting", "/console/visits/")


@pytest.mark.parametrize("role", ["privacy-officer", "release-board"])
async def test_who_reads_no_appointments_sees_no_visit(clinic: Clinic, role: str) -> None:
    colleague = await clinic.clinician(role=role, practitioner="other-1")
    routes = [(each.path or "", each.methods or ()) for each in iter_route_contexts(clinic.service.app.routes)]
    asked = [path.format(appointment=VIDEO) for path, methods in routes if path.startswith(VISITS) and "GET" in methods]

    answers = {path: (await colleague.get(path)).status_code for path in asked}

    assert "/console/waiting" in answers and len(answers) >= 5
    assert set(answers.values()) == {403}, answers
