"""A quarter that the record covers in part says so, and only by weeks of many persons."""

import json
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from anonymise import synthetic
from anonymise.about import Covered, parse, read
from anonymise.coverage import WEEK, Extent, covered, lower_step, monday
from anonymise.pipeline import Work, prepare
from tests.anonymise.builders import NOW, QUARTER, Record, definition, publish_persons, shelf

K = 10
MONDAYS = [monday(QUARTER.first) + number * WEEK for number in range(14)]


@given(st.integers(1, 400), st.integers(0, 400), st.integers(5, 25))
def test_no_share_that_is_told_narrows_who_is_in_or_who_is_not_to_fewer_than_k(whole: int, more: int, k: int) -> None:
    told: dict[float, list[int]] = {}
    for part in range(whole + more + 1):
        share = lower_step(part, whole + more, of_public=whole, k=k)
        if share is not None:
            told.setdefault(share, []).append(part)

    for share, parts in told.items():
        rest = [whole + more - part for part in parts]
        assert all(part >= share * (whole + more) - 1e-6 for part in parts)
        assert max(parts) >= k
        assert max(rest) >= k or rest == [0]


def test_without_a_scale_that_is_coarse_a_share_would_narrow() -> None:
    fine = {part: int(part / 100 / 0.05) for part in range(101)}

    assert max(100 - part for part, step in fine.items() if step == 19) < K


@given(st.integers(11, 2000), st.integers(5, 25))
def test_a_larger_part_never_has_a_smaller_share(whole: int, k: int) -> None:
    shares = [lower_step(part, whole, of_public=whole, k=k) or 0.0 for part in range(whole + 1)]

    assert shares == sorted(shares)


def test_a_cohort_says_whom_the_record_holds_and_which_clinics_report() -> None:
    record = Record()
    for number in range(30):
        record.encounter(f"p{number}", clinic="clinic-a" if number < 25 else "clinic-b")
        record.patient(f"p{number}")
        if number < 20:
            record.consent(f"p{number}")

    found = record.cohort().extent

    assert found == Extent(treated=30, permitted=20, reporting=1, clinics=2)


def test_a_release_tells_its_coverage_in_every_form(tmp_path: Path) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(900, seed=1)
    work = Work(definition(), QUARTER, NOW, "builder", None, Extent(1200, 1000, 11, 14))

    files = prepare(persons, place, work=work).files

    told = parse(files["about.json"]).coverage
    assert told is not None and told.population == round(900 / (told.inhabitants or 1), 4)
    assert (told.permitted, told.reporting, told.clinics) == (0.8, 11, 14)
    assert told.known["chapter"] == 0.95 and "sex" not in told.known
    assert json.loads(files["reasons-for-encounter.jsonstat.json"])["extension"]["coverage"]["permitted"] == 0.8
    for name in ("index.en.html", "audit.en.html", "csv-metadata.json"):
        text = files[name].decode()
        assert "at least 80%" in text and "11 of 14" in text and "a published period is not revised" in text, name
    assert "mindestens 80 %" in files["audit.html"].decode()


def test_a_whole_quarter_says_nothing() -> None:
    assert covered(dict.fromkeys(MONDAYS, 50), QUARTER, k=K) is None


def test_a_record_that_ends_in_the_middle_says_until_when() -> None:
    weeks = {day: 50 if day < date(2026, 8, 17) else 2 for day in MONDAYS}

    assert covered(weeks, QUARTER, k=K) == (QUARTER.first, date(2026, 8, 16))


def test_a_record_that_begins_in_the_middle_says_from_when() -> None:
    weeks = {day: 50 for day in MONDAYS if day >= date(2026, 8, 17)}

    assert covered(weeks, QUARTER, k=K) == (date(2026, 8, 17), QUARTER.last)


def test_a_quiet_week_at_the_end_is_no_end() -> None:
    assert covered({**dict.fromkeys(MONDAYS, 50), MONDAYS[-1]: 1, MONDAYS[-2]: 4}, QUARTER, k=K) is None


def test_of_few_persons_nothing_is_said() -> None:
    assert covered({MONDAYS[3]: K - 1}, QUARTER, k=K) is None
    assert covered({}, QUARTER, k=K) is None


@given(st.dictionaries(st.sampled_from(MONDAYS), st.integers(1, 60)))
def test_no_day_that_is_told_belongs_to_a_week_of_fewer_than_k(weeks: dict[date, int]) -> None:
    told = covered(weeks, QUARTER, k=K)

    if told is not None:
        assert QUARTER.first <= told[0] <= told[1] <= QUARTER.last
        assert all(weeks[monday(day)] >= K for day in told)
        assert told[1] - told[0] >= timedelta(0)


def test_only_persons_who_count_tell_how_far_the_record_reaches() -> None:
    record = Record()
    for number in range(K):
        record.whole(f"counted-{number}")
        record.encounter(f"silent-{number}", end="2026-09-21T10:00:00+02:00")

    assert record.cohort().covered == (date(2026, 8, 3), date(2026, 8, 9))


def test_a_release_says_in_both_languages_how_far_the_record_reaches(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    persons = synthetic.persons(900, 1)
    told = (date(2026, 7, 1), date(2026, 8, 16))

    release = publish_persons(persons, place, definition=definition(), quarter=QUARTER, now=NOW, covered=told)

    for page, words in {"index.html": "fast alle Behandlungen", "index.en.html": "Nearly all encounters"}.items():
        text = (release.folder / page).read_text()
        assert words in text and "2026-07-01" in text and "2026-08-16" in text
        # Estimates show their bounds in the chart, and the page leads to all that describes the data.
        assert 'class="bounds"' in text
        assert 'href="codes.json"' in text and 'href="about.json"' in text
    assert read(release.folder).covered == Covered(*told)
