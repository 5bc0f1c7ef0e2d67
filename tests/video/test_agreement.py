"""The agreement of a group, without media: several participants in one page, a relay that can be told to cheat."""

import base64
from typing import Any, Final

import pytest
from playwright.async_api import Page

from tests.video.site import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SET_UP: Final = """() => {
    const all = new Map(), room = "room-1";
    globalThis.group = { all, log: [] };
    group.attack = { swap: (message) => message, drop: () => false };
    const deliver = (from, message, to) => {
        group.log.push({ from, ...message });
        for (const [id, one] of all) {
            if (id === from || (to && to !== id) || !one.here) continue;
            const copy = group.attack.swap(structuredClone(message), from, id);
            if (!group.attack.drop(message, from, id)) setTimeout(() => one.agreement.hear(from, copy));
        }
    };
    const tell = () => {
        for (const [id, one] of all) {
            const others = [...all].filter(([other, { here, lost }]) => other !== id && (here || lost));
            if (one.here) one.agreement.update(others.map(([other, { role, here }]) => ({ id: other, role, here })));
        }
    };
    group.come = (id, role = "patient") => {
        const agreement = new seen.Agreement({ room, me: { id, role }, send: (message, to) => deliver(id, message, to) });
        const one = { agreement, role, here: true, words: [], keys: {}, own: [], trouble: [], tampered: null };
        agreement.addEventListener("words", ({ detail }) => one.words.push(detail));
        agreement.addEventListener("own", ({ detail: { kid, base } }) => one.own.push([kid, seen.hex(base)]));
        agreement.addEventListener("other", ({ detail: { id: of, kid, base } }) => (one.keys[of] ??= []).push([kid, seen.hex(base)]));
        agreement.addEventListener("trouble", ({ detail }) => one.trouble.push(detail.name));
        agreement.addEventListener("tampered", ({ detail }) => { one.tampered = detail.reason; });
        all.set(id, one);
        tell();
    };
    group.go = (id) => { all.get(id).here = false; tell(); };
    group.lose = (id) => { Object.assign(all.get(id), { here: false, lost: true }); tell(); };
    group.find = (id) => { Object.assign(all.get(id), { here: true, lost: false }); tell(); all.get(id).agreement.resume(); };
    group.see = () => Object.fromEntries([...all].map(([id, { agreement, ...rest }]) => [id, rest]));
    group.settled = (...ids) => ids.every((id) => {
        const { own } = all.get(id);
        return own.length && ids.every((other) => other === id
            || JSON.stringify(all.get(other).keys[id]?.at(-1)) === JSON.stringify(own.at(-1)));
    });
}"""


async def _group(page: Page, *ids: str) -> None:
    await page.evaluate(SET_UP)
    for one in ids:
        await page.evaluate("(id) => group.come(id)", one)


async def _settled(page: Page, *ids: str) -> dict[str, Any]:
    await until(page, f"group.settled({', '.join(map(repr, ids))})")
    found: dict[str, Any] = await page.evaluate("group.see()")
    assert all(one["trouble"] == [] and one["tampered"] is None for one in found.values()), found
    return found


def _words(found: dict[str, Any], *ids: str) -> list[Any]:
    return [found[one]["words"][-1]["words"] + [found[one]["words"][-1]["digits"]] for one in ids]


async def test_everybody_gets_the_same_words_and_the_keys_of_all_others(modules: Page) -> None:
    ids = ["a", "b", "c", "d", "e", "f", "g", "h"]
    await _group(modules, *ids)

    found = await _settled(modules, *ids)

    assert len({tuple(words) for words in _words(found, *ids)}) == 1
    for one in ids:
        assert sorted(part["id"] for part in found[one]["words"][-1]["participants"]) == ids
        assert {kid >> 4 for kid, _ in found[one]["own"]} == {found[one]["own"][0][0] >> 4}


async def test_who_comes_gets_no_key_of_before_and_the_words_change(modules: Page) -> None:
    await _group(modules, "a", "b")
    before = await _settled(modules, "a", "b")

    await modules.evaluate("group.come('c')")
    found = await _settled(modules, "a", "b", "c")

    old = {base for one in "ab" for _, base in before[one]["own"]}
    assert old.isdisjoint(base for keys in found["c"]["keys"].values() for _, base in keys)
    assert _words(found, "a") == _words(found, "c") != _words(before, "a")


async def test_who_leaves_gets_no_key_of_after_and_the_words_stay(modules: Page) -> None:
    await _group(modules, "a", "b", "c")
    before = await _settled(modules, "a", "b", "c")

    await modules.evaluate("group.log.length = 0; group.go('c')")
    found = await _settled(modules, "a", "b")

    assert _words(found, "a", "b") == _words(before, "a", "b")
    for one, other in ("ab", "ba"):
        assert found[one]["own"][-1] != before[one]["own"][-1]
        assert found[one]["own"][-1] not in found["c"]["keys"][one]
        assert found[one]["own"][-1] in found[other]["keys"][one]
    sent = await modules.evaluate("group.log.filter((m) => m.kind === 'key').map((m) => Object.keys(m.boxes))")
    assert all("c" not in ids for ids in sent)


async def test_all_who_come_and_go_in_any_order_end_with_the_same_words(modules: Page) -> None:
    await _group(modules, "a", "b", "c", "d")
    await modules.evaluate("group.go('b'); group.come('e'); group.go('d'); group.come('b2'); group.come('f')")

    found = await _settled(modules, "a", "c", "e", "b2", "f")

    assert len({tuple(words) for words in _words(found, "a", "c", "e", "b2", "f")}) == 1


async def test_who_missed_messages_while_away_gets_the_keys_after_coming_back(modules: Page) -> None:
    await _group(modules, "a", "b", "c")
    await _settled(modules, "a", "b", "c")

    await modules.evaluate("group.attack.drop = (message, from, to) => to === 'b' || from === 'b'; group.come('d')")
    await until(modules, "group.all.get('d').words.length >= 0 && group.log.some((m) => m.from === 'd')")
    await modules.evaluate("group.attack.drop = () => false; group.all.get('b').agreement.resume()")

    found = await _settled(modules, "a", "b", "c", "d")
    assert len({tuple(words) for words in _words(found, "a", "b", "c", "d")}) == 1


async def test_who_vanished_keeps_nobody_waiting_and_comes_back_into_a_new_round(modules: Page) -> None:
    await _group(modules, "a", "b", "c")
    await _settled(modules, "a", "b", "c")

    await modules.evaluate("group.lose('c'); group.come('d')")
    found = await _settled(modules, "a", "b", "d")
    assert len({tuple(words) for words in _words(found, "a", "b", "d")}) == 1
    assert found["a"]["own"][-1] not in found["c"]["keys"]["a"]

    await modules.evaluate("group.find('c')")
    found = await _settled(modules, "a", "b", "c", "d")
    assert len({tuple(words) for words in _words(found, "a", "b", "c", "d")}) == 1


async def test_words_do_not_change_for_who_is_lost_and_found_again(modules: Page) -> None:
    await _group(modules, "a", "b", "c")
    before = await _settled(modules, "a", "b", "c")

    await modules.evaluate("group.lose('c')")
    await modules.evaluate("group.find('c')")
    found = await _settled(modules, "a", "b", "c")

    assert _words(found, "a", "b", "c") == _words(before, "a", "b", "c")


async def test_words_do_not_change_for_a_short_break(modules: Page) -> None:
    await _group(modules, "a", "b")
    before = await _settled(modules, "a", "b")

    await modules.evaluate("group.all.get('a').agreement.resume()")
    found = await _settled(modules, "a", "b")

    assert found["a"]["words"] == before["a"]["words"]


SWAP: Final = """(kind, change) => {
    group.attack.swap = (message, from, to) => (message.kind === kind && from === "a" && to === "b" ? change(message) : message);
}"""


async def _cheated(page: Page, kind: str, change: str) -> None:
    await page.evaluate(SET_UP)
    await page.evaluate(f"({SWAP})({kind!r}, {change})")
    await page.evaluate("group.come('a'); group.come('b')")


async def test_server_that_swaps_the_opened_key_is_noticed(modules: Page) -> None:
    await _cheated(modules, "open", "(m) => ({ ...m, pub: 'B' + m.pub.slice(1, -2) + 'AA' })")

    await until(modules, "group.all.get('b').tampered === 'commitment'")

    assert await modules.evaluate("group.all.get('b').words") == []


async def test_server_that_changes_a_handed_over_key_is_noticed(modules: Page) -> None:
    change = "(m) => ({ ...m, boxes: { b: m.boxes.b.slice(0, 30) + (m.boxes.b[30] === 'A' ? 'B' : 'A') + m.boxes.b.slice(31) } })"
    await _cheated(modules, "key", change)

    await until(modules, "group.all.get('b').tampered === 'key'")

    assert await modules.evaluate("group.all.get('b').keys") == {}


async def test_server_in_between_two_makes_the_words_differ(modules: Page) -> None:
    """Two agreements, each with the server in the other's place: it reads everything, and the words tell."""
    await modules.evaluate(SET_UP)
    words = await modules.evaluate(
        """async () => {
            const words = async (mine) => {
                group.all.clear();
                group.come("a");
                group.come("b");
                while (!group.settled("a", "b")) await new Promise((done) => setTimeout(done, 5));
                return group.all.get(mine).words.at(-1);
            };
            return [await words("a"), await words("b")];
        }"""
    )

    assert words[0]["words"] + [words[0]["digits"]] != words[1]["words"] + [words[1]["digits"]]


async def test_server_that_lies_about_a_role_makes_the_words_differ(modules: Page) -> None:
    await modules.evaluate(SET_UP)
    await modules.evaluate(
        """() => {
            group.come("a");
            group.come("b", "interpreter");
            const { agreement } = group.all.get("a"), honest = agreement.update.bind(agreement);
            agreement.update = (people) => honest(people.map((one) => ({ ...one, role: "physician" })));
        }"""
    )
    await modules.evaluate("group.come('c')")

    await until(
        modules, "group.all.get('a').tampered || (group.all.get('a').words.length && group.all.get('b').words.length)"
    )

    found = await modules.evaluate("group.see()")
    assert found["a"]["tampered"] or _words(found, "a") != _words(found, "b")


async def test_key_of_an_earlier_epoch_said_again_is_not_taken(modules: Page) -> None:
    await _group(modules, "a", "b", "c")
    await _settled(modules, "a", "b", "c")
    await modules.evaluate("group.go('c')")
    found = await _settled(modules, "a", "b")

    await modules.evaluate(
        "group.log.filter((m) => m.kind === 'key' && m.from === 'a').forEach((m) => group.all.get('b').agreement.hear('a', m))"
    )
    await modules.evaluate("group.all.get('b').agreement.hear('a', {})")

    assert (await modules.evaluate("group.see()"))["b"]["keys"] == found["b"]["keys"]


async def test_nonsense_does_no_harm(modules: Page) -> None:
    await _group(modules, "a", "b")
    before = await _settled(modules, "a", "b")

    for nonsense in ({}, {"kind": "x"}, {"kind": "commit"}, {"kind": "key", "hash": 1}, {"kind": "_proto_"}):
        await modules.evaluate("(m) => group.all.get('a').agreement.hear('b', m)", nonsense)
        await modules.evaluate("(m) => group.all.get('a').agreement.hear('stranger', m)", nonsense)

    assert (await modules.evaluate("group.see()"))["a"]["keys"] == before["a"]["keys"]


async def test_every_key_is_a_point_of_one_curve_and_nothing_offers_another(modules: Page) -> None:
    await _group(modules, "a", "b")
    await _settled(modules, "a", "b")

    opened = await modules.evaluate("group.log.filter(({ kind }) => kind === 'open')")

    assert len(opened) >= 2
    for message in opened:
        point = base64.urlsafe_b64decode(message["pub"] + "=")
        assert (len(point), point[0]) == (65, 4), "uncompressed, P-256"
        assert message.keys() == {"from", "kind", "round", "hash", "nonce", "pub"}
