"""The inner report: what it says is so, it stays inside, and it can be read in two languages."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymise import synthetic
from anonymise.attack.folder import folder_of
from anonymise.attack.german import PHRASES, german
from anonymise.attack.run import attack
from anonymise.build import build
from anonymise.inner_pages import report_files
from anonymise.inner_report import _bins, parse, report_on_releases
from anonymise.ledger import Entry
from anonymise.pipeline import AUDITS, Shelf, Work, prepare, publish_draft
from anonymise.problems import DraftAltered, InputInvalid, ReleaseRefused, ReportMissing
from tests.anonymise.attack.folders import files, release
from tests.anonymise.builders import BUILDER, NOW, QUARTER, approve_by_two, definition, shelf

SLUG, RELEASE = "reasons-for-encounter", "2026-Q3"
ENGLISH = re.compile(
    r"\b(at least|at most|between|fewer|persons|withheld|everybody|group|chance|more than|line|So (?:there|at|more))\b"
)
AGES: dict[str, dict[str, tuple[object, ...]]] = {
    "a": {"young": (46,), "old": ("", "c")},
    "b": {"young": (30,), "old": (18,)},
}
WORDS = re.compile(r">([^<]+)<")


def drafted(place: Shelf, *, number: int = 900, first: int = 0) -> None:
    """A draft of some persons."""
    prepare(synthetic.persons(number, seed=1).slice(first), place, work=Work(definition(), QUARTER, NOW, BUILDER))


def refused(place: Shelf) -> None:
    """A draft that the meet refuses, since one person is missing among those of another data set."""
    entry = Entry("other", RELEASE, QUARTER.start, QUARTER.end, definition().cohort.name)
    place.ledger.write(entry, build(synthetic.persons(900, seed=1), definition()).members)
    with pytest.raises(ReleaseRefused):
        drafted(place, first=1)


def test_the_report_on_a_draft_counts_every_person_once(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)

    report = place.reports.read(SLUG, RELEASE)

    [sizes] = report.sizes
    assert report.passed and report.head is not None and report.head.persons == 900
    assert sum(each.persons for each in sizes.blocks) == sum(each.persons for each in sizes.groups) == 900
    assert sizes.smallest >= 10 and all(each.low >= 10 for each in sizes.blocks)
    for coarse in report.coarsened:
        assert sum(coarse.persons) == sum(sum(p.persons) for p in coarse.places) == 900
    assert [each.title.en for each in report.tables[:2]] == [
        "Place of residence (municipality)",
        "Place of residence (amt)",
    ]
    assert report.tables[2].exact == 1.0  # districts


def test_the_report_is_part_of_what_is_approved_and_of_nothing_that_is_published(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)
    draft = place.drafts.read(SLUG, RELEASE)
    before = place.reports.read(SLUG, RELEASE)

    approve_by_two(place, SLUG, RELEASE)
    out = publish_draft(place, SLUG, RELEASE, now=NOW)

    assert not any("report" in name for name in draft.files)
    assert not any("report" in path.name for path in out.folder.iterdir())
    assert place.reports.read(SLUG, RELEASE) == before


def test_a_changed_report_is_not_what_the_audits_saw(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)
    path = place.drafts.report(SLUG, RELEASE)
    path.chmod(0o600)

    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(DraftAltered, match=r"\.report\.sealed"):
        place.drafts.read(SLUG, RELEASE)
    with pytest.raises(InputInvalid):
        place.reports.read(SLUG, RELEASE)


def test_what_was_refused_leaves_a_sealed_report_that_says_why_until_something_is_out(tmp_path: Path) -> None:
    place = shelf(tmp_path)

    refused(place)

    report = place.reports.read(SLUG, RELEASE)
    assert not report.passed and report.head is not None
    assert any(line.startswith("Together with other 2026-Q3") for line in report.head.refusals)
    assert not any(b"Together" in path.read_bytes() for path in (tmp_path / "data" / AUDITS).iterdir())
    drafted(place)
    approve_by_two(place, SLUG, RELEASE)
    publish_draft(place, SLUG, RELEASE, now=NOW)
    assert [path.suffixes[-2] for path in (tmp_path / "data" / AUDITS).glob("*.sealed")] == [".report"]


@pytest.mark.parametrize("name", ["nothing", "../ledger", ""])
def test_without_a_report_there_is_an_error_and_no_way_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportMissing):
        shelf(tmp_path).reports.read(name, RELEASE)


def test_the_pages_say_the_same_in_both_languages_and_escape_what_they_are_given(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    refused(place)

    pages = report_files(place.reports.read(SLUG, RELEASE))

    german_page, english_page = pages["report.html"].decode(), pages["report.en.html"].decode()
    assert 'lang="de"' in german_page and "Abgelehnt" in german_page and "über andere Personen" not in german_page
    assert "Zusammen mit other 2026-Q3" in german_page and "Together with other 2026-Q3" in english_page
    assert german_page.count("<svg") == english_page.count("<svg") > 5


def test_every_finding_of_a_broken_release_is_told_in_german_with_its_picture() -> None:
    by_age = [(place, age, "*", *said) for place, ages in AGES.items() for age, said in ages.items()]
    folder = release(("*", "*", "*", 100), ("a", "*", "*", 52), ("b", "*", "*", 48), *by_age)

    report = parse(report_on_releases([folder], attack([folder])).to_json())

    page = report_files(report)["report.html"].decode()
    told = " ".join(WORDS.findall(page[page.index("<main") :]))
    derived = [finding for finding in report.attacked.findings if finding.derivation]
    assert derived and page.count("<figure>") >= len(derived)
    assert "abzüglich" in told and "Zeile" in told
    assert ENGLISH.findall(told.replace("persons 2026", "")) == []  # the cohort's name


def test_other_kinds_of_findings_are_told_in_german_too() -> None:
    blocks = ((1, 1, "a", "*", 20), (2, 1, "b", "*", 30), (3, 2, "c", "*", 40))
    broken = [
        release(blocks=blocks, groups=((1, "J", 50), (1, "F|M", 0), (2, "J", 20), (2, "F", 20))),
        release(("a", "*", "*", 19), blocks=blocks),
        folder_of(files(("*", "*", "*", 5), ("a", "*", "*", 9), ("b", "*", "*", 9), ("c", "*", "*", 9)), Path("x")),
    ]
    people = ("place", {"a": 21, "b": 30, "c": 40})

    found = [finding for folder in broken for finding in attack([folder], population=people).findings]

    assert {"share", "categories", "more", "presence", "contradiction"} <= {finding.kind for finding in found}
    said = [
        german(text)
        for f in found
        for text in (f.what, f.certain, f.limit, f.conclusion, *(w for s in f.derivation for w in (s.about, s.says)))
    ]
    assert [text for text in said if ENGLISH.search(text)] == []


def test_every_phrase_keeps_what_stands_in_it() -> None:
    for form, words in PHRASES:
        assert len(re.findall(r"(?<!\\)\((?!\?)", form)) == len(set(re.findall(r"\{\d\}", words))), form


@given(st.lists(st.integers(1, 300), max_size=50), st.integers(5, 25))
def test_classes_of_sizes_hold_every_set_once(sizes: list[int], k: int) -> None:
    bins = _bins(np.array(sizes, dtype=np.int64), k=k)

    assert sum(each.sets for each in bins) == len(sizes)
    assert sum(each.persons for each in bins) == sum(sizes)
    assert all(one.high is not None and one.high < two.low for one, two in pairwise(bins))
