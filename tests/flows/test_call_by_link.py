"""`telemed call LINK`: somebody without a browser comes by a patient's link to a clinician who has one, and by /practice to the robot."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from telemed.calling import CallFailed
from telemed.joining import AllBusy, NoRoom, join, practise
from tests.fixtures.browsers import Browsers
from tests.flows.pages import open_page, require_moving_picture, words_of
from tests.flows.test_consultation import open_consultation
from tests.telemed.visits.clinic import Clinic
from video.headless.meeting import SOMEBODY

BORN = "14.03.1951"


async def test_by_a_patients_link_the_clinician_sees_who_came_and_reads_the_same_words(
    clinic: Clinic, browsers: Browsers
) -> None:
    told: list[str] = []
    link = f"{clinic.services.settings.base_url}/j#{clinic.code}"
    came = asyncio.create_task(join(link, birth_date=BORN, seconds=120, file=None, tell=told.append))
    doctor = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    await open_consultation(doctor.page, clinic)
    await doctor.page.click("#admit")

    await require_moving_picture(doctor.page)
    words = await words_of(doctor.page)
    while SOMEBODY not in told:  # noqa: ASYNC110  `join` tells, and that is all
        await asyncio.sleep(0.05)
    (room,) = clinic.services.rooms.held()
    clinic.services.rooms.end(room)
    said = await came

    assert f"Check words: {words}" in told
    assert re.fullmatch(r"\d+ pictures and \d+ sounds, encrypted .*", said)
    assert doctor.faults == []


async def test_robot_of_the_practice_room_is_seen_and_writes_back(clinic: Clinic) -> None:
    said = await practise(clinic.services.settings.base_url, seconds=1)

    assert said.endswith("of the robot, which answers, all sealed")


async def test_another_robot_than_ours_is_noticed(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("video.headless.camera.alike", lambda _one, _other: False)

    with pytest.raises(CallFailed, match="not seen as it is"):
        await practise(clinic.services.settings.base_url, seconds=1)


async def test_link_that_opens_nothing_says_why(clinic: Clinic) -> None:
    base = clinic.services.settings.base_url
    for link, born, why in (
        (f"{base}/j#{clinic.code}", "1.1.1900", "Code and date of birth do not match"),
        (f"{base}/j#{clinic.code}", "", "--birth-date"),
        (f"{base}/j", BORN, "--birth-date"),
    ):
        with pytest.raises(NoRoom, match=why):
            await join(link, birth_date=born, seconds=1, file=None, tell=print)
    with pytest.raises(CallFailed, match="The call failed"):
        await join("http://127.0.0.1:9/practice", seconds=1, file=None, tell=print)


async def test_busy_robots_are_told_from_broken_ones(clinic: Clinic) -> None:
    for _ in range(2):
        clinic.services.robots.invite(address="127.0.0.1", hello="", echo="")

    with pytest.raises(AllBusy):
        await practise(clinic.services.settings.base_url, seconds=1)


async def test_page_says_that_all_robots_are_busy_and_tries_again_on_request(
    clinic: Clinic, browsers: Browsers
) -> None:
    for _ in range(2):
        clinic.services.robots.invite(address="127.0.0.1", hello="", echo="")
    watched = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    await watched.page.goto("/practice")
    await watched.page.click("#start-check")
    await watched.page.click("#enter")

    await expect(watched.page.locator("#stopped-title")).to_contain_text("Alle Roboter sind beschäftigt")
    await clinic.services.robots.close()
    await watched.page.click("#continue-here")
    await expect(watched.page.locator("[data-part=lines] .peer")).to_contain_text("Ich bin ein Roboter")
