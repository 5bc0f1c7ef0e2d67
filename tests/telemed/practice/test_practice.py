"""Robots of the practice room over HTTP: so many at once, few for one address, for pages of ours alone."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from telemed.calling import PRACTICE, is_nobodys
from telemed.practice.robots import Robots, RobotsBusy
from tests.telemed.visits.clinic import Clinic
from tests.video.office import KEY
from video.desk import Desk
from video.ice import Ice
from video.rooms import Rooms
from video.tickets import Tickets

SAYS = {"hello": "Hello", "echo": "You wrote: %t"}


@pytest.fixture
async def robots() -> AsyncIterator[Robots]:
    """Three robots and nobody who watches them."""
    made = Robots(Desk(Rooms(), Tickets(KEY), Ice(), frozenset()), most=3, addresses=())
    yield made
    await made.close()


@pytest.fixture
def browser(clinic: Clinic) -> httpx.AsyncClient:
    """A browser that nobody knows."""
    made = clinic.service.browser()
    made.headers["Sec-Fetch-Site"] = "same-origin"
    return made


async def test_everybody_gets_a_robot_in_a_room_of_their_own(browser: httpx.AsyncClient, clinic: Clinic) -> None:
    first, second = [(await browser.post("/practice/join")).json() for _ in range(2)]

    assert first["room"] != second["room"]
    ticket = clinic.services.tickets.check(first["ticket"])
    assert (ticket.room, ticket.role, ticket.bound) == (first["room"], "patient", PRACTICE)
    assert is_nobodys(ticket.room, ticket.bound)


async def test_robot_is_invited_from_a_page_of_ours_alone(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/practice/join", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


async def test_one_address_has_half_of_the_robots_and_then_a_clear_refusal(
    browser: httpx.AsyncClient, clinic: Clinic
) -> None:
    most = (clinic.services.settings.practice_robots + 1) // 2
    answers = [await browser.post("/practice/join") for _ in range(most + 1)]

    assert [answer.status_code for answer in answers] == [*[200] * most, 409]
    assert "robots are" in answers[-1].text


async def test_no_more_robots_than_there_are(robots: Robots) -> None:
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        robots.invite(address=address, **SAYS)

    with pytest.raises(RobotsBusy):
        robots.invite(address="192.0.2.4", **SAYS)


async def test_robot_to_whom_nobody_comes_goes_home_and_is_free_again(
    robots: Robots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("video.headless.robot.WAITS", 0.01)
    place = robots.invite(address="192.0.2.1", **SAYS)
    robots.invite(address="192.0.2.1", **SAYS)
    with pytest.raises(RobotsBusy):
        robots.invite(address="192.0.2.1", **SAYS)

    async with asyncio.timeout(30):
        while robots._tasks:  # noqa: ASYNC110  a robot tells nobody that it goes
            await asyncio.sleep(0.01)

    assert robots._desk.rooms.view(place.room).stage == "ended"
    robots.invite(address="192.0.2.1", **SAYS)
