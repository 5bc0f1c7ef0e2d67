"""Two Patients of one clinic, merged and taken apart."""

import json

import pytest

from infra.caller import Role
from infra.problems import NotFound, Problem
from telemed.persons import hook, merging
from telemed.persons.problems import AlreadyMerged, NotMerged, OtherNumbers, PatientNotYours, SamePatient, StillMerged
from tests.telemed.persons.people import People, desk, parsed, person

DETAILED = person(active=True, link=[{"other": {"reference": "RelatedPerson/r"}, "type": "seealso"}])


async def test_a_merge_marks_both_patients_and_makes_them_one_person(people: People) -> None:
    old, kept = await people.come("north"), await people.come("north")

    await people.merge("north", old, kept)

    source, target = await people.read("north", old), await people.read("north", kept)
    assert (source["active"], source["link"][0]["type"]) == (False, "replaced-by")
    assert source["link"][0]["other"]["reference"] == f"Patient/{kept}"
    assert "active" not in target and target["link"][0]["type"] == "replaces"
    assert await people.together() == {frozenset({old, kept})}


@pytest.mark.parametrize("source", [person(), person(active=True), person(active=False), DETAILED])
async def test_unmerging_restores_exactly_what_was(people: People, source: dict[str, object]) -> None:
    old, kept = await people.come("north", source), await people.come("north", DETAILED)
    before = [await people.read("north", id) for id in (old, kept)]
    apart = await people.persons()
    await people.merge("north", old, kept)

    await people.unmerge("north", old, kept)

    assert [await people.read("north", id) for id in (old, kept)] == before
    assert await people.persons() == apart


async def test_what_others_wrote_in_between_stays_after_unmerging(people: People) -> None:
    old, kept = await people.come("north", person(active=True)), await people.come("north")
    await people.merge("north", old, kept)
    await people.change("north", kept, birthDate="1980-03-01")
    await people.change("north", old, gender="other")

    await people.unmerge("north", old, kept)

    source, target = await people.read("north", old), await people.read("north", kept)
    assert (source["gender"], source["active"]) == ("other", True)
    assert target["birthDate"] == "1980-03-01" and "link" not in target


async def test_merges_in_a_row_are_taken_back_in_any_order(people: People) -> None:
    a, b, c = [await people.come("north") for _ in range(3)]
    await people.merge("north", a, b)
    await people.merge("north", b, c)

    await people.unmerge("north", a, b)

    assert await people.together() == {frozenset({a}), frozenset({b, c})}
    assert (await people.read("north", b))["link"] == [merging.entry(c, "replaced-by")]


async def test_what_can_not_be_merged_is_refused_and_changes_nothing(people: People) -> None:
    a, b = await people.come("north", person(number=1)), await people.come("north", person(number=2))
    c, d, foreign = await people.come("north"), await people.come("north"), await people.come("south")
    await people.merge("north", c, d)
    before = await people.together()
    pairs: list[tuple[str, str, type[Problem]]] = [
        (a, b, OtherNumbers),
        (a, a, SamePatient),
        (a, foreign, PatientNotYours),
        (foreign, a, PatientNotYours),
        (a, "never-was", PatientNotYours),
        (c, a, AlreadyMerged),
        (a, c, AlreadyMerged),
    ]

    for source, target, problem in pairs:
        with pytest.raises(problem):
            await people.merge("north", source, target)
    with pytest.raises(NotMerged):
        await people.unmerge("north", a, b)
    with pytest.raises(NotFound):
        await people.unmerge("south", c, d)

    assert await people.together() == before


async def test_a_preview_shows_the_result_and_changes_nothing(people: People) -> None:
    old, kept = await people.come("north"), await people.come("north")

    shown = await people.run(lambda s: merging.preview(s, people.store, desk("north"), source_id=old, target_id=kept))

    assert json.loads(shown)["link"] == [merging.entry(old, "replaces")]
    assert "link" not in await people.read("north", kept)
    assert len(await people.together()) == 2


async def test_no_write_takes_a_merge_apart(people: People) -> None:
    old, kept = await people.come("north"), await people.come("north")
    await people.merge("north", old, kept)

    for id, values in ((old, {"active": True}), (old, {"link": None}), (kept, {"link": None})):
        with pytest.raises(StillMerged):
            await people.change("north", id, **values)
    physician = desk("north", Role.SERVICE)
    for id in (old, kept):
        with pytest.raises(StillMerged):
            await people.run(lambda s, id=id: people.store.delete(s, physician, "Patient", id))

    assert await people.together() == {frozenset({old, kept})}


async def test_a_link_that_a_client_writes_joins_nobody(people: People) -> None:
    """The element alone is data: nobody gains anything by writing a resource about somebody."""
    other = await people.come("south")
    mine = await people.come("north", person(link=[merging.entry(other, "seealso")]))

    assert await people.together() == {frozenset({mine}), frozenset({other})}
    assert parsed(await people.read("north", mine)).data["link"]


async def test_without_the_hook_a_plain_write_would_take_a_merge_apart(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, kept = await people.come("north"), await people.come("north")
    await people.merge("north", old, kept)
    monkeypatch.setattr(hook, "joined", lambda *_: [])

    await people.change("north", old, link=None, active=True)

    assert "link" not in await people.read("north", old)
    assert await people.together() == {frozenset({old, kept})}
