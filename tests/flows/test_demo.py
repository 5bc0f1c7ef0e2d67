"""The whole product from one command: a mail, a call, an encounter, and next quarter's statistics with its person."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.async_api import expect
from sqlmodel import Session, col, select

from anonymise.ledger import Entry, Ledger, VaultSecrets
from anonymise.periods import Quarter
from anonymise.pipeline import LEDGER
from fhir.tables import Compartment
from telemed.demo.describe import JoinableAppointment, Offer
from telemed.demo.options import Options
from telemed.wiring import open_services
from tests.fixtures.browsers import Browsers
from tests.fixtures.demo import Demo, until
from tests.flows.pages import check_and_wait, open_page, open_visit, require_moving_picture, words_of

IN_THE_QUARTER, PAST_ITS_END = "2026-11-23T09:00:00+01:00", "2027-01-05T09:00:00+01:00"
QUARTER = Quarter(2026, 4)
START = "make demo"


@pytest.mark.timeout(600)  # two starts of the whole product and a call, on a machine that may be busy
async def test_an_encounter_of_the_demo_is_in_the_next_release(tmp_path: Path, browsers: Browsers) -> None:
    demo = Demo(tmp_path / "demo", now=IN_THE_QUARTER)
    with demo.started(START):
        offer = msgspec.convert(demo.offer, Offer)
        visit = offer.appointments[0]
        await consult(offer, visit, browsers)
        assert releases(offer) == {"2026-Q3"}

    later = replace(demo, now=PAST_ITS_END)
    with later.started(START):
        assert portal_serves(offer, "2026-Q4")
        assert releases(offer) == {"2026-Q3", "2026-Q4"}

    assert await person_of(visit.patient_id, demo) in await cohort(demo)


async def consult(offer: Offer, visit: JoinableAppointment, browsers: Browsers) -> None:
    """From the mail in the outbox to the stored encounter, in two browsers."""
    browser = await browsers.chromium()
    patient, doctor = await open_page(browser, offer.base_url), await open_page(browser, offer.base_url)
    link = mailed_link(offer, visit)
    assert link == visit.join_url
    await open_visit(patient.page, code=link.partition("#")[2], birth_date=visit.birth_date)
    await check_and_wait(patient.page)
    await doctor.page.goto(offer.clinicians[visit.clinician].sign_in_url)
    await doctor.page.goto("/console")
    await doctor.page.click(f"a[href='/console/visits/{visit.appointment_id}']")
    await doctor.page.click("#admit")
    await require_moving_picture(patient.page)
    await require_moving_picture(doctor.page)
    assert await words_of(patient.page) == await words_of(doctor.page)
    await doctor.page.fill("#reason", "Husten")
    await doctor.page.select_option("#diagnosis", "J06.9")
    await doctor.page.click("#document button")
    await expect(doctor.page.locator("#saved")).to_be_visible()
    assert patient.faults == doctor.faults == []


def mailed_link(offer: Offer, visit: JoinableAppointment) -> str:
    """The link in the mail that the worker has delivered."""

    def mails() -> list[dict[str, Any]]:
        address = f"{offer.base_url}/dev/outbox.json"
        asked = httpx.get(address, params={"appointment": visit.appointment_id}, trust_env=False)
        return [message for message in asked.json()["messages"] if message["channel"] == "mail"]

    until(lambda: bool(mails()))
    link: str = mails()[0]["join_url"]
    return link


def portal_serves(offer: Offer, release: str) -> bool:
    """True if the portal shows the release."""
    return httpx.get(f"{offer.portal_url}/datasets/{offer.datasets[0]}/{release}/", trust_env=False).is_success


def releases(offer: Offer) -> set[str]:
    """The ids of the published releases."""
    return {manifest.parent.name for manifest in Path(offer.releases_dir).glob("*/*/manifest.json")}


async def person_of(patient_id: str, demo: Demo) -> str:
    """The pseudonym of the person behind a patient, as the record keeps it."""

    def unit(session: Session) -> str:
        statement = select(col(Compartment.person)).where(col(Compartment.patient_id) == patient_id)
        return session.exec(statement).one()

    async with open_services(Options(folder=demo.folder).settings()) as services:
        ledger = Ledger(services.settings.data_dir / LEDGER, VaultSecrets(services.vault))
        return ledger.pseudonym(await services.database.read(unit))


async def cohort(demo: Demo) -> set[str]:
    """The persons of the quarter's release, as the ledger remembers them."""
    async with open_services(Options(folder=demo.folder).settings()) as services:
        ledger = Ledger(services.settings.data_dir / LEDGER, VaultSecrets(services.vault))
        [found] = ledger.overlapping(Entry("nothing", "else", QUARTER.start, QUARTER.next().start))
        return set(found.members["person"])
