"""What was documented in a visit, as the clinic reads it afterwards."""

from datetime import date

import pytest

from telemed.pages.times import short_day
from tests.telemed.console.test_console import ENTERED, closed
from tests.telemed.visits.clinic import VIDEO, Clinic
from tests.telemed.visits.test_visit import come


async def page_of(clinic: Clinic, *, language: str = "de") -> str:
    """The page of the visit, as a doctor reads it."""
    answer = await (await clinic.clinician()).get(f"/console/visits/{VIDEO}?lang={language}")
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("language", ["de", "en"])
async def test_a_documented_visit_shows_all_that_was_entered_and_no_call(clinic: Clinic, language: str) -> None:
    await closed(clinic, note="Lunge <frei>;\nkein Fieber.")

    due = short_day(date.fromisoformat(ENTERED["due"]), language=language)
    shown = await page_of(clinic, language=language)

    for entered in (ENTERED["reason"], "Akute Infektion der oberen Atemwege", "J06.9", ENTERED["task"], due):
        assert entered in shown
    assert "Lunge &lt;frei&gt;;\nkein Fieber." in shown
    assert 'href="/console"' in shown
    for gone in (f'action="/console/visits/{VIDEO}/document"', "<video", "<textarea", "consultation.js"):
        assert gone not in shown


async def test_reading_what_was_documented_stands_in_the_log(clinic: Clinic) -> None:
    await closed(clinic)
    await page_of(clinic)

    looks = (await (await clinic.clinician()).get(f"/console/visits/{VIDEO}/looks")).text

    assert "hat gelesen</td><td>Kontakt" in looks and "hat durchgesehen</td><td>Dokument" in looks


async def test_a_visit_that_ended_without_a_word_says_so(clinic: Clinic) -> None:
    await come(clinic)
    doctor = await clinic.clinician()
    await doctor.post(f"/visits/{VIDEO}/admit")
    await doctor.post(f"/visits/{VIDEO}/end")

    assert "In diesem Besuch wurde nichts dokumentiert." in await page_of(clinic)
