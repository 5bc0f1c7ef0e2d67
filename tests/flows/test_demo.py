"""The whole product from one command: a mail, a call, an encounter, and next quarter's statistics with its person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import polars as pl
import pytest
from playwright.async_api import expect
from sqlmodel import col, select

from anonymise.definition import shipped
from anonymise.gathering import Gathering
from anonymise.hierarchies import chapter_of
from anonymise.ledger import Entry, Ledger, VaultSecrets
from anonymise.periods import Quarter
from anonymise.pipeline import LEDGER
from anonymise.preparing import no_progress
from fhir.tables import Compartment
from telemed.demo.describe import JoinableAppointment, Offer
from telemed.demo.options import Options
from telemed.services import Services
from telemed.wiring import open_services
from tests.fixtures.browsers import Browsers
from tests.fixtures.demo import Demo, until
from tests.flows.pages import check_and_wait, open_page, open_visit, require_moving_picture, words_of

IN_THE_QUARTER, PAST_ITS_END = "2026-11-23T09:00:00+01:00", "2027-01-05T09:00:00+01:00"
QUARTER = Quarter(2026, 4)
START = "make demo"
REASONS = ("J06.9", "M54.5")  # two chapters


@pytest.mark.timeout(600)  # two starts of the whole product and a call, on a machine that may be busy
async def test_an_encounter_of_the_demo_is_in_the_next_release(tmp_path: Path, browsers: Browsers) -> None:
    demo = Demo(tmp_path / "demo", now=IN_THE_QUARTER)
    with demo.started(START):
        offer = msgspec.convert(demo.offer, Offer)
        visit = offer.appointments[0]
        before = await reason_in_the_record(visit.patient_id, demo)
        # Of a chapter that the person does not count in yet, so that nothing else can explain what is published.
        diagnosis = next(code for code in REASONS if chapter_of(code) != before)
        await consult(offer, visit, browsers, diagnosis=diagnosis)
        assert releases(offer) == {"2026-Q3"}

    later = replace(demo, now=PAST_ITS_END)
    with later.started(START):
        assert portal_serves(offer, "2026-Q4")
        assert releases(offer) == {"2026-Q3", "2026-Q4"}

    assert await counted(visit.patient_id, demo)


async def consult(offer: Offer, visit: JoinableAppointment, browsers: Browsers, *, diagnosis: str) -> None:
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
    await doctor.page.select_option("#diagnosis", diagnosis)
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


async def reason_in_the_record(patient_id: str, demo: Demo) -> str | None:
    """The chapter in which the person behind a patient would count if the quarter ended now; None if in none."""
    async with opened(demo) as (services, ledger):
        gathering = Gathering(services.database, services.vault, (shipped(),), QUARTER, ledger.pseudonym)
        found = await gathering.cohort(services.clock, no_progress)
        await gathering.done()
        return chapter(found.persons, await pseudonym(patient_id, services, ledger))


async def counted(patient_id: str, demo: Demo) -> bool:
    """Whether the quarter's release counts the person, as the ledger remembers it."""
    async with opened(demo) as (services, ledger):
        everything = ledger.overlapping(Entry("nothing", "else", QUARTER.start, QUARTER.next().start))
        [standing] = [one for _, one in everything if one.name == f"{shipped().slug} {QUARTER.name}"]
        return ledger.counts(standing, await pseudonym(patient_id, services, ledger))


@asynccontextmanager
async def opened(demo: Demo) -> AsyncIterator[tuple[Services, Ledger]]:
    """The demo's record, and what it remembers of releases."""
    now = datetime.fromisoformat(demo.now)
    async with open_services(Options(folder=demo.folder, now=now).settings()) as services:
        yield services, Ledger(services.settings.data_dir / LEDGER, VaultSecrets(services.vault))


async def pseudonym(patient_id: str, services: Services, ledger: Ledger) -> str:
    """The ledger's name for the person behind a patient."""
    statement = select(col(Compartment.person)).where(col(Compartment.patient_id) == patient_id)
    return ledger.pseudonym(await services.database.read(lambda session: session.exec(statement).one()))


def chapter(persons: pl.DataFrame, person: str) -> str | None:
    """The chapter of one person among several."""
    found = persons.filter(pl.col("person") == person)["chapter"].to_list()
    return str(found[0]) if found else None
