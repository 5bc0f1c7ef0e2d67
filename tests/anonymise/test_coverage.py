"""A quarter that the record covers in part says so, and only by weeks of many persons."""

from datetime import date, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from anonymise import synthetic
from anonymise.about import Covered, read
from anonymise.coverage import WEEK, covered, monday
from tests.anonymise.builders import NOW, QUARTER, Record, definition, publish_persons, shelf

K = 10
MONDAYS = [monday(QUARTER.first) + number * WEEK for number in range(14)]


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
