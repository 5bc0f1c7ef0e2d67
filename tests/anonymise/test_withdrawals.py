"""A release taken back: gone from the shelf, told of for ever, finished after any crash."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from anonymise import portal, synthetic, withdrawals
from anonymise.attack.command import releases_in
from anonymise.decisions import decisions
from anonymise.pipeline import Shelf, Work, prepare, publish_draft, withdraw_release
from anonymise.problems import ClockBehind, DraftMissing, InputInvalid, PeriodNotOver, ReleaseDamaged, ReleaseWithdrawn
from anonymise.release import Release
from anonymise.withdrawals import Withdrawal
from tests.anonymise.builders import BASE_URL, BUILDER, NOW, QUARTER, approve_by_two, definition, publish_persons, shelf

SLUG = "reasons-for-encounter"
WISH = Withdrawal(SLUG, "2026-Q3", NOW, "A sum was wrong.")


def published(place: Shelf) -> Release:
    return publish_persons(synthetic.persons(900, 1), place, definition=definition(), quarter=QUARTER, now=NOW)


async def asked(place: Shelf, *paths: str) -> list[httpx.Response]:
    transport = httpx.ASGITransport(portal.app(place.releases_dir, base_url=BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        return [await client.get(path) for path in paths]


async def test_the_numbers_are_gone_and_that_they_were_there_is_told(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    release = published(place)
    numbers = (release.folder / f"{SLUG}.csv").read_bytes()

    withdraw_release(place, WISH)

    address = f"/datasets/{SLUG}/2026-Q3"
    table, page, bare, stone, latest, register, catalogue = await asked(
        place, f"{address}/{SLUG}.csv", f"{address}/?lang=en", address, f"{address}/tombstone.json",
        f"/datasets/{SLUG}/latest", "/register?lang=en", "/catalog.ttl",
    )  # fmt: skip
    assert [one.status_code for one in (table, page, bare, stone, latest)] == [410, 410, 410, 200, 410]
    assert "Jede Veröffentlichung dieses Datensatzes wurde zurückgezogen" in latest.text
    assert "A sum was wrong." in page.text and "A sum was wrong." in register.text
    assert "2026-Q3" not in catalogue.text
    assert stone.json()["manifest"] == release.manifest_sha256
    assert not any(path.read_bytes() == numbers for path in place.releases_dir.rglob("*") if path.is_file())
    assert (tmp_path / "data" / "withdrawn" / SLUG / "2026-Q3" / f"{SLUG}.csv").read_bytes() == numbers


def test_a_clock_that_stands_before_the_last_decision_decides_nothing(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    published(place)

    with pytest.raises(ClockBehind, match="Set the clock right"):
        withdraw_release(place, replace(WISH, at=NOW - timedelta(days=1)))

    assert [line.outcome for line in decisions(place.releases_dir)] == ["published"]


def test_a_draft_is_not_published_before_its_period_is_over(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    draft = prepare(synthetic.persons(900, 1), place, work=Work(definition(), QUARTER, NOW, BUILDER))
    approve_by_two(place, draft.facts.slug, draft.facts.release)

    with pytest.raises(PeriodNotOver):
        publish_draft(place, draft.facts.slug, draft.facts.release, now=QUARTER.end - timedelta(seconds=1))


def test_a_folder_that_holds_all_is_attacked_with_what_was_withdrawn(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    published(place)
    withdraw_release(place, WISH)

    assert [folder.name for folder in releases_in([tmp_path])] == [f"{SLUG} 2026-Q3"]
    with pytest.raises(ReleaseDamaged, match="is missing"):
        releases_in([tmp_path / "data"])


def test_publishing_again_says_that_it_is_out(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    published(place)

    with pytest.raises(DraftMissing, match="is published already"):
        publish_draft(place, SLUG, "2026-Q3", now=NOW)


def test_the_tombstone_is_signed(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    published(place)

    folder = withdraw_release(place, WISH)

    key = load_pem_public_key((place.releases_dir / "signing-key.pem").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    key.verify((folder / "tombstone.sig").read_bytes(), (folder / "tombstone.json").read_bytes())


def test_nothing_takes_its_place_and_its_members_are_still_met(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    published(place)
    remembered = list((tmp_path / "data" / "ledger").glob("*.sealed"))
    withdraw_release(place, WISH)

    with pytest.raises(ReleaseWithdrawn):
        prepare(synthetic.persons(900, 2), place, work=Work(definition(), QUARTER, NOW, BUILDER))

    assert list((tmp_path / "data" / "ledger").glob("*.sealed")) == remembered


@pytest.mark.parametrize("step", ["register", "place"])
async def test_a_crash_at_any_step_is_finished_by_saying_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    place = shelf(tmp_path)
    published(place)
    real, done = getattr(withdrawals, step), []

    def crashing(*arguments: object, **named: object) -> None:
        done.append(real(*arguments, **named))
        raise KeyboardInterrupt

    monkeypatch.setattr(withdrawals, step, crashing)
    with pytest.raises(KeyboardInterrupt):
        withdraw_release(place, WISH)
    monkeypatch.undo()
    [between] = await asked(place, f"/datasets/{SLUG}/2026-Q3/{SLUG}.csv")

    folder = withdraw_release(place, WISH)

    assert between.status_code == 410
    assert json.loads((folder / "tombstone.json").read_bytes())["reason"] == WISH.reason
    assert [one.outcome for one in decisions(place.releases_dir)] == ["published", "withdrawn"]
    assert (tmp_path / "data" / "withdrawn" / SLUG / "2026-Q3" / "manifest.json").is_file()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_withdrawal_says_why(tmp_path: Path, reason: str) -> None:
    place = shelf(tmp_path)
    published(place)

    with pytest.raises(InputInvalid, match="public reason"):
        withdraw_release(place, Withdrawal(SLUG, "2026-Q3", NOW, reason))


def test_what_is_not_out_can_not_be_withdrawn(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    published(place)

    with pytest.raises(DraftMissing):
        withdraw_release(place, Withdrawal(SLUG, "2026-Q2", NOW, "No."))
