"""What rounding to whole persons forces on some set, nobody knows on which, is no finding; what is proved of one set is."""

from anonymise.attack.findings import Finding
from anonymise.attack.folder import Folder
from anonymise.attack.run import attack
from tests.anonymise.attack.folders import Line, release
from tests.anonymise.builders import KIEL, Person, cohort
from tests.generative.releases import released

BLOCKS: tuple[Line, ...] = (
    (0, 0, "a", "young", 11),
    (1, 0, "a", "old", 16),
    (2, 0, "b", "young", 14),
    (3, 0, "b", "old", 14),
)
"""Of 11, 16, 14 and 14 at most 8, 12, 11 and 11 may have one reason, 42 in all."""


def _shares(published: Folder) -> list[Finding]:
    return [each for each in attack([published], explain=0).findings if each.kind == "share"]


def test_a_group_at_the_limit_is_not_found_because_persons_are_whole() -> None:
    persons: list[Person] = []
    for band, with_reason, without in (("0-9", 9, 2), ("10-19", 13, 3), ("20-29", 11, 3), ("30-39", 11, 3)):
        for chapter in ["J00-J99"] * with_reason + ["I00-I99"] * without:
            persons.append((f"p{len(persons)}", KIEL, band, "female", chapter))

    published = released(cohort(persons))

    assert [block.persons for block in published.blocks] == [block[-1] for block in BLOCKS]
    assert _shares(published) == []


def test_a_group_above_the_limit_is_found() -> None:
    assert _shares(release(blocks=BLOCKS, groups=((0, "J", 45), (0, "F", 10)))) != []


def test_a_set_that_is_above_the_limit_is_found_beside_a_group_at_the_limit() -> None:
    alone: tuple[Line, ...] = ((4, 1, "c", "young", 11),)
    groups: tuple[Line, ...] = ((0, "J", 44), (0, "F", 11), (1, "J", 9), (1, "F", 2))

    found = _shares(release(blocks=BLOCKS + alone, groups=groups))

    assert [(each.lower, each.of) for each in found] == [(9, 11)]
