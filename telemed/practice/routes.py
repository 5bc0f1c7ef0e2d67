"""The practice room over HTTP: the page, and the invitation of a robot."""

from typing import Any

from fastapi import APIRouter, Request, Response

from telemed.pages.languages import translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.texts import PRACTICE, ROBOT, in_language
from telemed.pages.visit_routes import words_of_call
from telemed.practice.robots import Place
from telemed.services import services_of
from telemed.visits.exchange import refuse_foreign_page

router = APIRouter(include_in_schema=False)


# May be called by anybody: it knows nobody.
@router.get("/practice")
async def practise(request: Request) -> Response:
    """The patient's pages with a robot on the other side; no real data are touched."""
    services, language = services_of(request), reading_of(request).language
    robot = translate(language, ROBOT)
    texts = in_language(
        {key: text for key, text in PRACTICE.items() if not key.startswith("robot_")}, language, other=robot
    )
    data: dict[str, Any] = {
        "demo": services.settings.is_demo,
        "practice": True,
        "join": "/practice/join",
        "texts": texts,
    }
    data |= words_of_call(language, other=robot)
    facts: dict[str, Any] = {"start": services.clock.now(), "practitioner": robot, "clinic": ""}
    return page(request, "visit.html", data=data, role="", practice=True, **facts)


# May be called by anybody, from a page of ours: robots are few, and no address has more than half of them.
@router.post("/practice/join")
async def join(request: Request) -> Place:
    """A place in a room of its own, to which a robot comes; 409 where all are busy."""
    refuse_foreign_page(request)
    services, language = services_of(request), reading_of(request).language
    hello, echo = (translate(language, PRACTICE[key]) for key in ("robot_hello", "robot_echo"))
    address = request.client.host if request.client else ""
    return services.robots.invite(address=address, hello=hello, echo=echo)
