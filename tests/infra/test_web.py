"""Problems as data, body limits, request ids, and log lines without paths."""

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from infra import log, web
from infra.envelope import Envelope
from infra.problems import Issue, NotFound, Problem, Unprocessable

LIMIT = 1000


class Person(BaseModel):
    """A body."""

    birth_date: int


def application() -> FastAPI:
    app = web.Application()
    render: dict[str, web.RenderFor] = {"/fhir": lambda _request, problem: Response("outcome", problem.status)}
    web.install(app, limits={"": LIMIT, "/large": 10 * LIMIT}, renders=render)

    @app.get("/absent/{id}")
    @app.get("/fhir/absent/{id}")
    async def absent(id: str) -> None:
        raise NotFound

    @app.get("/invalid")
    async def invalid() -> None:
        raise Unprocessable(issues=[Issue("value", "Give one.", ("a.b",)), Issue("value", "Give two.")])

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("Anke Musterfrau")

    @app.post("/bytes")
    @app.post("/large/bytes")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.post("/person")
    async def person(person: Person) -> None: ...

    return app


@pytest.fixture
def logged() -> io.StringIO:
    """Everything that is logged."""
    stream = io.StringIO()
    log.configure(stream=stream)
    return stream


@pytest.fixture
async def client(logged: io.StringIO) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a small app."""
    transport = httpx.ASGITransport(application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_two_absent_things_look_the_same(client: httpx.AsyncClient) -> None:
    first, second = await client.get("/absent/1"), await client.get("/absent/2")

    assert first.status_code == 404
    assert first.headers["content-type"] == "application/problem+json"
    assert first.content == second.content


async def test_the_longest_prefix_decides_the_form(client: httpx.AsyncClient) -> None:
    assert (await client.get("/fhir/absent/1")).text == "outcome"


async def test_all_issues_come_at_once_and_say_where(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/invalid")).json()

    assert [issue["text"] for issue in answer["issues"]] == ["Give one.", "Give two."]
    assert answer["issues"][0]["expression"] == ["a.b"]


async def test_a_bug_tells_nothing_but_that_it_is_one(client: httpx.AsyncClient, logged: io.StringIO) -> None:
    answer = await client.get("/bug")

    assert answer.status_code == 500
    assert answer.json()["title"] == Problem().title
    assert "RuntimeError" in logged.getvalue()
    assert "Musterfrau" not in logged.getvalue() + answer.text


async def test_a_wrong_input_is_named_but_not_repeated(client: httpx.AsyncClient, logged: io.StringIO) -> None:
    answer = await client.post("/person", json={"birth_date": "1950-02-03"})

    assert answer.status_code == 422
    assert "birth_date" in answer.text
    assert "1950" not in answer.text + logged.getvalue()


@pytest.mark.parametrize("path", ["/bytes", "/person"])
async def test_a_body_beyond_the_limit_is_refused_by_its_announced_length(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.post(path, content=b"x" * (LIMIT + 1))).status_code == 413


async def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_long(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 100

    refused = await client.post("/bytes", content=endless())

    assert (refused.status_code, refused.json()["detail"]) == (
        413,
        f"The body is larger than the limit of {LIMIT} bytes.",
    )
    assert sent <= 12


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    assert (await client.post("/bytes", content=b"x" * LIMIT)).text == str(LIMIT)
    assert (await client.post("/large/bytes", content=b"x" * 5 * LIMIT)).text == str(5 * LIMIT)


async def test_every_answer_has_a_request_id_and_a_line_without_path_or_query(
    client: httpx.AsyncClient, logged: io.StringIO
) -> None:
    answer = await client.get("/absent/musterfrau", params={"name": "Musterfrau"})

    assert answer.headers["x-request-id"] in logged.getvalue()
    assert "/absent/{id}" in logged.getvalue()
    assert "musterfrau" not in logged.getvalue().lower()


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nothing")).json()["status"] == 404
    assert (await client.post("/invalid")).json()["status"] == 405


async def test_links_are_made_for_what_the_other_side_speaks() -> None:
    app = web.Application()
    web.install(app, limits={"": LIMIT}, renders={}, scheme="https")

    @app.get("/own")
    async def own(request: Request) -> str:
        return str(request.url)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://clinic.example") as http:
        assert (await http.get("/own")).json() == "https://clinic.example/own"


async def test_who_goes_away_in_the_middle_is_no_error_of_ours() -> None:
    app, answers = application(), list[Any]()

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def sent(message: Any) -> None:
        answers.append(message)

    headers = [(b"content-length", b"10")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/bytes",
        "raw_path": b"/bytes",
        "query_string": b"",
        "headers": headers,
    }
    await app(scope, gone, sent)

    assert answers[0]["status"] == web.ClientGone.status


async def test_without_the_limit_the_same_bodies_would_be_read() -> None:
    """The twin: whoever counts nothing takes anything."""
    app = application()
    assert isinstance(app, web.Application) and isinstance(app.envelope, Envelope)
    app.envelope._limited = lambda scope, receive: receive  # type: ignore[method-assign]  # removes the guard
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as careless:
        assert (await careless.post("/bytes", content=b"x" * 9 * LIMIT)).text == str(9 * LIMIT)
