"""Erasure at the patient's word: with the PIN once more, at once where nothing has to be kept, never against the law."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from infra.clock import FixedClock
from telemed.keys import hold
from telemed.keys.erasing import Order, erase
from telemed.mydata import erasure
from telemed.notices.content import Content
from telemed.notices.delivery import FAREWELL_KEPT, forget_farewells
from telemed.notices.models import Notice, SinkMessage
from telemed.notices.service import opened
from telemed.notices.wording import words
from telemed.rights.farewell import tell_erased
from telemed.visits import resource
from tests.telemed.keys.patients import left
from tests.telemed.mydata.letters import enter, inside, letter
from tests.telemed.mydata.test_record import observation
from tests.telemed.visits.clinic import PLATFORM, TENANT, Clinic

NEW = "patient-9"


@pytest.fixture
def database_kind() -> str:
    """`tests/telemed/keys` erases on both databases."""
    return "sqlite"


async def registered(clinic: Clinic, *, treated: bool = False, mail: str = "") -> None:
    """Nothing; a patient without an appointment is there, with a finding if they were treated."""
    store = clinic.services.store
    person = {"resourceType": "Patient", "name": [{"family": "Probe", "given": ["Ada"]}], "birthDate": "1970-01-01"}
    person |= {"telecom": [{"system": "email", "value": mail}]} if mail else {}

    def unit(session: object) -> None:
        store.create(session, PLATFORM, resource.parsed(person), id=NEW)  # type: ignore[arg-type]  # one session
        if treated:
            store.create(session, PLATFORM, resource.parsed(observation(NEW)))  # type: ignore[arg-type]  # the same

    await clinic.services.database.write(unit)


async def test_who_was_never_treated_is_erased_at_once_with_the_pin_once_more(clinic: Clinic) -> None:
    await registered(clinic)
    issued = await letter(clinic, patient=NEW, pin_by_post=True)
    http, _ = await enter(clinic, issued)
    asked = await http.get("/my/erasure")

    done = await http.post("/my/erasure", data={"pin": issued.pin})

    assert "Sie können sie jetzt löschen" in asked.text
    assert done.status_code == 200 and "Ihre Akte ist gelöscht" in done.text and "telemed_my" not in http.cookies
    assert await left(clinic.services.database, clinic.services.vault, NEW) == {}
    assert (await http.get("/my/record")).status_code == 401
    assert (await enter(clinic, issued))[1].status_code == 401


async def test_a_browser_that_had_the_record_open_is_told_that_it_is_erased(clinic: Clinic) -> None:
    await registered(clinic)
    issued = await letter(clinic, patient=NEW)
    http, _ = await enter(clinic, issued)

    await erase(clinic.services.eraser, Order(NEW, PLATFORM, "test"))

    shown = await http.get("/my/looks", headers={"Accept-Language": "en"})
    assert shown.status_code == 401 and "Your record is erased." in shown.text and "15 minutes" not in shown.text


@pytest.mark.parametrize(("mail", "channel"), [("ada@mail.example", "mail"), ("", "letter")])
async def test_the_message_of_an_erasure_says_nothing_of_what_was_there(
    clinic: Clinic, mail: str, channel: str
) -> None:
    await registered(clinic, mail=mail)
    services = clinic.services

    def unit(session: Session) -> tuple[str, Content]:
        tell_erased(session, services, tenant=TENANT, patient_id=NEW)
        [notice] = session.exec(select(Notice).where(Notice.compartment == "")).all()
        return notice.channel, opened(session, services.vault, notice)

    told, content = await services.database.write(unit)

    said = words(content, phone="0431")
    assert (told, content.mail, content.name) == (channel, mail, "Ada Probe")
    assert said.subject == "Eine Nachricht für Sie" and "gelöscht" in said.paragraphs[0]
    assert not any(word in " ".join(said.paragraphs) for word in ("Akte", "Praxis", "Ada"))


async def test_who_asked_for_erasure_is_told_that_it_is_done_and_the_address_does_not_stay(clinic: Clinic) -> None:
    await registered(clinic, mail="ada@mail.example")
    issued = await letter(clinic, patient=NEW)
    http, _ = await enter(clinic, issued)

    await http.post("/my/erasure", data={"pin": issued.pin})

    services = clinic.services
    async with asyncio.timeout(60):
        while True:
            if await farewells(clinic, SinkMessage):
                break
            await asyncio.sleep(0.05)
    assert await farewells(clinic, Notice) == []
    young, old = services.clock.now(), services.clock.now() + FAREWELL_KEPT + timedelta(minutes=1)
    await services.database.write(lambda session: forget_farewells(session, now=young))
    assert len(await farewells(clinic, SinkMessage)) == 1
    await services.database.write(lambda session: forget_farewells(session, now=old))
    assert await farewells(clinic, SinkMessage) == []


async def test_without_the_farewell_nobody_would_be_told(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    await registered(clinic, mail="ada@mail.example")
    issued = await letter(clinic, patient=NEW)
    http, _ = await enter(clinic, issued)
    monkeypatch.setattr(erasure, "tell_erased", lambda *_, **__: None)

    await http.post("/my/erasure", data={"pin": issued.pin})

    assert await farewells(clinic, Notice) == await farewells(clinic, SinkMessage) == []


async def farewells(clinic: Clinic, table: type[Any]) -> list[Any]:
    """The messages that are about nobody's record."""
    wanted = select(table).where(table.compartment == "")
    return await clinic.services.database.read(lambda session: list(session.exec(wanted).all()))


async def test_without_the_right_pin_nothing_is_erased_and_five_tries_end_the_session(clinic: Clinic) -> None:
    await registered(clinic)
    issued = await letter(clinic, patient=NEW)
    http, _ = await enter(clinic, issued)
    wrong = "000000" if issued.pin != "000000" else "000001"

    answers = [await http.post("/my/erasure", data={"pin": wrong}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [422] * 4 + [429]
    assert "Das ist nicht Ihre PIN" in answers[0].text and "autofocus" in answers[0].text
    assert (await http.get("/my/record")).status_code == 401
    assert (await clinic.read("Patient", NEW))["name"][0]["family"] == "Probe"


async def test_a_treated_patient_reads_until_when_and_why_and_nothing_is_erased(clinic: Clinic) -> None:
    await registered(clinic, treated=True)
    issued = await letter(clinic, patient=NEW)
    http, _ = await enter(clinic, issued)

    asked, tried = await http.get("/my/erasure"), await http.post("/my/erasure", data={"pin": issued.pin})

    year = datetime.now(UTC).year + hold.RETENTION_YEARS
    assert f".{year} gelöscht werden" in asked.text and "§ 630f BGB" in asked.text and 'name="pin"' not in asked.text
    assert tried.status_code == 409 and "Es wurde nichts gelöscht" in tried.text
    assert (await clinic.read("Patient", NEW))["name"][0]["family"] == "Probe"


async def test_with_an_appointment_ahead_it_has_to_be_cancelled_first(clinic: Clinic) -> None:
    http = await inside(clinic)

    assert "Sie haben einen Termin" in (await http.get("/my/erasure")).text


async def test_asking_for_erasure_and_consents_do_not_put_it_off(clinic: Clinic) -> None:
    await registered(clinic)
    http = await inside(clinic, patient=NEW)
    await http.post("/my/requests", data={"action": "ask", "kind": "erasure"})
    await http.post("/my/consents", data={"action": "statistics-yes"})
    await http.post("/my/consents", data={"action": "statistics-no"})

    assert "Sie können sie jetzt löschen" in (await http.get("/my/erasure")).text


async def test_if_the_patients_own_words_counted_they_would_hold_the_record(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir.erasure._written_by", lambda role, table, compartment: table.c.id.is_(None))
    await registered(clinic)
    http = await inside(clinic, patient=NEW)
    await http.post("/my/requests", data={"action": "ask", "kind": "erasure"})

    assert "gelöscht werden" in (await http.get("/my/erasure")).text
    assert "Sie können sie jetzt löschen" not in (await http.get("/my/erasure")).text


async def test_ten_years_later_it_is_erased(clinic: Clinic) -> None:
    await registered(clinic, treated=True)
    issued = await letter(clinic, patient=NEW)
    http, _ = await enter(clinic, issued)
    later = FixedClock(datetime.now(UTC) + timedelta(days=3660))
    object.__setattr__(clinic.services.eraser, "clock", later)

    done = await http.post("/my/erasure", data={"pin": issued.pin})

    assert "Ihre Akte ist gelöscht" in done.text
