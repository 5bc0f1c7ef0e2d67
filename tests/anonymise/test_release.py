"""The release folder: complete, signed, read-only, frozen; the ledger remembers, the register tells."""

import html
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from errno import ENOSPC
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anonymise import synthetic
from anonymise.build import build
from anonymise.decisions import decisions
from anonymise.drafts import Draft
from anonymise.ledger import Entry, Ledger, SecretFile
from anonymise.manifest import public_pem, verify
from anonymise.periods import Quarter
from anonymise.pipeline import Shelf, Work, prepare, publish_draft
from anonymise.problems import (
    InputInvalid,
    PeriodFrozen,
    PeriodNotOver,
    ReleaseDamaged,
    ReleaseRefused,
    TwoBuilders,
)
from anonymise.release import Release
from tests.anonymise.builders import BUILDER, NOW, QUARTER, approve_by_two, definition, publish_persons, shelf, unlock

PRE = re.compile(r"<pre>(.*?)</pre>", re.DOTALL)
DOWNLOADED = ("reasons-for-encounter.csv", "manifest.json", "manifest.sig")
SLUG = "reasons-for-encounter"
FORMATS = ("csv", "parquet", "jsonstat.json", "ttl")


def published(place: Shelf, *, seed: int = 1, number: int = 900, quarter: Quarter = QUARTER) -> Release:
    persons = synthetic.persons(number, seed)
    return publish_persons(persons, place, definition=definition(), quarter=quarter, now=NOW)


def drafted(place: Shelf, *, seed: int = 1) -> Draft:
    work = Work(definition(), QUARTER, NOW, BUILDER)
    return prepare(synthetic.persons(900, seed), place, work=work)


def public_key(place: Shelf) -> bytes:
    return (place.releases_dir / "signing-key.pem").read_bytes()


def test_a_release_holds_every_form_and_is_read_only(tmp_path: Path) -> None:
    place = shelf(tmp_path)

    release = published(place)

    names = {path.name for path in release.folder.iterdir()}
    assert release.folder == place.releases_dir / "reasons-for-encounter" / "2026-Q3"
    assert {f"reasons-for-encounter.{suffix}" for suffix in FORMATS} <= names
    assert {
        "index.html",
        "method.html",
        "codebook.html",
        "csv-metadata.json",
        "dcat.ttl",
        "dcat.jsonld",
        "manifest.sig",
    } <= names
    assert {path.stat().st_mode & 0o222 for path in [release.folder, *release.folder.iterdir()]} == {0}


@pytest.mark.parametrize(
    "name", ["reasons-for-encounter.csv", "index.html", "areas.csv", "manifest.json", "manifest.sig"]
)
def test_one_changed_byte_fails_verification_naming_the_file(tmp_path: Path, name: str) -> None:
    place = shelf(tmp_path)
    release = published(place)
    verify(release.folder, key=public_key(place))
    unlock(release)
    content = bytearray((release.folder / name).read_bytes())
    content[len(content) // 2] ^= 1

    (release.folder / name).write_bytes(bytes(content))

    with pytest.raises(ReleaseDamaged, match="manifest.json" if name.startswith("manifest") else name):
        verify(release.folder, key=public_key(place))


def test_a_missing_an_added_file_and_another_key_fail_verification(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    release = published(place)
    unlock(release)

    with pytest.raises(ReleaseDamaged, match=r"manifest.json is not what was signed"):
        verify(release.folder, key=public_pem(Ed25519PrivateKey.generate()))
    (release.folder / "extra.csv").write_text("x")
    with pytest.raises(ReleaseDamaged, match=r"extra.csv is not part"):
        verify(release.folder, key=public_key(place))
    (release.folder / "areas.csv").unlink()
    with pytest.raises(ReleaseDamaged, match=r"areas.csv is missing"):
        verify(release.folder, key=public_key(place))


def test_the_pages_own_commands_verify_a_download_and_see_one_changed_byte(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    folder = published(place).folder
    [block] = [text for text in PRE.findall((folder / "index.html").read_text()) if "openssl" in text]
    copied = tmp_path / "download"
    copied.mkdir()
    for file in (place.releases_dir / "signing-key.pem", *(folder / name for name in DOWNLOADED)):
        (copied / file.name).write_bytes(file.read_bytes())

    command = ["sh", "-ec", html.unescape(block)]
    good = subprocess.run(command, cwd=copied, capture_output=True, check=False)
    table = copied / DOWNLOADED[0]
    table.write_bytes(table.read_bytes().replace(b"2", b"3", 1))
    bad = subprocess.run(command, cwd=copied, capture_output=True, check=False)

    assert (good.returncode, bad.returncode) == (0, 1), good.stdout + good.stderr
    assert sha256((folder / DOWNLOADED[0]).read_bytes()).hexdigest() in good.stdout.decode()


def test_a_published_period_is_frozen(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    release = published(place)
    before = {path.name: path.read_bytes() for path in release.folder.iterdir()}

    for seed in (1, 2):
        with pytest.raises(PeriodFrozen):
            published(place, seed=seed)

    assert {path.name: path.read_bytes() for path in release.folder.iterdir()} == before
    assert [decision.outcome for decision in decisions(place.releases_dir)] == ["published"]


def test_two_builders_at_once_leave_one_whole_draft(tmp_path: Path) -> None:
    place = shelf(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(drafted, place, seed=seed) for seed in (1, 2, 1, 2)]
        failed = {type(future.exception()) for future in done if future.exception()}
        digests = {future.result().digest for future in done if not future.exception()}

    assert failed <= {TwoBuilders}
    assert place.drafts.read(SLUG, "2026-Q3").digest in digests
    approve_by_two(place, SLUG, "2026-Q3")
    verify(publish_draft(place, SLUG, "2026-Q3", now=NOW).folder, key=public_key(place))


def test_who_waited_for_another_builder_does_not_replace_their_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, alone, others = shelf(tmp_path), Ledger.alone, [2]

    def later(ledger: Ledger) -> AbstractContextManager[None]:
        if others:
            drafted(place, seed=others.pop())
        return alone(ledger)

    monkeypatch.setattr(Ledger, "alone", later)
    with pytest.raises(TwoBuilders):
        drafted(place, seed=1)

    assert len(place.drafts.waiting()) == 1


def test_two_publishers_at_once_publish_one_release(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)
    approve_by_two(place, SLUG, "2026-Q3")

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(publish_draft, place, SLUG, "2026-Q3", now=NOW) for _ in range(4)]
        outcomes = sorted(type(future.exception()).__name__ for future in done)

    assert outcomes == ["DraftMissing"] * 3 + ["NoneType"]
    assert [decision.outcome for decision in decisions(place.releases_dir)] == ["published"]


def test_a_period_that_is_not_over_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeriodNotOver):
        published(shelf(tmp_path), quarter=QUARTER.next())


def test_what_a_broken_attempt_left_behind_is_cleared_away(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    draft = place.releases_dir / ".reasons-for-encounter-2026-Q3.draft"
    draft.mkdir(parents=True)
    (draft / "half.csv").write_text("half")

    release = published(place)

    assert not draft.exists()
    verify(release.folder, key=public_key(place))


def test_a_full_disk_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = shelf(tmp_path)

    def full(handle: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        published(place)
    monkeypatch.undo()

    assert not (place.releases_dir / "reasons-for-encounter").exists()
    assert published(place).name == "2026-Q3"


def test_manifests_form_a_chain(tmp_path: Path) -> None:
    place = shelf(tmp_path)

    first, second = published(place, quarter=Quarter(2026, 2)), published(place, seed=2)

    assert json.loads((first.folder / "manifest.json").read_bytes())["previous"] == ""
    assert json.loads((second.folder / "manifest.json").read_bytes())["previous"] == first.manifest_sha256


def test_a_second_data_set_about_the_same_persons_is_met_and_refused(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    entry = Entry("other", "2026-Q3", QUARTER.start, QUARTER.end, definition().cohort.name)
    persons = synthetic.persons(900, seed=1)
    members = build(persons, definition()).members
    place.ledger.write(entry, members)

    with pytest.raises(ReleaseRefused, match=r"Together with other 2026-Q3"):
        publish_persons(persons.slice(1), place, definition=definition(), quarter=QUARTER, now=NOW)

    assert not (place.releases_dir / "reasons-for-encounter").exists()
    assert [decision.outcome for decision in decisions(place.releases_dir)] == ["refused"]


def test_the_next_quarter_is_another_cohort_and_is_not_refused(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    published(place, quarter=Quarter(2026, 2))

    release = published(place, number=850)

    assert release.name == "2026-Q3"


def test_the_ledger_shows_no_person_and_opens_with_its_key_alone(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    ledger = place.ledger
    persons = synthetic.persons(300, seed=1).with_columns(person=ledger_names(ledger, 300))
    publish_persons(persons, place, definition=definition(), quarter=QUARTER, now=NOW)
    sealed = next((tmp_path / "data" / "ledger").glob("*.sealed")).read_bytes()

    assert not any(name.encode() in sealed for name in persons["person"].to_list())
    assert b"J00" not in sealed
    other = Ledger(tmp_path / "data" / "ledger", SecretFile(tmp_path / "other.key"))
    with pytest.raises(InputInvalid, match="can't be opened"):
        other.overlapping(Entry("other", "x", QUARTER.start, QUARTER.end))
    assert (tmp_path / "data" / "ledger.key").stat().st_mode & 0o077 == 0


def ledger_names(ledger: Ledger, number: int) -> pl.Series:
    return pl.Series([ledger.pseudonym(str(n)) for n in range(number)])


def test_nothing_public_names_a_person(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    persons = synthetic.persons(300, seed=1)
    persons = persons.with_columns(person=ledger_names(place.ledger, 300))
    publish_persons(persons, place, definition=definition(), quarter=QUARTER, now=NOW)

    public = b"".join(path.read_bytes() for path in place.releases_dir.rglob("*") if path.is_file())

    assert not any(name.encode() in public for name in persons["person"].to_list())
