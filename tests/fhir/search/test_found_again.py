"""Every value of every official and German example is searched for, and exactly those are found that have it."""

from collections import defaultdict
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import httpx
import pytest
from sqlmodel import Session

from fhir.bulk import Item, load
from fhir.codec import parse
from fhir.search import match
from fhir.store import Store
from infra.database import Database
from tests.effort import EFFORT, repetitions
from tests.fhir.record import caller
from tests.fhir.search.answers import Question, questions
from tests.fhir.search.oracle import Meaning, meanings
from tests.fhir.search.test_extraction import resources
from tests.fhir.test_search_pages import all_ids

ALL: Final = 20  # the effort from which every value is asked for

Key = tuple[str, str]  # type and parameter


class Example(NamedTuple):
    """An example in the record, and what its parameters compare."""

    type: str
    data: dict[str, Any]
    held: dict[str, set[Meaning]]


async def filed(database: Database, store: Store, shared: Path) -> dict[str, Example]:
    """All examples in one record, by their new ids."""
    known = list(resources(shared))
    items = [Item(parse(file.read_bytes(), type=data["resourceType"])) for file, data in known]

    def unit(session: Session) -> list[str]:
        return load(store, session, caller(), items)

    types = [(data["resourceType"], data) for _, data in known]
    made = [Example(type, data, meanings(type, data)) for type, data in types]
    return dict(zip(await database.write(unit), made, strict=True))


def chosen(examples: dict[str, Example]) -> dict[Key, list[Question]]:
    """What to ask: of each parameter all values that the effort allows, the first ones otherwise."""
    found: dict[Key, dict[Any, Question]] = defaultdict(dict)
    for example in examples.values():
        for name in example.held:
            for question in questions(example.type, example.data, name):
                found[example.type, name].setdefault(question.pairs, question)
    most = None if EFFORT >= ALL else repetitions(2)
    # The log grows with each search, and stands among the AuditEvents.
    return {
        key: list(found[key].values())[:most] for key in sorted(found, key=lambda key: (key[0] != "AuditEvent", key))
    }


async def wrong(
    http: httpx.AsyncClient, examples: dict[str, Example], *, asked: dict[Key, list[Question]]
) -> list[Any]:
    """The searches that find others than the oracle says."""
    differ: list[Any] = []
    for (type, name), all_asked in asked.items():
        for question in all_asked:
            query = urlencode([*question.pairs, ("_count", "500")], quote_via=quote)
            ids = [id for id in await all_ids(http, f"/{type}?{query}") if not id.startswith("log-")]
            of_type = {id: one.held.get(name, set()) for id, one in examples.items() if one.type == type}
            expected = sorted(id for id, held in of_type.items() if question.finds(held))
            assert expected, "whoever has the value is a hit"
            if sorted(ids) != expected:
                differ.append((type, question.pairs))
    return differ


async def test_every_value_of_the_examples_finds_exactly_those_that_have_it(
    north: httpx.AsyncClient, database: Database, store: Store, shared: Path
) -> None:
    examples = await filed(database, store, shared)
    asked = chosen(examples)

    assert await wrong(north, examples, asked=asked) == []
    assert len(asked) > 350


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_comparison_that_is_too_generous_is_seen(
    north: httpx.AsyncClient, database: Database, store: Store, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = await filed(database, store, shared)
    asked = {key: all_asked for key, all_asked in chosen(examples).items() if key[1] in ("onset-date", "priority")}
    assert await wrong(north, examples, asked=asked) == []

    monkeypatch.setattr(match, "fits", lambda *_: True)

    assert {type for type, _ in await wrong(north, examples, asked=asked)} >= {"ServiceRequest", "Task"}
