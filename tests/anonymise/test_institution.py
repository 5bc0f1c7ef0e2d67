"""Legal basis `institution`: each clinic counts its own persons for itself, and all of them are attacked together."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymise import build as building
from anonymise import synthetic
from anonymise.attack.folder import Folder, folder_of
from anonymise.attack.run import attack
from anonymise.build import build
from anonymise.definition import cohort_definitions, shipped
from anonymise.drafts import Draft
from anonymise.inner_report import InnerReport
from anonymise.pipeline import Shelf, Work, prepare, publish_draft
from anonymise.problems import ReleaseRefused, TooFewPersons
from telemed.demo.clinics import CLINICS
from tests.anonymise.attack.folders import files
from tests.anonymise.builders import BUILDER, KIEL, NOW, QUARTER, Record, approve_by_two, screened, shelf
from tests.effort import examples

ONE, TWO = "demo-clinic-01", "demo-clinic-02"
WANTED = shipped("persons-by-clinic", "kiel-clinics")


def drafted(place: Shelf, persons: pl.DataFrame) -> Draft:
    return prepare(persons, place, work=Work(WANTED, QUARTER, NOW, BUILDER))


def units(record: Record) -> list[tuple[str, str]]:
    """Person and clinic of every unit that is extracted."""
    found = record.cohort(definitions=cohort_definitions("kiel-clinics")).persons
    return sorted(zip(found["person"].to_list(), found["clinic"].to_list(), strict=True))


def test_every_clinic_of_the_demo_takes_part() -> None:
    assert WANTED.hierarchies["clinic"].values == tuple(clinic.id for clinic in CLINICS)


def test_a_person_at_two_clinics_is_two_units_that_nobody_can_join_and_needs_no_consent() -> None:
    record = Record()
    for clinic in (ONE, TWO):
        record.encounter("ada", clinic=clinic)
        record.patient("ada", clinic=clinic)

    assert units(record) == [(f"ada@{ONE}", ONE), (f"ada@{TWO}", TWO)]


def test_who_objected_at_a_clinic_is_not_counted_there_and_only_there() -> None:
    record = Record()
    for clinic in (ONE, TWO):
        record.encounter("ada", clinic=clinic)
        record.patient("ada", clinic=clinic)
    record.consent("ada", "deny", clinic=TWO)

    assert units(record) == [(f"ada@{ONE}", ONE)]


def test_a_clinic_that_does_not_take_part_is_not_read() -> None:
    record = Record()
    record.encounter("ada", clinic="clinic-a")
    record.patient("ada", clinic="clinic-a")
    record.encounter("ben", clinic=ONE)
    record.patient("ben", clinic=ONE)

    assert units(record) == [(f"ben@{ONE}", ONE)]


def clinics_of_blocks(persons: pl.DataFrame) -> list[int]:
    """How many clinics there are in each block."""
    made = build(persons, WANTED)
    joined = made.members.join(persons.select("person", "clinic"), on="person")
    return joined.group_by("block").agg(pl.col("clinic").n_unique())["clinic"].to_list()


@st.composite
def populations(draw: st.DrawFn) -> pl.DataFrame:
    """Persons of some clinics, large and small; one clinic has enough."""
    sizes = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))
    rows = [(clinic.id, n) for clinic, size in zip(CLINICS, [12, *sizes], strict=False) for n in range(size)]
    persons = synthetic.persons(len(rows), seed=draw(st.integers(0, 99)))
    return persons.with_columns(clinic=pl.Series([clinic for clinic, _ in rows]))


@examples(20)
@given(populations())
def test_every_block_holds_k_persons_of_one_clinic_and_small_clinics_are_left_out(persons: pl.DataFrame) -> None:
    made = build(persons, WANTED)

    sizes = dict(persons.group_by("clinic").len().iter_rows())
    assert set(clinics_of_blocks(persons)) == {1}
    assert made.blocks.persons.min() >= 10
    assert made.persons.height == sum(size for size in sizes.values() if size >= 10)
    assert screened(made, definition=WANTED).findings == ()


def test_if_small_clinics_were_not_left_out_blocks_would_reach_over_clinics(monkeypatch: pytest.MonkeyPatch) -> None:
    persons = synthetic.persons(40, seed=1).with_columns(
        clinic=pl.Series([ONE] * 25 + [TWO] * 9 + ["demo-clinic-03"] * 6)
    )
    monkeypatch.setattr(building, "taking_part", lambda persons, _: persons)

    assert max(clinics_of_blocks(persons)) > 1


def test_if_no_clinic_has_enough_persons_there_is_no_release() -> None:
    persons = synthetic.persons(18, seed=1).with_columns(clinic=pl.Series([ONE] * 9 + [TWO] * 9))

    with pytest.raises(TooFewPersons):
        build(persons, WANTED)


def test_both_kinds_of_statistics_of_one_quarter_are_published_and_attacked_together(tmp_path: Path) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(3000, seed=1)
    consented = prepare(persons.head(2000), place, work=Work(shipped(), QUARTER, NOW, BUILDER))
    approve_by_two(place, consented.facts.slug, "2026-Q3")
    publish_draft(place, consented.facts.slug, "2026-Q3", now=NOW)
    named = persons.with_columns(person=pl.col("person") + "@" + pl.col("clinic"))

    draft = drafted(place, named)

    report = place.reports.read(draft.facts.slug, "2026-Q3")
    assert report.head is not None and report.attacked.releases == (
        "reasons-for-encounter 2026-Q3",
        "persons-by-clinic 2026-Q3",
    )
    assert report.head.met == ("reasons-for-encounter 2026-Q3",) and not report.head.cleared
    approve_by_two(place, draft.facts.slug, "2026-Q3")
    out = publish_draft(place, draft.facts.slug, "2026-Q3", now=NOW)
    page = (out.folder / "index.en.html").read_text()
    assert "did not object" in page and "agreed to the statistics" not in page
    assert "for itself" in (out.folder / "method.en.html").read_text()


def folder(name: str, basis: str, rows: tuple[tuple[object, ...], ...]) -> Folder:
    """A release that counts by a legal basis, with exact rows by place."""
    made = files(*rows, slug=name)
    about = made["about.json"].replace(b'"slug"', f'"legal_basis": "{basis}", "cohort": "{name}", "slug"'.encode())
    return folder_of({**made, "about.json": about}, Path(name))


def test_the_difference_of_both_kinds_counts_those_that_only_one_knows() -> None:
    clinics = folder("clinics", "institution", (("*", "*", "*", 90), ("a", "*", "*", 50), ("b", "*", "*", 40)))
    persons = folder("persons", "consent", (("*", "*", "*", 60), ("a", "*", "*", 46), ("b", "*", "*", 14)))

    found = attack([clinics, persons]).findings

    assert [(f.kind, f.what, f.lower, f.upper) for f in found] == [
        ("set", "place a, counted in clinics 2026-Q3 alone", 4, 4)
    ]
    assert [step.sign for step in found[0].derivation] == [1, -1]
    assert attack([clinics]).findings == attack([persons]).findings == ()


def test_a_difference_that_leaves_open_whether_there_is_anybody_is_no_finding() -> None:
    clinics = folder("clinics", "institution", (("*", "*", "*", 90), ("a", "*", "*", 50)))
    same = folder("persons", "consent", (("*", "*", "*", 60), ("a", "*", "*", 50)))
    rough = folder("persons", "consent", (("*", "*", "*", 60), ("a", "*", "*", 48, "e", 44, 52)))

    assert attack([clinics, same]).findings == ()
    assert attack([clinics, rough]).findings == ()


def test_two_drafts_whose_difference_is_small_are_not_both_published(tmp_path: Path) -> None:
    place, persons = (
        shelf(tmp_path),
        synthetic.persons(600, seed=3).with_columns(municipality=pl.lit(KIEL), clinic=pl.lit(ONE)),
    )
    consented = prepare(persons.head(595), place, work=Work(shipped(), QUARTER, NOW, BUILDER))
    approve_by_two(place, consented.facts.slug, "2026-Q3")
    publish_draft(place, consented.facts.slug, "2026-Q3", now=NOW)

    with pytest.raises(ReleaseRefused, match="counted in persons-by-clinic 2026-Q3 alone"):
        drafted(place, persons.with_columns(person=pl.col("person") + f"@{ONE}"))

    report: InnerReport = place.reports.read("persons-by-clinic", "2026-Q3")
    assert report.attacked.outcomes["set"] >= 1
