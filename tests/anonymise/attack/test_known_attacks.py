"""The attacks of the literature, each on numbers that fall to it and on numbers that do not."""

from collections.abc import Sequence
from pathlib import Path

from anonymise.attack.findings import Finding, Kind
from anonymise.attack.folder import Folder, folder_of
from anonymise.attack.published import Dimension
from anonymise.attack.run import attack
from anonymise.rule import Rule
from tests.anonymise.attack.folders import files, release
from tests.anonymise.attack.worlds import PLACE, REASON, found_by_attack, published, statement, withheld

RULE = Rule(10, 0.8, 2)
BY_REASON = (PLACE, REASON)
BLOCKS = ((1, 1, "a", "*", 20), (2, 1, "b", "*", 30), (3, 2, "c", "*", 40))
FINE = ((1, "J", 25), (1, "F", 25), (2, "J", 20), (2, "F", 20))


def kinds(findings: Sequence[Finding]) -> set[Kind]:
    return {finding.kind for finding in findings}


def found(*folders: Folder) -> tuple[Finding, ...]:
    return attack(folders).findings


def test_what_is_shown_by_blocks_and_groups_that_keep_the_rule_withstands() -> None:
    whole = attack([release(blocks=BLOCKS, groups=FINE)])

    assert whole.findings == ()
    assert all(whole.public().values())


def test_homogeneity_everybody_of_a_group_has_the_same_reason() -> None:
    groups = ((1, "J", 50), (1, "F|M", 0), *FINE[2:])

    findings = found(release(blocks=BLOCKS, groups=groups))

    assert {"share", "categories"} <= kinds(findings)
    [share] = [f for f in findings if f.kind == "share" and "a" in f.what.split(":")[0]][:1]
    assert share.lower == share.of


def under_another_name(content: dict[str, bytes]) -> Folder:
    """The release, its telling dimension called cause."""
    named = {
        name: each.replace(b'"reason"', b'"cause"').replace(b",reason,", b",cause,") for name, each in content.items()
    }
    return folder_of(named, Path("causes"))


def test_the_diagnosis_twice_under_two_names_is_attacked_as_one() -> None:
    one = release(
        blocks=((1, 1, "a", "*", 20), (2, 1, "b", "*", 20), (3, 2, "c", "*", 40)),
        groups=((1, "J", 30), (1, "F", 10), (2, "J", 20), (2, "F", 20)),
    )
    other = under_another_name(
        files(
            slug="causes",
            blocks=((1, 1, "a", "*", 20), (2, 2, "b", "*", 20), (3, 2, "c", "*", 40)),
            groups=((1, "J", 10), (1, "F", 10), (2, "J", 40), (2, "F", 20)),
        )
    )

    alone, both = (found(one), found(other)), found(one, other)

    assert alone == ((), ())
    assert {"share"} <= kinds(both) and all(
        set(f.releases) == {one.name, other.name} for f in both if f.kind == "share"
    )


def test_two_dimensions_with_the_same_values_that_say_something_else_are_not_taken_for_one() -> None:
    one = release(blocks=BLOCKS, groups=FINE)
    other = under_another_name(files(slug="causes", blocks=BLOCKS, groups=((1, "J", 15), (1, "F", 35), *FINE[2:])))

    assert found(one, other) == ()


def test_background_knowledge_who_can_rule_out_one_reason_knows_the_other() -> None:
    two_reasons = ((1, "J", 30), (1, "F", 20), (2, "J", 15), (2, "F", 15), (2, "M", 10))

    findings = found(release(blocks=BLOCKS, groups=two_reasons, categories=3))

    assert "categories" in kinds(findings)
    assert kinds(found(release(blocks=BLOCKS, groups=two_reasons, categories=2))) == set()


def test_similarity_different_codes_that_mean_nearly_the_same() -> None:
    alike = Dimension("reason", "sensitive", ("F10", "F11", "J06"), kin=((0, 1),))
    dimensions = (PLACE, alike)
    said = [
        statement(dimensions, "a", "*", lower=40),
        *(statement(dimensions, "a", code, lower=n) for code, n in (("F10", 18), ("F11", 18), ("J06", 4))),
    ]

    findings = found_by_attack(published(dimensions, *said, rule=Rule(1, 0.8, 2)))

    assert [f.lower for f in findings if f.kind == "share" and "F10, F11" in f.what] == [36]
    unrelated = (PLACE, Dimension("reason", "sensitive", alike.values))
    assert kinds(found_by_attack(published(unrelated, *said, rule=Rule(1, 0.8, 2)))) == set()


def test_skewness_a_share_of_a_part_that_is_far_above_that_of_the_whole() -> None:
    said = [
        statement(BY_REASON, "*", "*", lower=1000), statement(BY_REASON, "*", "F", lower=60),
        statement(BY_REASON, "a|b", "F", lower=10), statement(BY_REASON, "c", "*", lower=100),
    ]  # fmt: skip
    skewed = Rule(10, 0.99, 2, skew_limit=0.3)

    findings = found_by_attack(published(BY_REASON, *said, rule=skewed))

    assert [(f.kind, f.lower, f.of, f.limit) for f in findings] == [("share", 50, 100, "at most 36%")]
    assert found_by_attack(published(BY_REASON, *said, rule=Rule(10, 0.99, 2))) == []


def test_minimality_a_group_left_whole_though_only_one_part_could_break_the_rule() -> None:
    blocks = ((1, 1, "a", "young", 100), (2, 1, "a", "old", 900), (3, 2, "c", "*", 40))
    groups = ((1, "J", 700), (1, "F", 300), (2, "J", 20), (2, "F", 20))

    findings = found(release(blocks=blocks, groups=groups))

    assert kinds(findings) == {"minimality"}
    assert any("young" in f.what or "block 1" in f.what for f in findings)


def test_composition_two_quarters_leave_one_reason_to_who_is_in_both() -> None:
    before = release(blocks=BLOCKS, groups=((1, "J", 25), (1, "F", 25), (1, "M", 0), *FINE[2:]), quarter=2)
    after = release(blocks=BLOCKS, groups=((1, "J", 25), (1, "F", 0), (1, "M", 25), *FINE[2:]), quarter=3)

    findings = found(before, after)

    assert kinds(findings) == {"composition"}
    assert all(f.lower == f.of == 25 and f.what.endswith(": J") for f in findings)
    assert found(before) == found(after) == ()


def test_composition_a_share_that_no_quarter_shows_alone() -> None:
    before = release(blocks=BLOCKS, groups=((1, "J", 38), (1, "F", 12), (1, "M", 0), *FINE[2:]), quarter=2)
    after = release(
        blocks=((1, 1, "a+b", "*", 50), (3, 2, "c", "*", 40)),
        groups=((1, "J", 30), (1, "F", 5), (1, "M", 15), *FINE[2:]),
        quarter=3,
    )

    findings = [f for f in found(before, after) if f.kind == "composition"]

    assert {(f.lower, f.of) for f in findings} == {(30, 35)}


def test_differencing_of_overlapping_areas() -> None:
    overlapping = release(("a+b", "*", "*", 50), ("b+c", "*", "*", 55), ("*", "*", "*", 80), ("b", "*", "*", "", "c"))

    findings = found(overlapping)

    narrowed = {f.what.split(" (")[0]: f.upper for f in found(release(("a+b", "*", "*", 50), ("*", "*", "*", 53)))}
    assert narrowed == {"place c": 3}
    assert kinds(findings) == set()


def test_complementary_disclosure_one_number_left_out_of_a_sum() -> None:
    findings = found(release(("*", "*", "*", 80), ("a", "*", "*", 40), ("b", "*", "*", 36), ("c", "*", "*", "", "c")))

    [finding] = findings
    assert (finding.kind, finding.lower, finding.upper) == ("set", 4, 4)
    assert finding.conclusion == "So there are at most 4 of them: 80 - 40 - 36 = 4."
    assert [step.where for step in finding.derivation] == [f"reasons 2026-Q3, reasons.csv line {n}" for n in (2, 3, 4)]


def test_total_minus_parts_of_several_data_sets_about_one_cohort() -> None:
    one = release(("*", "*", "*", 80), ("a", "*", "*", 40), slug="use")
    other = release(("b", "*", "*", 35), slug="waiting")

    assert {f.upper for f in found(one, other) if f.kind == "set"} == {5}
    assert found(one) == found(other) == ()


def test_a_shorter_period_inside_a_longer_one_is_subtracted() -> None:
    def said(cohort: str, number: int, last_month: int) -> object:
        from datetime import date

        told = statement((PLACE,), "a", lower=number)
        return published((PLACE,), told, rule=RULE, name=cohort, cohort=cohort, last=date(2026, last_month, 28))

    findings = found_by_attack(said("quarter", 43, 9), said("month", 40, 7))  # type: ignore[arg-type]

    assert [(f.kind, f.upper) for f in findings] == [("set", 3)]
    assert "in quarter but not in month" in findings[0].what


def test_a_withheld_number_is_at_least_one() -> None:
    said = [
        statement((PLACE,), "*", lower=20), withheld((PLACE,), "a"), withheld((PLACE,), "b"), withheld((PLACE,), "c")
    ]  # fmt: skip

    assert found_by_attack(published((PLACE,), *said, rule=Rule(19))) != []
    assert found_by_attack(published((PLACE,), *said, rule=Rule(18))) == []


def test_numbers_that_contradict_each_other_are_named_and_no_more_than_needed() -> None:
    findings = found(release(("*", "*", "*", 80), ("a", "*", "*", 50), ("b+c", "*", "*", 20), ("b", "*", "*", 12)))

    [finding] = findings
    assert finding.kind == "contradiction"
    assert {step.says for step in finding.derivation} == {"80", "50", "20"}
