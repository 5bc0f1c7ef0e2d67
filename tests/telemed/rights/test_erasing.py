"""Erasure decided in the console: what would be destroyed is shown first, and a word is typed before anything goes."""

import pytest

from telemed.mydata.requests import Kind
from telemed.rights import erasing
from telemed.visits import resource
from tests.telemed.rights.desk import Desk, finding, forget_treatment, is_kept
from tests.telemed.visits.clinic import PATIENT, PLATFORM


@pytest.fixture
def database_kind() -> str:
    """What is asked of the database is asked of both by the erasure's own tests."""
    return "sqlite"


async def place(desk: Desk) -> str:
    """The page of a new request for erasure, of a record that nothing keeps."""
    forget_treatment(desk)
    return f"/console/requests/{await desk.ask(Kind.ERASURE)}/erasure"


async def test_the_page_names_whose_record_it_is_how_much_there_is_and_that_nothing_stands_against_it(
    desk: Desk,
) -> None:
    path = await place(desk)
    before = (await desk.officer.get(path)).text
    services = desk.clinic.services
    await services.database.write(lambda s: services.store.create(s, PLATFORM, resource.parsed(finding())))
    page = (await desk.officer.get(path)).text

    assert "Musterkai" in page and PATIENT in page and "14 Mar 1951" in page and "Nothing: no time" in page
    assert entries(page) == entries(before) + 1
    assert 'class="danger"' in page and await is_kept(desk)


@pytest.mark.parametrize("word", ["", "erase it", "Musterkai", "LÖSCHEN"])
async def test_without_the_word_nothing_is_erased(desk: Desk, word: str) -> None:
    path = await place(desk)

    answer = await desk.officer.post(path, data={"word": word})

    assert answer.status_code == 422 and "Nothing was erased" in answer.text
    assert await is_kept(desk)


async def test_one_press_on_the_list_erases_nothing(desk: Desk) -> None:
    path = await place(desk)
    listed = (await desk.officer.get("/console/requests")).text

    answer = await desk.officer.post(path.removesuffix("/erasure"), data={"answer": "erase"})

    assert f'href="{path}"' in listed and "danger" not in listed and 'value="erase"' not in listed
    assert answer.status_code == 409 and await is_kept(desk)


@pytest.mark.parametrize(
    ("language", "word"), [("en", "ERASE"), ("en", " erase "), ("de", "LÖSCHEN"), ("de", "löschen")]
)
async def test_with_the_word_of_the_page_it_is_erased(desk: Desk, language: str, word: str) -> None:
    path = await place(desk)
    desk.officer.headers["Accept-Language"] = language

    answer = await desk.officer.post(path, data={"word": word})

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/requests?done=erased")
    assert not await is_kept(desk)


async def test_without_the_rule_about_the_word_one_press_would_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await place(desk)
    monkeypatch.setattr(erasing, "is_typed", lambda *_, **__: True)

    await desk.officer.post(path, data={})

    assert not await is_kept(desk)


async def test_what_the_law_keeps_is_told_with_the_day_and_can_not_be_typed_away(desk: Desk) -> None:
    path = f"/console/requests/{await desk.ask(Kind.ERASURE)}/erasure"

    page = (await desk.officer.get(path)).text
    answer = await desk.officer.post(path, data={"word": "ERASE"})

    assert "The law keeps it until" in page and "<form class" not in page
    assert (answer.status_code, "must be kept" in answer.text) == (409, True)
    assert await is_kept(desk)


async def test_a_request_for_something_else_has_no_such_page(desk: Desk) -> None:
    path = f"/console/requests/{await desk.ask(Kind.CORRECTION)}/erasure"

    answers = [await desk.officer.get(path), await desk.officer.post(path, data={"word": "ERASE"})]

    assert [answer.status_code for answer in answers] == [409, 409] and await is_kept(desk)


def entries(page: str) -> int:
    """How many entries the page says there are."""
    return int(page.split("Entries in the record</dt><dd>")[1].split("<")[0])
