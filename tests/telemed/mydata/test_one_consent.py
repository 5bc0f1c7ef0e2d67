"""One consent for each clinic: given again it is renewed, and what is withdrawn opens nothing, on both databases."""

import asyncio
from typing import Any

import httpx
import pytest

from telemed.mydata import consents
from tests.telemed.mydata.letters import inside
from tests.telemed.mydata.test_consents import OTHER, allow, neighbour, status, write_down
from tests.telemed.visits.clinic import Clinic
from tests.telemed.visits.records import found

BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
AT_ONCE = 4


@pytest.fixture
def database_kind() -> str:
    """Races are shown on both databases, all else on one."""
    return "sqlite"


async def active(clinic: Clinic) -> list[dict[str, Any]]:
    """The consents in the record that are in force."""
    return [each for each in await found(clinic, "Consent") if each["status"] == "active"]


async def withdraw(patient: httpx.AsyncClient, id: str) -> httpx.Response:
    """The answer to a withdrawal."""
    return await patient.post("/my/consents", data={"action": "withdraw", "consent": id})


async def test_a_consent_given_again_is_renewed(clinic: Clinic) -> None:
    await neighbour(clinic)
    patient = await inside(clinic)

    await allow(patient, lasts="90")
    await allow(patient, lasts="open")

    [consent] = await found(clinic, "Consent")
    assert consent["meta"]["versionId"] == "2" and "period" not in consent["provision"]


@BOTH
async def test_of_many_consents_given_at_once_one_is_in_force_and_its_withdrawal_closes_the_record(
    clinic: Clinic,
) -> None:
    other, patient = await neighbour(clinic), await inside(clinic)

    given = await asyncio.gather(*(allow(patient) for _ in range(AT_ONCE)))
    [consent] = await active(clinic)
    taken = await withdraw(patient, consent["id"])

    assert [each.status_code for each in (*given, taken)] == [303] * (AT_ONCE + 1)
    assert await status(other) == 404


@BOTH
async def test_of_many_statements_about_statistics_at_once_one_is_there(clinic: Clinic) -> None:
    patient = await inside(clinic)

    said = [patient.post("/my/consents", data={"action": "statistics-yes"}) for _ in range(AT_ONCE)]
    answers = await asyncio.gather(*said)

    assert [each.status_code for each in answers] == [303] * AT_ONCE and len(await active(clinic)) == 1


async def test_withdrawing_ends_what_was_written_down_for_the_same_clinic(clinic: Clinic) -> None:
    other, patient = await neighbour(clinic), await inside(clinic)
    await allow(patient)
    [own] = await active(clinic)
    await write_down(clinic)
    await write_down(clinic, actors=(OTHER, "clinic-c"))

    taken = await withdraw(patient, own["id"])

    [left] = await active(clinic)
    assert taken.headers["location"].endswith("done=withdrawn") and await status(other) == 404
    assert [each["reference"]["reference"] for each in left["provision"]["actor"]] == ["Organization/clinic-c"]


async def test_withdrawing_one_consent_alone_would_leave_the_record_open(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, patient = await neighbour(clinic), await inside(clinic)
    await allow(patient)
    [own] = await active(clinic)
    await write_down(clinic)
    monkeypatch.setattr(consents, "_permits", lambda *_: [])

    await withdraw(patient, own["id"])

    assert await status(other) == 200


async def test_a_consent_with_exceptions_that_opens_on_is_told(clinic: Clinic) -> None:
    other, patient = await neighbour(clinic), await inside(clinic)
    await allow(patient)
    [own] = await active(clinic)
    await write_down(
        clinic, {"type": "deny", "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Consent"}]}
    )

    taken = await withdraw(patient, own["id"])

    shown = await patient.get(taken.headers["location"], headers={"Accept-Language": "en"})
    assert await status(other) == 200
    assert "still opens a part" in shown.text
