"""What the public asks of the statistics: taken from anybody, read by the board first, shown with its answer."""

import pytest
from sqlmodel import select

from telemed.releases import requests
from telemed.releases.models import DataRequest
from tests.telemed.releases.conftest import Board

TEXT = "How long do people in the region wait for a dermatologist?"


async def asked(board: Board, text: str = TEXT) -> tuple[int, str]:
    """Status and page of a request sent by a stranger."""
    browser = board.clinic.service.browser()
    browser.headers.update({"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"})
    answer = await browser.post("/data-requests", data={"text": text})
    return answer.status_code, answer.text


async def seen(board: Board) -> str:
    browser = board.clinic.service.browser()
    return (await browser.get("/data-requests", headers={"Accept-Language": "en"})).text


async def rows(board: Board) -> list[DataRequest]:
    return await board.clinic.services.database.read(lambda session: list(session.exec(select(DataRequest))))


async def test_a_request_is_shown_once_the_board_has_answered(board: Board) -> None:
    status, _ = await asked(board)
    before = await seen(board)
    [row] = await rows(board)
    ada = await board.member("ada")
    listed = await ada.get("/console/data-requests")

    await ada.post(f"/console/data-requests/{row.id}", data={"status": "planned", "answer": "In spring.", "shown": "1"})

    after = await seen(board)
    assert status == 303 and TEXT in listed.text
    assert TEXT not in before
    assert TEXT in after and "Planned" in after and "In spring." in after


async def test_what_is_written_is_sealed_and_escaped(board: Board) -> None:
    await asked(board, "<script>alert(1)</script> Erika Mustermann")
    [row] = await rows(board)
    ada = await board.member("ada")

    page = (await ada.get("/console/data-requests")).text

    assert b"Mustermann" not in row.body
    assert "<script>alert" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1001])
async def test_nothing_or_too_much_is_answered_by_what_to_do(board: Board, text: str) -> None:
    status, page = await asked(board, text)

    assert status == 422 and "at most 1,000 characters" in page
    assert await rows(board) == []


async def test_a_day_has_room_for_so_many(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_A_DAY", 2)

    outcomes = [(await asked(board, f"Question {number}?"))[0] for number in range(3)]

    assert outcomes == [303, 303, 429]
    assert len(await rows(board)) == 2


@pytest.mark.parametrize("role", ["physician", "receptionist", "privacy-officer", "operator"])
async def test_only_the_board_reads_and_answers(board: Board, role: str) -> None:
    await asked(board)
    [row] = await rows(board)
    other = await board.member("eva", role=role)

    looked = await other.get("/console/data-requests")
    answered = await other.post(f"/console/data-requests/{row.id}", data={"status": "done", "shown": "1"})

    assert (looked.status_code, answered.status_code) == (403, 403)
    assert TEXT not in await seen(board)


@pytest.mark.parametrize(("id", "status", "expected"), [("absent", "done", 404), (None, "maybe", 422), (None, "", 422)])
async def test_an_answer_to_nothing_or_with_no_status_is_refused(
    board: Board, id: str | None, status: str, expected: int
) -> None:
    await asked(board)
    [row] = await rows(board)
    ada = await board.member("ada")

    assert (await ada.post(f"/console/data-requests/{id or row.id}", data={"status": status})).status_code == expected
