"""The second place: every checkpoint gets there, whatever happens to the disk or the process."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from fhir.ledger.copies import Copies, read
from infra.database import Database
from tests.fhir.ledger import logs
from tests.fhir.record import NOON

words = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1, max_size=9)
notes = st.tuples(st.lists(words, min_size=3, max_size=4), st.lists(words, min_size=1, max_size=2)).map(
    lambda parts: "\n".join(parts[0]) + "\n\n" + "\n".join(parts[1]) + "\n"
)


@given(st.lists(notes, min_size=1, max_size=5), st.integers(1, 20))
def test_notes_are_read_as_they_were_added_and_a_cut_off_one_is_left_out(
    tmp_path: Path, made: list[str], cut: int
) -> None:
    whole, file = "".join(f"{note}\n" for note in made), tmp_path / "notes.txt"

    file.write_text(whole, encoding="utf-8", newline="")
    assert list(read(file)) == made
    file.write_text(whole[:-cut], encoding="utf-8", newline="")
    left = list(read(file))
    assert left == made[: len(left)] and len(left) < len(made)


def test_each_day_has_its_file(tmp_path: Path) -> None:
    copies = Copies(tmp_path)

    copies.add(["a\n1\nx\n\n- y\n"], now=NOON)
    copies.add(["a\n2\nx\n\n- y\n"], now=NOON + timedelta(days=1))
    copies.add(["a\n3\nx\n\n- y\n"], now=NOON + timedelta(days=1))

    assert [note[2] for note in copies.notes()] == ["1", "2", "3"]
    assert sorted(file.name for file in copies.folder.iterdir()) == [
        "checkpoints-2026-11-23.txt",
        "checkpoints-2026-11-24.txt",
    ]


@pytest.mark.parametrize("away", ["missing", "not mounted"])
async def test_a_second_place_that_goes_away_is_said_and_not_made_anew(
    database: Database, tmp_path: Path, away: str
) -> None:
    sequencer, place = logs.sequencer(database, tmp_path), tmp_path / "copies"
    await logs.reads(database, 2, tenant="north")
    await sequencer.catch_up()
    mounted = place.rename(tmp_path / "elsewhere")
    if away == "not mounted":
        place.mkdir()

    await logs.reads(database, 2, tenant="north")
    with capture_logs() as lines:
        await sequencer.catch_up()

    assert [line["count"] for line in lines if line["event"] == "checkpoints_not_copied"] == [1]
    assert not Copies(place).is_there()
    if place.exists():
        place.rmdir()
    mounted.rename(place)
    await sequencer.catch_up()
    assert [note.split("\n")[1] for note in Copies(place).notes()] == ["2", "4"]


async def test_every_checkpoint_is_copied(database: Database, tmp_path: Path) -> None:
    sequencer = logs.sequencer(database, tmp_path)
    for tenant in ("north", "south", "north"):
        await logs.reads(database, 2, tenant=tenant)
        await sequencer.catch_up()

    copied = [note.split("\n")[:2] for note in Copies(tmp_path / "copies").notes()]

    assert copied == [[f"telemed.example/audit/{t}", n] for t, n in (("north", "2"), ("south", "2"), ("north", "4"))]


async def test_what_a_dead_process_did_not_copy_is_copied_by_the_next_one(database: Database, tmp_path: Path) -> None:
    for copies in (True, False):
        await logs.reads(database, 2)
        await logs.sequencer(database, tmp_path, copies=copies).catch_up()

    next_one = logs.sequencer(database, tmp_path)
    await next_one.remember()
    await next_one.catch_up()

    assert list(Copies(tmp_path / "copies").notes())[1:] == [await logs.newest(database)]


async def test_a_process_that_starts_beside_an_empty_place_of_a_signed_log_says_so_and_does_not_begin_it_anew(
    database: Database, tmp_path: Path
) -> None:
    await logs.reads(database, 2)
    await logs.sequencer(database, tmp_path).catch_up()
    (tmp_path / "copies").rename(tmp_path / "elsewhere")

    next_one = logs.sequencer(database, tmp_path)
    with capture_logs() as lines:
        await next_one.remember()
        await next_one.catch_up()

    assert [line["event"] for line in lines] == ["second_place_lost", "checkpoints_not_copied"]
    assert not Copies(tmp_path / "copies").is_there()


async def test_twin_a_process_that_expects_nothing_would_make_it_anew(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await logs.reads(database, 2)
    await logs.sequencer(database, tmp_path).catch_up()
    (tmp_path / "copies").rename(tmp_path / "elsewhere")
    monkeypatch.setattr(Copies, "expect", lambda self: None)

    next_one = logs.sequencer(database, tmp_path)
    await next_one.remember()
    await next_one.catch_up()

    assert Copies(tmp_path / "copies").is_there()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_second_place_that_is_away_gets_the_newest_when_it_is_back(database: Database, tmp_path: Path) -> None:
    sequencer = logs.sequencer(database, tmp_path)
    (tmp_path / "copies").rmdir()
    with capture_logs() as lines:
        for _ in range(2):
            await logs.reads(database, 1)
            await sequencer.catch_up()
    (tmp_path / "copies").mkdir()

    await sequencer.catch_up()

    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["checkpoints_not_copied"] * 2
    assert list(Copies(tmp_path / "copies").notes()) == [await logs.newest(database)]
