"""What is written in a consultation: kept at every pause, sealed, two windows told of each other, gone once documented."""

from datetime import timedelta

import pytest
from sqlmodel import select

from infra.database import Session
from telemed.console import drafts
from telemed.visits.models import NoteDraft
from tests.telemed.visits.clinic import VIDEO, Clinic

URL = f"/console/visits/{VIDEO}/draft"
NOTE = "Lunge frei, kein Fieber."


def rows(session: Session) -> list[NoteDraft]:
    """All drafts."""
    return list(session.exec(select(NoteDraft)).all())


async def test_a_draft_survives_a_reload_and_is_sealed(clinic: Clinic) -> None:
    doctor = await clinic.clinician()
    empty = (await doctor.get(URL)).json()

    kept = await doctor.put(URL, json={"version": 0, "fields": {"note": NOTE, "secret": "x"}})

    assert (empty["version"], kept.json()) == (0, {"version": 1})
    draft = (await doctor.get(URL)).json()
    assert (draft["fields"]["note"], draft["author"], "secret" in draft["fields"]) == (
        NOTE,
        "Dr. Wiebke Testfeld",
        False,
    )
    (row,) = await clinic.services.database.read(rows)
    assert b"Lunge" not in row.body and row.compartment


async def test_two_windows_are_told_of_each_other_and_nothing_is_overwritten(clinic: Clinic) -> None:
    doctor = await clinic.clinician()
    await doctor.put(URL, json={"version": 0, "fields": {"note": "first"}})

    late = await doctor.put(URL, json={"version": 0, "fields": {"note": "second"}})
    on_top = await doctor.put(URL, json={"version": 1, "fields": {"note": "second"}})

    assert (late.status_code, late.json()["fields"]["note"]) == (412, "first")
    assert on_top.json() == {"version": 2}


async def test_the_draft_goes_once_the_visit_is_documented(clinic: Clinic) -> None:
    doctor = await clinic.clinician()
    await doctor.put(URL, json={"version": 0, "fields": {"note": NOTE}})

    answer = await doctor.post(f"/console/visits/{VIDEO}/document", data={"reason": "Husten", "diagnosis": "J06.9"})

    assert answer.status_code == 200
    assert await clinic.services.database.read(rows) == []


async def test_who_may_not_write_notes_reads_none(clinic: Clinic) -> None:
    await (await clinic.clinician()).put(URL, json={"version": 0, "fields": {"note": NOTE}})
    desk = await clinic.clinician(role="receptionist", practitioner="nurse-1")

    answers = [await desk.get(URL), await desk.put(URL, json={"version": 1, "fields": {}})]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert (await clinic.service.http.get(URL)).status_code == 401


async def test_what_is_too_long_is_cut_and_what_is_no_draft_refused(clinic: Clinic) -> None:
    doctor = await clinic.clinician()

    await doctor.put(URL, json={"version": 0, "fields": {"note": "x" * 30_000, "reason": "y" * 400}})
    refused = await doctor.put(URL, json={"version": -1, "fields": []})

    fields = (await doctor.get(URL)).json()["fields"]
    assert (len(fields["note"]), len(fields["reason"])) == (20_000, 300)
    assert refused.status_code in (400, 422)


@pytest.mark.parametrize(("days", "left"), [(6, 1), (8, 0)])
async def test_a_draft_that_nobody_touches_goes_after_a_week(clinic: Clinic, days: int, left: int) -> None:
    await (await clinic.clinician()).put(URL, json={"version": 0, "fields": {"note": NOTE}})
    then = clinic.services.system_clock.now() + timedelta(days=days)

    await clinic.services.database.write(lambda session: drafts.forget_drafts(session, now=then))

    assert len(await clinic.services.database.read(rows)) == left


async def test_somebody_is_invited_in_the_middle_of_a_call(clinic: Clinic) -> None:
    doctor = await clinic.clinician()

    made = await doctor.post(f"/console/visits/{VIDEO}/invite", data={"role": "interpreter"})
    wrong = await doctor.post(f"/console/visits/{VIDEO}/invite", data={"role": "physician"})

    assert made.json()["link"].partition("/j#")[2].count("-") == 2 and len(made.json()["pin"]) == 6
    assert wrong.status_code == 400
    for _ in range(4):
        await doctor.post(f"/console/visits/{VIDEO}/invite", data={"role": "relative"})
    full = await doctor.post(f"/console/visits/{VIDEO}/invite", data={"role": "relative"})
    assert (full.status_code, "Fünf Personen" in full.json()["detail"]) == (409, True)
