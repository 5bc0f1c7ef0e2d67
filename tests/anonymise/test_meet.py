"""The meet clears only what no union, intersection or difference of blocks narrows; the ledger keeps block numbers sealed."""

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymise import meet as meets
from anonymise.audit import together
from anonymise.ledger import Entry, Ledger, SecretFile
from anonymise.meet import Standing, meet, standings
from anonymise.periods import month
from anonymise.problems import InputInvalid
from anonymise.rule import Rule
from tests.anonymise.builders import QUARTER
from tests.effort import examples

LATER = QUARTER.next()
BLOCKS = st.lists(st.lists(st.integers(0, 3), min_size=12, max_size=12), min_size=1, max_size=4)


def entry(slug: str, cohort: str = "kiel", *, later: bool = False) -> Entry:
    period = LATER if later else QUARTER
    return Entry(slug, period.name, period.start, period.end, cohort)


def members(blocks: dict[str, int]) -> pl.DataFrame:
    return pl.DataFrame({"person": list(blocks), "block": list(blocks.values())})


def formed(lists: list[list[int]]) -> list[frozenset[int]]:
    """Every set that unions, intersections and differences of blocks can form, smallest parts first."""
    parts: dict[tuple[int, ...], set[int]] = {}
    for person, places in enumerate(zip(*lists, strict=True)):
        if any(places):
            parts.setdefault(places, set()).add(person)
    atoms = [frozenset(each) for each in parts.values()]
    return [frozenset().union(*some) for n in (1, 2) for some in combinations(atoms, n)]


@examples(40)
@given(BLOCKS, st.integers(1, 5), st.sampled_from([0, 10**6]))
def test_it_clears_exactly_if_no_formed_set_is_small(lists: list[list[int]], k: int, table: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meets, "TABLE", table)

        met = meet([Standing(str(n), np.array(blocks)) for n, blocks in enumerate(lists)])

    assert (met.small(k) == 0) == all(len(each) >= k for each in formed(lists))
    assert int(met.sizes.sum()) == sum(any(places) for places in zip(*lists, strict=True))


def test_one_person_withdrawn_between_two_releases_is_seen_by_the_meet() -> None:
    everybody = {f"p{n}": n // 10 for n in range(40)}
    before, after = members(everybody), members({p: b for p, b in everybody.items() if p != "p7"})

    assert meet(standings({"before": before, "after": after})).small(10) == 2
    assert meet(standings({"before": before, "again": before})).small(10) == 0


def test_a_period_is_frozen_for_the_persons_of_its_first_release() -> None:
    everybody = {f"p{n}": n // 20 for n in range(40)}
    first, without = standings({"first": members(everybody), "second": members(dict(list(everybody.items())[20:]))})

    refused = together(entry("second"), without, [(entry("first"), first)], rule=Rule())
    same = together(entry("second"), first, [(entry("first"), first)], rule=Rule())

    assert "it is about other persons" in refused.refusals[0]
    assert same.refusals == () and same.cleared and same.met == ("first",)


def test_another_partition_of_the_same_persons_is_refused() -> None:
    one, other = standings(
        {
            "one": members({f"p{n}": n // 20 for n in range(40)}),
            "other": members({f"p{n}": (n + 5) // 20 for n in range(40)}),
        }
    )

    refused = together(entry("other"), other, [(entry("one"), one)], rule=Rule())

    assert "a difference of rows holds fewer than 10 persons" in refused.refusals[0]


@pytest.mark.parametrize("kept", [20, 130, -9])
def test_an_entry_that_is_cut_off_is_named_with_what_to_do(tmp_path: Path, kept: int) -> None:
    ledger = Ledger(tmp_path, SecretFile(tmp_path / "key"))
    ledger.write(entry("use"), members({"a": 5, "b": 7}))
    [path] = tmp_path.glob("*.sealed")
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(InputInvalid, match=r"use--2026-Q3\.sealed of the ledger .* Put back file and key"):
        ledger.overlapping(entry("other"))


def test_a_key_that_is_gone_is_not_made_anew_beside_what_it_sealed(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger", SecretFile(tmp_path / "ledger.key")).write(entry("use"), members({"a": 5}))
    (tmp_path / "ledger.key").unlink()

    with pytest.raises(InputInvalid, match="Put it back from the backup"):
        SecretFile(tmp_path / "ledger.key")
    assert not (tmp_path / "ledger.key").exists()


def test_cohorts_that_only_overlap_are_left_to_the_attack() -> None:
    quarter, week = standings(
        {"quarter": members({f"p{n}": n // 20 for n in range(40)}), "week": members({f"p{n}": 0 for n in range(15)})}
    )

    inside = month(2026, 8)
    own = Entry("week", inside.name, inside.start, inside.end, "weeks")
    left = together(own, week, [(entry("quarter"), quarter)], rule=Rule())

    assert left.refusals == () and not left.cleared


def test_the_ledger_gives_back_who_stood_where_and_numbers_newcomers_behind(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SecretFile(tmp_path / "key"))
    ledger.write(entry("use"), members({"a": 5, "b": 7}))
    ledger.write(entry("waiting"), members({"c": 1, "b": 9}))
    ledger.write(entry("use", later=True), members({"d": 1}))

    [(found, standing)] = ledger.overlapping(entry("use"))

    assert found == entry("waiting") and standing.blocks.tolist() == [0, 2, 1]
    assert [ledger.counts(standing, person) for person in ("a", "b", "c", "z")] == [False, True, True, False]
    assert ledger.entries() == [entry("use"), entry("use", later=True), entry("waiting")]


def test_an_entry_of_another_form_is_refused_in_words(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SecretFile(tmp_path / "key"))
    header = '{"slug": "x", "release": "2026-Q3", "start": "2026-07-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"}'
    (tmp_path / "x--2026-Q3.sealed").write_bytes(header.encode() + b"\nrest")

    with pytest.raises(InputInvalid, match=r"names no cohort"):
        ledger.entries()
