"""The search against an attacker who tries every world: it finds all that he finds, and says of each set the same."""

from hypothesis import given
from hypothesis import strategies as st

from anonymise.attack.published import Statement
from anonymise.rule import Rule
from tests.anonymise.attack.worlds import (
    PLACE,
    REASON,
    SEX,
    World,
    consistent,
    formed,
    found_by_attack,
    published,
    told,
    worlds,
)
from tests.effort import examples

COUNTED = (PLACE, SEX)
BY_REASON = (PLACE, REASON)


@st.composite
def stories(draw: st.DrawFn, dimensions: tuple[object, ...]) -> tuple[World, list[Statement]]:
    world = draw(worlds(dimensions))  # type: ignore[arg-type]
    return world, draw(told(world))


@examples(60)
@given(stories(COUNTED), st.integers(2, 4))
def test_a_set_is_found_exactly_if_every_world_holds_few_in_some_formed_set(
    story: tuple[World, list[Statement]], k: int
) -> None:
    world, said = story
    possible = list(consistent(COUNTED, said, persons=sum(world.counts.values())))

    findings = [f for f in found_by_attack(published(COUNTED, *said, rule=Rule(k))) if f.kind == "set"]

    most = [max(sum(w.counts[c] for c in cells) for w in possible) for cells in formed(COUNTED, said)]
    assert bool(findings) == any(0 < number < k for number in most)
    assert {f.upper for f in findings} <= set(most)


@examples(60)
@given(stories(BY_REASON), st.sampled_from([0.5, 0.6, 0.8]))
def test_a_share_that_every_world_puts_above_the_limit_is_found(
    story: tuple[World, list[Statement]], limit: float
) -> None:
    world, said = story
    possible = list(consistent(BY_REASON, said, persons=sum(world.counts.values())))

    findings = found_by_attack(published(BY_REASON, *said, rule=Rule(1, limit, 1)))

    places = [s.members[0] for s in said]
    proved = [
        (chosen, reason)
        for chosen in {frozenset(a) & frozenset(b) for a in places for b in places} | {frozenset(a) for a in places}
        for reason in (0, 1)
        if chosen and all(_share_above(w, chosen, reason, limit) for w in possible)
    ]
    told_reason = any(len(s.members[1]) == 1 for s in said)
    assert not (proved and told_reason) or any(f.kind in ("share", "undecided") for f in findings)


def _share_above(world: World, places: frozenset[int], reason: int, limit: float) -> bool:
    whole = sum(n for (place, _), n in world.counts.items() if place in places)
    part = sum(n for (place, why), n in world.counts.items() if place in places and why == reason)
    return part * 1000 > round(limit * 1000) * whole


@examples(60)
@given(stories(BY_REASON))
def test_what_is_said_of_a_set_is_true_of_the_persons_themselves(story: tuple[World, list[Statement]]) -> None:
    world, said = story

    findings = found_by_attack(published(BY_REASON, *said, rule=Rule(3, 0.8, 1)))

    everybody = sum(world.counts.values())
    assert all(f.lower <= f.upper for f in findings)
    assert all(f.lower <= everybody for f in findings if f.kind in ("set", "share"))
    assert not [f for f in findings if f.kind == "contradiction"]
