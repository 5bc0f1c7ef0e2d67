"""Who comes along: one call, a role of their own, and nothing of the patient."""

import asyncio
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed.visits import codes, companions
from telemed.visits.codes import Admitted, Pin, Refusal, Refused
from telemed.visits.companions import Invited, read_factors
from telemed.visits.models import Guest
from tests.telemed.visits.builders import BORN, NOW, WINDOW, Desk
from tests.telemed.visits.clinic import BORN as CLINIC_BORN
from tests.telemed.visits.clinic import PATIENT, TENANT, VIDEO, Clinic

TODAY = date(2026, 11, 30)


async def bring(desk: Desk, role: Guest = Guest.INTERPRETER) -> Invited:
    """Code and PIN of one more person."""
    return await desk.database.write(
        lambda session: companions.invite(
            session, desk.vault, appointment_id="a1", tenant="t1", window=WINDOW, role=role
        )
    )


async def check(desk: Desk, code: str, *factors: codes.Factor) -> Admitted | Refused:
    """What code and factors open."""
    return await desk.database.write(
        lambda session: codes.check(session, desk.vault, code=code, factors=factors, now=NOW, business_now=NOW)
    )


@given(st.integers(0, 999_999))
def test_six_digits_may_be_a_pin_and_may_be_a_date(number: int) -> None:
    typed = f"{number:06}"

    read = read_factors(f"{typed[:3]} {typed[3:]}", today=TODAY)

    assert read[0] == Pin(typed) and all(isinstance(other, date) for other in read[1:])


@pytest.mark.parametrize(("typed", "meant"), [("14.03.1951", (BORN,)), ("140351", (Pin("140351"), BORN)), ("14", ())])
def test_what_was_typed_is_read_in_every_way_it_may_be_meant(typed: str, meant: tuple[codes.Factor, ...]) -> None:
    assert read_factors(typed, today=TODAY) == meant


async def test_each_person_has_a_code_and_a_pin_and_the_patients_stays(desk: Desk) -> None:
    patient = await desk.issue()
    one, two = await bring(desk), await bring(desk)

    opened = [await check(desk, each.code, each.pin) for each in (one, two)]

    assert [found.role for found in opened if isinstance(found, Admitted)] == [Guest.INTERPRETER] * 2
    assert isinstance(await desk.check(patient), Admitted)
    assert (await check(desk, one.code, two.pin), await check(desk, one.code, BORN)) == (
        Refused(Refusal.WRONG, 4),
        Refused(Refusal.WRONG, 3),
    )


async def test_two_readings_of_six_digits_cost_one_try(desk: Desk) -> None:
    one = await bring(desk)
    wrong = Pin("000000" if one.pin != "000000" else "000001")

    assert await check(desk, one.code, wrong, BORN) == Refused(Refusal.WRONG, tries_left=4)


async def test_one_person_is_turned_away_and_the_others_stay(desk: Desk) -> None:
    one, two, patient = await bring(desk), await bring(desk), await desk.issue()

    await desk.database.write(
        lambda session: codes.revoke_person(session, "a1", role=Guest.INTERPRETER, person=one.person)
    )

    assert await check(desk, one.code, one.pin) == Refused(Refusal.REPLACED)
    assert isinstance(await check(desk, two.code, two.pin), Admitted)
    assert isinstance(await desk.check(patient), Admitted)


@pytest.mark.parametrize(("end", "told"), [(codes.cancel, Refusal.CANCELLED), (codes.revoke, Refusal.REPLACED)])
async def test_cancelling_and_moving_end_everybodys_code(desk: Desk, end: object, told: Refusal) -> None:
    one, patient = await bring(desk), await desk.issue()
    assert callable(end)

    await desk.database.write(lambda session: end(session, "a1"))

    assert await check(desk, one.code, one.pin) == Refused(told) == await desk.check(patient)


async def test_fifty_wrong_tries_at_once_count_fifty(desk: Desk) -> None:
    one = await bring(desk)
    wrong = Pin("000000" if one.pin != "000000" else "000001")

    answers = await asyncio.gather(*(check(desk, one.code, wrong) for _ in range(50)))

    assert sum(answer != Refused(Refusal.LOCKED) for answer in answers) == codes.ALLOWED_FAILURES - 1
    assert await check(desk, one.code, one.pin) == Refused(Refusal.LOCKED)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_who_comes_along_has_a_seat_and_sees_nothing_of_the_patient(clinic: Clinic) -> None:
    start = clinic.services.clock.now()
    window = codes.Window.around(start, start + timedelta(minutes=20))
    made = await clinic.services.database.write(
        lambda session: companions.invite(
            session, clinic.services.vault, appointment_id=VIDEO, tenant=TENANT, window=window, role=Guest.RELATIVE
        )
    )
    browser = clinic.service.browser()
    browser.headers["Sec-Fetch-Site"] = "same-origin"
    assert (await browser.post("/j", data={"code": made.code, "birth_date": made.pin})).status_code == 303

    page, seat = await browser.get("/visit"), await browser.post(f"/visits/{VIDEO}/join")

    assert "Angehörige oder Angehöriger" in page.text and "Dr. Wiebke Testfeld" in page.text
    for personal in ("Musterkai", str(CLINIC_BORN.year), PATIENT):
        assert personal not in page.text
    assert (seat.status_code, seat.json()["role"]) == (200, "relative")
    assert (await clinic.read("Appointment", VIDEO))["status"] == "booked"
    assert (await browser.get("/visit/here")).headers["location"] == "/visit"
    assert (await (await clinic.patient()).post(f"/visits/{VIDEO}/join")).status_code == 200
    assert (await browser.get("/my/record")).status_code == 401
