"""The agreement of participants without a browser: with each other in any order of messages, and with real pages."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Page

from tests.video.test_agreement import _group as pages_agree
from video.headless.agreement import Agreed, Agreement, Found, Left, Person, SenderKey, Tampered
from video.headless.words import commitment, fingerprints, short_string

ROLE = "patient"


class Room:
    """Participants whose messages wait until somebody delivers them."""

    def __init__(self) -> None:
        self.sides: dict[str, Agreement] = {}
        self.away: set[str] = set()
        self.found: dict[str, list[Found]] = {}
        self.waiting: list[tuple[str, str, dict[str, Any]]] = []
        self.swap: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda _, message: message

    def come(self, *ids: str) -> None:
        """These are admitted, one after the other."""
        for id in ids:
            self.found[id] = []
            self.sides[id] = Agreement("r", Person(id, ROLE), send=self._sends(id), found=self.found[id].append)
            self._tell()

    def go(self, id: str) -> None:
        """This one leaves."""
        del self.sides[id]
        self.waiting = [one for one in self.waiting if id not in one[:2]]
        self._tell()

    def vanish(self, id: str) -> None:
        """The connection of this one is gone; the place is kept."""
        self.away.add(id)
        self.waiting = [one for one in self.waiting if id not in one[:2]]
        self._tell()

    def load(self, id: str) -> None:
        """The page of this one is loaded anew, wherever it was."""
        self.away.discard(id)
        self.waiting = [one for one in self.waiting if id not in one[:2]]
        self.found[id] = []
        self.sides[id] = Agreement("r", Person(id, ROLE), send=self._sends(id), found=self.found[id].append)
        self._tell()

    def deliver(self, choose: Callable[[int], int] = lambda _: 0) -> None:
        """Deliver all messages; of those that are first from one to another, `choose` says which one is next."""
        while self.waiting:
            first = list({one[:2]: at for at, one in reversed(list(enumerate(self.waiting)))}.values())
            sender, to, message = self.waiting.pop(first[choose(len(first))])
            self.sides[to].hear(sender, msgspec.json.decode(msgspec.json.encode(self.swap(sender, message))))

    def words(self, id: str) -> str:
        """The last words of this participant."""
        return str([one for one in self.found[id] if isinstance(one, Agreed)][-1].words)

    def keys(self, id: str, of: str) -> list[tuple[int, bytes]]:
        """The keys of a sender that this participant has learned; of itself those that it has made."""
        return [
            (one.kid, one.base)
            for one in self.found[id]
            if isinstance(one, SenderKey) and one.id == (of if of != id else "")
        ]

    def agree(self) -> bool:
        """True if all who are here have the same words and the last key of everybody else."""
        here = self.sides.keys() - self.away
        same = len({self.words(id) for id in here}) == 1
        return same and all(self.keys(id, of)[-1:] == self.keys(of, of)[-1:] for id in here for of in here)

    def _sends(self, sender: str) -> Callable[[dict[str, Any], str | None], None]:
        def send(message: dict[str, Any], to: str | None) -> None:
            reached = [one for one in self.sides if one not in {sender, *self.away} and to in (None, one)]
            self.waiting += [(sender, one, message) for one in reached if sender not in self.away]

        return send

    def _tell(self) -> None:
        for id, side in self.sides.items():
            if id not in self.away:
                side.update([Person(one, ROLE, one not in self.away) for one in self.sides if one != id])


@given(st.data())
def test_all_agree_in_whatever_order_messages_come_and_people_come_and_go(data: st.DataObject) -> None:
    room = Room()
    room.come("a", "b")

    def choose(many: int) -> int:
        return data.draw(st.integers(0, many - 1))

    steps = ["come c", "come d", "go", "vanish a", "vanish c", "load a", "load b", "load c", "deliver"]
    for step in data.draw(st.lists(st.sampled_from(steps), max_size=8)):
        name = step.rpartition(" ")[2]
        if step == "deliver":
            room.deliver(choose)
        elif step == "go" and len(room.sides) > 2:
            room.go(list(room.sides)[-1])
        elif step.startswith("vanish") and name in room.sides:
            room.vanish(name)
        elif step.startswith("load") and name in room.sides:
            room.load(name)
        elif step.startswith("come") and name not in room.sides:
            room.come(name)
    for name in {"a", "b"} & room.away:
        room.load(name)
    room.deliver(choose)

    assert room.agree()
    assert not any(isinstance(one, Tampered) for all in room.found.values() for one in all)
    for id in room.sides:
        kids = [kid for kid, _ in room.keys(id, id)]
        assert all(one != after for one, after in pairwise(kids)), "what is on its way under the key before still opens"


def test_who_leaves_learns_no_key_of_after_and_who_comes_none_of_before() -> None:
    room = Room()
    room.come("a", "b", "c")
    room.deliver()
    of_three, before = room.words("a"), room.keys("b", "a")

    room.go("c")
    room.deliver()

    assert room.words("a") == of_three
    assert Left("c") in room.found["a"]
    assert room.keys("b", "a")[-1] not in [*before, *room.keys("c", "a")]
    room.come("d")
    room.deliver()
    assert room.words("a") != of_three
    assert not set(room.keys("d", "a")) & {*before, room.keys("b", "a")[1]}


def test_who_vanished_keeps_nobody_waiting_and_learns_no_key_of_after() -> None:
    room = Room()
    room.come("a", "b", "c")
    room.deliver()
    of_three = room.words("a")

    room.vanish("c")
    room.deliver()
    assert room.words("a") == of_three, "the place is kept: nothing changes for a short break"
    room.load("b")
    room.deliver()

    assert room.words("a") == room.words("b") != of_three
    assert room.keys("b", "a")[-1] not in room.keys("c", "a")
    room.load("c")
    room.deliver()
    assert room.agree()
    assert len({room.words(id) for id in "abc"}) == 1


def test_without_that_rule_the_others_wait_for_who_vanished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Agreement, "_forget_away", lambda *_: False)
    room = Room()
    room.come("a", "b", "c")
    room.deliver()

    room.vanish("c")
    room.load("b")
    room.deliver()

    assert not any(isinstance(one, Agreed) for one in room.found["b"])


def test_who_vanishes_in_the_middle_of_a_round_is_left_out_of_it() -> None:
    room = Room()
    room.come("a", "b", "c")
    for _ in range(8):
        sender, to, message = room.waiting.pop(0)
        room.sides[to].hear(sender, message)

    room.vanish("c")
    room.deliver()

    assert room.words("a") == room.words("b")


@pytest.mark.parametrize("field", ["pub", "nonce"])
def test_opening_that_is_not_what_was_committed_to_is_noticed(field: str) -> None:
    room = Room()
    room.come("a", "b")

    def swap(sender: str, message: dict[str, Any]) -> dict[str, Any]:
        changed = sender == "a" and field in message
        return message | {field: message[field][::-1]} if changed else message

    room.swap = swap
    room.deliver()

    assert Tampered("commitment", "a") in room.found["b"]
    assert not [one for one in room.found["b"] if isinstance(one, Agreed)]


@given(st.text(max_size=20), st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=4))
def test_words_are_the_same_in_whatever_order_the_sides_are_named(room: str, sides: list[tuple[str, str]]) -> None:
    assert short_string(room, sides) == short_string(room, sides[::-1])
    assert (
        fingerprints("a=fingerprint:SHA-256  AB\r\nA=FINGERPRINT:sha-1 C\r\n")
        == "a=fingerprint:sha-1 c,a=fingerprint:sha-256 ab"
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_words_and_commitments_are_those_of_the_pages(modules: Page) -> None:
    for room, sides in (("r", [["a", "b"]]), ("Grüße 👩‍⚕️", [["b", "x"], ["a", "👍"]])):
        found = await modules.evaluate("([room, sides]) => seen.sas.shortString(room, sides)", [room, sides])

        assert str(short_string(room, [(one, two) for one, two in sides])) == " ".join(
            [*found["words"], found["digits"]]
        )
        assert await modules.evaluate("([a, b]) => seen.sas.commitment(a, b)", sides[0]) == commitment(*sides[0])


@pytest.mark.asyncio(loop_scope="module")
async def test_guest_agrees_with_pages_that_come_and_go(modules: Page) -> None:
    found: list[Found] = []
    said: list[tuple[dict[str, Any], str | None]] = []
    await pages_agree(modules, "a", "b")
    guest = Agreement(
        "room-1", Person("g", ROLE), send=lambda message, to: said.append((message, to)), found=found.append
    )
    await modules.evaluate(MEET)

    async def settle(*ids: str, epochs: int) -> None:
        guest.update([Person(id, ROLE) for id in ids])
        await modules.evaluate("(ids) => group.tellOf(ids)", list(ids))
        async with asyncio.timeout(20):
            while True:
                for message, to in said[:]:
                    await modules.evaluate("([message, to]) => group.fromGuest(message, to)", [message, to])
                said.clear()
                for sender, message in await modules.evaluate("group.outbox.splice(0)"):
                    guest.hear(sender, message)
                theirs = await modules.evaluate("group.keysOfGuest()")
                own = [(one.kid, one.base.hex()) for one in found if isinstance(one, SenderKey) and not one.id]
                if guest.epoch == epochs and all(theirs.get(id, [])[-1:] == [list(own[-1])] for id in ids):
                    return
                await asyncio.sleep(0.02)

    await settle("a", "b", epochs=1)
    words = str([one for one in found if isinstance(one, Agreed)][-1].words)
    assert await modules.evaluate("[group.wordsOf('a'), group.wordsOf('b')]") == [words, words]
    await modules.evaluate("group.go('b')")
    await settle("a", epochs=2)
    assert not any(isinstance(one, Tampered) for one in found)


MEET = """() => {
  group.outbox = [];
  const guest = { role: "patient", here: true, words: [], keys: {}, own: [], trouble: [] };
  guest.agreement = { hear: (from, message) => group.outbox.push([from, message]), update: () => {} };
  group.all.set("g", guest);
  group.fromGuest = (message, to) => {
    for (const [id, one] of group.all) if (id !== "g" && one.here && (!to || to === id)) one.agreement.hear("g", message);
  };
  group.tellOf = (ids) => {
    for (const id of ids) {
      const others = [...ids.filter((other) => other !== id), "g"];
      group.all.get(id).agreement.update(others.map((other) => ({ id: other, role: "patient", here: true })));
    }
  };
  group.keysOfGuest = () => Object.fromEntries([...group.all].map(([id, { keys }]) => [id, keys.g ?? []]));
  group.wordsOf = (id) => { const found = group.all.get(id).words.at(-1); return [...found.words, found.digits].join(" "); };
}"""
