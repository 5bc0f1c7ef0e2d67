"""Another key signs the log, without a gap; and after a backup was put back the log begins anew and says what is lost."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhir.ledger.copies import Copies
from fhir.ledger.handover import (
    Handover,
    Loss,
    NothingToHandOver,
    UnusableReason,
    followed,
    hand_over,
    notes_here,
)
from fhir.ledger.keys import KnownKey, signing_keys
from fhir.ledger.proof import Proof, ProofBroken, check, prove
from fhir.ledger.verify import Report, event_id, lost
from infra.checkpoints import key_text
from infra.database import Database
from tests.fhir import record
from tests.fhir.ledger import logs, worlds

REASON = "yesterday's backup was put back"
BACK = (
    "DELETE FROM audit_event WHERE id IN (SELECT event FROM audit_leaf WHERE place >= 5)",
    "DELETE FROM audit_leaf WHERE place >= 5",
    "DELETE FROM audit_checkpoint WHERE size > 5",
)


async def handed_over(database: Database, folder: Path, *losses: Loss, copied: bool = True) -> Handover:
    """The handover to a new key; the second place knows of it."""
    vault, now = record.vault(folder), datetime.now(UTC)
    made, _ = await database.write(lambda session: hand_over(session, vault, reason=REASON, losses=losses, now=now))
    if copied:
        Copies(folder / "copies").add_handovers(await database.read(notes_here))
    return made


async def report(database: Database, folder: Path) -> Report:
    """What verifying finds, with the second place."""
    return await database.read(lambda session: worlds.verified(session, folder))


async def proof_of(database: Database, folder: Path, row: int, *, since: int | None = None) -> Proof:
    """The proof of an event by the id of its row."""
    return await database.read(lambda s: prove(s, record.vault(folder), event_id(row), since=since))


async def keys(database: Database, folder: Path) -> list[KnownKey]:
    """The keys, the one that signs first."""
    vault = record.vault(folder)
    found = await database.read(lambda session: signing_keys(session, vault))
    return [KnownKey(key.name, key.public) for key in found]


async def restored(database: Database, folder: Path) -> None:
    """Nothing; nine events were signed, and the database is that of five, to which three were added since."""
    sequencer = logs.sequencer(database, folder)
    await logs.reads(database, 5)
    await sequencer.catch_up()
    for _ in range(2):
        await logs.reads(database, 2)
        await sequencer.catch_up()
    await logs.run(database, *BACK)
    await logs.reads(database, 3)
    await logs.sequencer(database, folder).catch_up()


async def test_a_new_key_signs_at_once_and_what_the_old_one_signed_holds(database: Database, tmp_path: Path) -> None:
    running = logs.sequencer(database, tmp_path)
    await logs.reads(database, 3)
    await running.catch_up()
    made = await handed_over(database, tmp_path)
    await logs.reads(database, 2)

    await running.catch_up()

    found = await report(database, tmp_path)
    assert (found.first, found.lost, found.checkpoints) == ([], [], 2)
    assert await keys(database, tmp_path) == [made.new, made.old]
    assert made.new.name == made.old.name
    assert (await proof_of(database, tmp_path, (await logs.events(database))[0])).key.endswith(
        key_text("", made.new.public).rpartition("+")[2]
    )


@pytest.mark.parametrize("trusted", ["old", "new"])
async def test_whoever_wrote_down_one_key_can_check_what_the_other_signed(
    database: Database, tmp_path: Path, trusted: str
) -> None:
    rows = await logs.reads(database, 3)
    await logs.sequencer(database, tmp_path).catch_up()
    made = await handed_over(database, tmp_path)
    await logs.reads(database, 2)
    await logs.sequencer(database, tmp_path).catch_up()
    proof = await proof_of(database, tmp_path, rows[0]["id"], since=3)
    key = key_text("telemed.example/audit/north", getattr(made, trusted).public)

    assert check(proof, key=key).size == 5
    bare = Proof(proof.leaf, proof.index, proof.hashes, proof.checkpoint, proof.key, proof.grown)
    with pytest.raises(ProofBroken):
        check(bare, key=key)


async def test_a_key_that_no_other_has_handed_over_to_is_not_ours(database: Database, tmp_path: Path) -> None:
    await logs.reads(database, 1)
    await logs.sequencer(database, tmp_path).catch_up()
    made = await handed_over(database, tmp_path)
    (note,) = await database.read(notes_here)

    assert followed([note], [made.old])[0] == [made.old, made.new]
    for changed in (note.replace("reason", "reason of"), note.replace("+", "-", 1), note[:-10], note * 2, "", "\n\n"):
        assert followed([changed], [made.old])[:2] == ([made.old], [])
    lines = note.splitlines(keepends=True)
    for line in (-1, -2):
        one_signature = "".join(part for part in lines if part is not lines[line])
        assert followed([one_signature], [made.old])[2] == [one_signature]


async def test_a_restored_backup_is_told_as_lost_after_a_new_beginning(database: Database, tmp_path: Path) -> None:
    await restored(database, tmp_path)
    before = await report(database, tmp_path)
    losses = lost(before)

    made = await handed_over(database, tmp_path, *losses)
    await logs.reads(database, 4)
    await logs.sequencer(database, tmp_path).catch_up()
    after = await report(database, tmp_path)

    assert before.differences > 0 and [loss[:3] for loss in losses] == [("telemed.example/audit/north", 5, 9)]
    assert after.first == [] and after.events == 12
    (told,) = after.lost
    assert "9 events were signed, and those after the first 5 are gone" in told and REASON in told
    assert made.new.name.startswith("telemed.example/20") and made.new.name in told
    assert f"{made.new.name}/audit/north" in await logs.newest(database)


async def test_a_new_beginning_excuses_nothing_else(database: Database, tmp_path: Path) -> None:
    await restored(database, tmp_path)
    await handed_over(database, tmp_path, *lost(await report(database, tmp_path)))

    for named, harm in (
        ("event changed", "UPDATE audit_event SET agent = 'x' WHERE id = (SELECT MIN(id) FROM audit_event)"),
        (
            "history rewritten",
            "UPDATE audit_leaf SET hash = (SELECT hash FROM audit_leaf WHERE place = 0) WHERE place = 1",
        ),
        ("leaf removed", "DELETE FROM audit_leaf WHERE place = 6"),
    ):
        found = await worlds.after(database, tmp_path, harm)
        assert [text for text in found.first if text.startswith(named)], found.first


async def test_losses_that_nobody_signed_for_stay_differences(database: Database, tmp_path: Path) -> None:
    """The twin: without the handover the same log fails for ever, and with a smaller one it fails for the rest."""
    await restored(database, tmp_path)
    (loss,) = lost(await report(database, tmp_path))

    await handed_over(database, tmp_path, loss._replace(signed=8))

    found = await report(database, tmp_path)
    assert [text for text in found.first if text.startswith(("shortened", "history rewritten"))]


async def test_a_handover_that_the_second_place_does_not_know_is_named(database: Database, tmp_path: Path) -> None:
    await logs.reads(database, 1)
    await logs.sequencer(database, tmp_path).catch_up()
    await handed_over(database, tmp_path, copied=False)

    assert [text for text in (await report(database, tmp_path)).first if text.startswith("not copied: ")]


async def test_a_backup_from_before_a_rotation_does_not_make_the_new_key_a_stranger(
    database: Database, tmp_path: Path
) -> None:
    await logs.reads(database, 5)
    await logs.sequencer(database, tmp_path).catch_up()
    await handed_over(database, tmp_path)
    await logs.reads(database, 2)
    await logs.sequencer(database, tmp_path).catch_up()
    by_id = "(SELECT key FROM audit_handover)"
    gone = [*BACK, f"DELETE FROM audit_key WHERE id IN {by_id}", "DELETE FROM audit_handover"]

    found = await worlds.after(database, tmp_path, *gone)

    assert [text.partition(":")[0] for text in found.first] == ["shortened"]


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "two\nlines", "a\ttab"])
async def test_a_reason_is_one_line(database: Database, tmp_path: Path, reason: str) -> None:
    await logs.reads(database, 1)
    await logs.sequencer(database, tmp_path).catch_up()
    vault, now = record.vault(tmp_path), datetime.now(UTC)

    with pytest.raises(UnusableReason):
        await database.write(lambda session: hand_over(session, vault, reason=reason, losses=(), now=now))


async def test_without_a_key_there_is_nothing_to_hand_over(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NothingToHandOver):
        await handed_over(database, tmp_path)
