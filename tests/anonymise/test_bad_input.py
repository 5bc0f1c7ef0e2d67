"""What is wrong with persons, hierarchies or the disk is refused or put right; nothing is ever half published."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from anonymise import synthetic
from anonymise.build import build
from anonymise.decisions import decisions
from anonymise.hierarchy import read_hierarchy
from anonymise.manifest import verify
from anonymise.manifest_names import PUBLIC_KEY, is_out
from anonymise.persons import read_persons
from anonymise.pipeline import Shelf, Work, prepare, publish_draft
from anonymise.problems import HierarchyInvalid, InputInvalid, TooFewPersons
from tests.anonymise.builders import BUILDER, NOW, QUARTER, approve_by_two, cohort, definition, group, screened, shelf

SLUG, RELEASE = "reasons-for-encounter", "2026-Q3"
HEADER = "person,municipality,age_band,sex,chapter\n"


def persons_of(folder: Path, *lines: str) -> pl.DataFrame:
    """The persons of a CSV file."""
    path = folder / "persons.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return read_persons(path, definition())


def test_empty_data_are_too_few_persons(tmp_path: Path) -> None:
    with pytest.raises(TooFewPersons):
        build(persons_of(tmp_path), definition())


@pytest.mark.parametrize(("number", "k"), [(1, 10), (9, 10), (24, 25)])
def test_fewer_persons_than_k_are_too_few(number: int, k: int) -> None:
    with pytest.raises(TooFewPersons):
        build(cohort(group(number)), definition(k))


def test_persons_who_are_all_alike_are_one_block_that_tells_no_reason() -> None:
    made = build(cohort(group(40)), definition())

    assert made.blocks.persons.tolist() == [40]
    assert {row.flag for row in made.table.rows if row.keys[-1] != "*"} == {"c"}
    assert screened(made).findings == ()


@pytest.mark.parametrize("line", ["a,,30-39,male,J06.9", "a,01002000,30-39,male,"])
def test_a_missing_value_is_refused_and_says_what_to_write(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputInvalid, match="Write 'unknown'"):
        persons_of(tmp_path, line)


@pytest.mark.parametrize("age", ["-130", "-30", "131", "3e2", "thirty", "30.5"])
def test_an_age_that_nobody_has_is_refused_and_named_by_its_column_alone(tmp_path: Path, age: str) -> None:
    with pytest.raises(InputInvalid, match=r"row 3: age_band holds .* \(1 such rows\)") as refused:
        persons_of(tmp_path, *(f"p{n},01002000,{age if n == 2 else 30},male,J06.9" for n in range(12)))

    assert age not in str(refused.value)


def test_a_person_in_two_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="row 12: this person stands in an earlier row"):
        persons_of(tmp_path, *(f"p{n % 11},01002000,30-39,male,J06.9" for n in range(12)))
    with pytest.raises(InputInvalid, match="more than one row"):
        build(cohort([*group(12), *group(1)]), definition())


def test_a_hundred_thousand_distinct_values_of_no_hierarchy_are_one_short_sentence(tmp_path: Path) -> None:
    number = 100_000
    rows = synthetic.persons(number, seed=1).with_columns(chapter=pl.Series([f"code {n}" for n in range(number)]))

    with pytest.raises(InputInvalid, match="A value of chapter is not in its hierarchy") as refused:
        build(rows, definition())

    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "needs a line"),
        ("value,wide\n", "needs values"),
        ("value,wide\na,x\nb,\n", "no node at the level 'wide'"),
        ("value,wide\na,x\nb\n", "line 3: 1 fields for 2 levels"),
        ("value,wide\na,x\na,y\n", "stands twice"),
        ("value,mid,wide\na,m,x\nb,m,y\n", "two parents"),
        ("value,mid,wide\na,b,x\nb,a,x\nc,b,y\n", "two parents"),
        ("value,value\na,b\n", "different names"),
        ("value,all\na,b\n", "not 'all'"),
    ],
)
def test_a_hierarchy_with_a_hole_a_cycle_or_two_parents_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "places.csv").write_text(content)

    with pytest.raises(HierarchyInvalid, match=said):
        read_hierarchy(tmp_path / "places.csv", "place")


class Full:
    """A disk that is full from the n-th write on: the file that is written then keeps half of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
        self.writes, whole = 0, Path.write_bytes

        def write(path: Path, content: bytes) -> int:
            self.writes += 1
            if self.writes > after:
                whole(path, content[: len(content) // 2])
                raise OSError(28, "No space left on device", str(path))
            return whole(path, content)

        monkeypatch.setattr(Path, "write_bytes", write)


def copied(folder: Path, to: Path) -> Shelf:
    """The same shelf in another folder."""
    shutil.copytree(folder, to)
    return shelf(to)


def at_any_moment(
    monkeypatch: pytest.MonkeyPatch, *, of: Callable[[Path], Shelf], to: Path, act: Callable[[Shelf], object]
) -> list[Shelf]:
    """The shelves on which the disk was full at each of the moments of an act, which failed."""
    found = []
    for after in range(200):
        place = of(to / str(after))
        with monkeypatch.context() as patched:
            disk = Full(patched, after=after)
            try:
                act(place)
            except OSError:
                found.append(place)
                continue
        assert disk.writes <= after
        return found
    raise AssertionError("the act never ends")


@pytest.fixture
def approved(tmp_path: Path) -> Path:
    """A folder with a draft that two people approved."""
    place = shelf(tmp_path / "whole")
    prepare(cohort([*group(60), *group(60, chapter="I00-I99")]), place, work=Work(definition(), QUARTER, NOW, BUILDER))
    approve_by_two(place, SLUG, RELEASE)
    return tmp_path / "whole"


def test_a_disk_that_is_full_at_any_moment_of_publication_leaves_all_or_nothing(
    approved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(place: Shelf) -> object:
        return publish_draft(place, SLUG, RELEASE, now=NOW)

    broken = at_any_moment(monkeypatch, of=lambda to: copied(approved, to), to=tmp_path, act=publish)

    assert len(broken) > 20
    for place in broken:
        out = place.releases_dir / SLUG / RELEASE
        assert is_out(place.releases_dir, SLUG, RELEASE) == out.exists()
        publish(place)
        verify(out, key=(place.releases_dir / PUBLIC_KEY).read_bytes())
        assert [line.outcome for line in decisions(place.releases_dir)] == ["published"]


def test_a_disk_that_is_full_at_any_moment_of_a_draft_leaves_the_one_before(
    approved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = shelf(approved)
    before = place.drafts.read(SLUG, RELEASE)
    report, members = place.drafts.report(SLUG, RELEASE).read_bytes(), place.drafts.members(before)

    def write(on: Shelf) -> object:
        return on.drafts.write(before.facts, files=before.files, audit=before.audit, members=members, report=report)

    broken = at_any_moment(monkeypatch, of=lambda to: copied(approved, to), to=tmp_path, act=write)

    assert len(broken) > 20
    assert {place.drafts.read(SLUG, RELEASE).digest for place in broken} == {before.digest}
    assert not any(path.name.endswith(".draft") for place in broken for path in (place.data_dir / "drafts").iterdir())
