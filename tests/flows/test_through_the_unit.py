"""The real app's own pages on the way over the forwarding unit: what its headers forbid, no test stage would show."""

import pytest
from playwright.async_api import expect

from telemed import headers
from telemed.pages.assets import asset_url
from tests.fixtures.browsers import Browsers
from tests.flows.pages import hurry_to_waiting_room, open_page, open_visit, require_moving_picture, words_of
from tests.flows.test_consultation import open_consultation
from tests.telemed.visits.clinic import Clinic
from tests.video.stage import UNREACHABLE

WORKER = """(address) => new Promise((done) => {
    const worker = new Worker(address, { type: "module" });
    worker.onerror = () => done("error");
    worker.onmessage = () => done("answers");
    worker.postMessage({ type: "counts", ask: 1 });
})"""


@pytest.mark.parametrize("patients", ["chromium", "firefox"])
async def test_two_who_do_not_reach_each_other_meet_encrypted_in_the_unit(
    clinic: Clinic, browsers: Browsers, patients: str
) -> None:
    base = clinic.services.settings.base_url
    patient = await open_page(await browsers.named(patients), base)
    doctor = await open_page(await browsers.chromium(), base)
    for each in (patient, doctor):
        await each.page.add_init_script(UNREACHABLE)

    await open_visit(patient.page, code=clinic.code)
    await hurry_to_waiting_room(patient.page)
    await open_consultation(doctor.page, clinic)
    await doctor.page.click("#admit")

    for each in (patient, doctor):
        await require_moving_picture(each.page)
        await expect(each.page.locator("[data-part=lock]")).to_be_visible()
    assert await words_of(patient.page) == await words_of(doctor.page)
    assert [fault for fault in patient.faults + doctor.faults if "ICE failed" not in fault] == []


@pytest.mark.parametrize(("policy", "said"), [(headers.SCRIPTS, "answers"), (headers.NOTHING, "error")])
async def test_worker_loads_its_modules_under_the_policy_of_scripts_alone(
    clinic: Clinic, browsers: Browsers, monkeypatch: pytest.MonkeyPatch, policy: str, said: str
) -> None:
    monkeypatch.setattr(headers, "SCRIPTS", policy)
    watched = await open_page(await browsers.firefox(), clinic.services.settings.base_url)
    await watched.page.goto("/practice")

    assert await watched.page.evaluate(WORKER, asset_url("video/e2ee-worker.js")) == said
