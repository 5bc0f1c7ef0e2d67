"""The server is gone in the middle of a call of two and comes back: they see each other all the while."""

from tests.fixtures.browsers import Browsers
from tests.video.site import open_site, until
from tests.video.stage import Stage

MOVES = "look('{who}').color === '{color}' && ![-1, {before}].includes(look('{who}').bar)"
SEEN = {"doctor": ("patient", "green"), "patient": ("doctor", "red")}


async def test_call_of_two_goes_on_while_the_server_is_gone_and_after_it_is_back(browsers: Browsers) -> None:
    async with open_site() as site:
        stage = Stage(site, browsers, await browsers.chromium())
        pages = {who: await stage.enter("restarted", who) for who in ("doctor", "patient")}
        for page in pages.values():
            await until(page, "globalThis.call?.state === 'live' && seen.words")
        words = [await page.evaluate("seen.words.digits") for page in pages.values()]
        port = int(site.host.rpartition(":")[2])

    for viewer, (who, color) in SEEN.items():
        await until(pages[viewer], "seen.events.includes('offline')")
        await until(
            pages[viewer], MOVES.format(who=who, color=color, before=await pages[viewer].evaluate(f"look('{who}').bar"))
        )
    async with open_site(port=port) as site:
        for viewer, (who, color) in SEEN.items():
            await until(pages[viewer], "seen.events.filter((one) => one === 'welcome').length === 2")
            await until(pages[viewer], "seen.events.filter((one) => one === 'admitted').length === 2")
            before = await pages[viewer].evaluate(f"look('{who}').bar")
            await until(pages[viewer], MOVES.format(who=who, color=color, before=before))
            assert await pages[viewer].evaluate("[call.state, seen.states.filter((one) => one === 'live').length]") == [
                "live",
                1,
            ]
        assert [await page.evaluate("seen.words.digits") for page in pages.values()] == words
        assert {seat.participant for seat in site.rooms.view("restarted").seats if seat.admitted} == {
            "doctor",
            "patient",
        }
        for page in pages.values():
            await page.context.close()
