"""Sessions of a device for one appointment."""

from datetime import timedelta

from telemed.visits import sessions
from telemed.visits.codes import Admitted
from tests.telemed.visits.builders import NOW, WINDOW, Desk

MONTHS_AHEAD = NOW + timedelta(days=90)


async def opened(desk: Desk) -> str:
    """The cookie of a new session; the business clock runs months ahead of the real one."""
    admitted = await desk.check(await desk.issue())
    assert isinstance(admitted, Admitted)
    return await desk.database.write(
        lambda session: sessions.open_session(session, admitted, now=MONTHS_AHEAD, business_now=NOW)
    )


async def test_a_session_lasts_as_long_as_its_window_whatever_the_business_clock_says(desk: Desk) -> None:
    token = await opened(desk)
    rest = WINDOW.closes - NOW

    during, after = [
        await desk.database.read(
            lambda session, at=at: sessions.attendance(session, token, now=at)  # type: ignore[misc]
        )
        for at in (MONTHS_AHEAD + rest, MONTHS_AHEAD + rest + timedelta(seconds=1))
    ]

    assert during is not None
    assert after is not None
    assert (during.ended, after.ended) == ("", sessions.EXPIRED)


async def test_an_unknown_cookie_stands_for_nobody(desk: Desk) -> None:
    await opened(desk)

    assert await desk.database.read(lambda session: sessions.attendance(session, "x", now=NOW)) is None


async def test_expired_sessions_leave_after_a_day(desk: Desk) -> None:
    token = await opened(desk)
    late = MONTHS_AHEAD + timedelta(days=3)

    await desk.database.write(lambda session: sessions.forget_sessions(session, now=late))

    assert await desk.database.read(lambda session: sessions.attendance(session, token, now=late)) is None
