"""Joining a room by its link as a browser does, without one: for trying a room out, and to watch over the practice room."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx  # nosemgrep: other-way-out - who gives the command names the address, as in a browser

from telemed.calling import CallFailed

if TYPE_CHECKING:
    from video.headless.meeting import Met

PATIENCE: Final = 20.0
GREETING: Final = "Moin"
AS_A_PAGE: Final = {"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}


class NoRoom(CallFailed):
    """This link opens no room."""


class AllBusy(CallFailed):
    """All robots of the practice room are busy, so that it could not be tried."""


async def join(
    link: str, *, birth_date: str = "", seconds: float, file: Path | None, tell: Callable[[str], None]
) -> str:
    """What was seen in the room of a link, in words; `CallFailed` where it was not what it should be.

    A link is what patients get (`https://HOST/j#CODE`, with the date of birth) or the practice room (`https://HOST/practice`).
    """
    met = await _meet(link, birth_date=birth_date, seconds=seconds, file=file, tell=tell)
    if met.strange:
        raise CallFailed(f"{met.strange} frames were not sealed by whom they are said to be from.")
    if not met.flows:
        raise CallFailed(f"Too little came through: {met.pictures} pictures and {met.sounds} sounds.")
    way = "from end to end through the unit" if met.path == "unit" else "from one side to the other, directly"
    return f"{met.pictures} pictures and {met.sounds} sounds, encrypted {way}"


async def practise(base_url: str, *, seconds: float) -> str:
    """What was seen of the robot of the practice room, in words; `AllBusy` where none was free."""
    from video.headless.camera import alike, look
    from video.headless.robot import face

    met = await _meet(f"{base_url.rstrip('/')}/practice", seconds=seconds, says=GREETING)
    known = [look(frame) for frame in face().frames]
    recognised = sum(any(alike(one, other) for other in known) for one in met.looks)
    if met.strange or not met.flows or recognised < 0.8 * len(met.looks):
        raise CallFailed(f"The robot was not seen as it is: {recognised} of {met.pictures} pictures.")
    if not any(text.endswith(GREETING) for text in met.texts):
        raise CallFailed("The robot did not write back.")
    return f"{recognised} of {met.pictures} pictures of the robot, which answers, all sealed"


async def _meet(link: str, *, birth_date: str = "", **how: Any) -> "Met":
    from video.headless.camera import UnreadableVideoError
    from video.headless.meeting import meet
    from video.headless.participant import CallFailedError
    from video.headless.socket import SocketClosed

    scheme, host, path, _, code = urlsplit(link)
    base = f"{scheme}://{host}"
    try:
        made = httpx.AsyncClient(base_url=base, headers=AS_A_PAGE, timeout=PATIENCE, trust_env=False)
        async with made as browser:
            place = await _practice(browser) if path == "/practice" else await _visit(browser, code, birth_date)
        return await meet(base, place["room"], place["ticket"], **how)
    except (CallFailedError, UnreadableVideoError, OSError, httpx.HTTPError) as error:
        raise CallFailed(f"The call failed. {error}") from None
    except SocketClosed as closed:
        raise CallFailed(f"The call failed. The room is closed: {closed}.") from None


async def _practice(browser: httpx.AsyncClient) -> dict[str, str]:
    answer = await browser.post("/practice/join")
    if answer.status_code == httpx.codes.CONFLICT:
        raise AllBusy
    return _place(answer)


async def _visit(browser: httpx.AsyncClient, code: str, birth_date: str) -> dict[str, str]:
    if not code or not birth_date:
        raise NoRoom(
            "Name a patient's link, which ends in # and a code, with --birth-date; or one that ends in /practice."
        )
    opened = await browser.post("/j", json={"code": code, "birth_date": birth_date})
    if opened.status_code != httpx.codes.OK:
        raise NoRoom(f"The link does not open now: {_said(opened)}")
    return _place(await browser.post(f"/visits/{opened.json()['appointment']}/join"))


def _place(answer: httpx.Response) -> dict[str, str]:
    if answer.status_code != httpx.codes.OK:
        raise NoRoom(f"The room does not open now: {_said(answer)}")
    found: dict[str, str] = answer.json()
    return found


def _said(answer: httpx.Response) -> str:
    """What a refusal says in words, else its status."""
    try:
        said = answer.json()
        return f"{said['title']} {said['detail']}"
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
