"""One event is proved to somebody who has the public key alone, and nothing that was changed is."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fhir.ids import encode
from fhir.ledger import proof as proofs
from fhir.ledger.models import CHECKPOINT
from fhir.ledger.proof import LogDiffers, NoSuchCheckpoint, NoSuchEvent, NotSequenced, Proof, ProofBroken, check, prove
from infra.checkpoints import key_text
from infra.database import Database
from tests.fhir import record
from tests.fhir.ledger import logs


async def proved(database: Database, folder: Path, event: int, *, since: int | None = None) -> Proof:
    """The proof of an event, by the id that an AuditEvent has."""
    vault = record.vault(folder)
    return await database.read(lambda session: prove(session, vault, f"log-{encode(event)}", since=since))


async def test_every_event_is_proved_and_says_what_it_is(database: Database, tmp_path: Path) -> None:
    rows = await logs.reads(database, 9)
    await logs.sequencer(database, tmp_path).catch_up()

    for index, row in enumerate(rows):
        proof = await proved(database, tmp_path, row["id"])
        said = check(proof)
        assert (proof.index, said.size, said.origin) == (index, 9, "telemed.example/audit/north")
        assert json.loads(proof.leaf)[:2] == ["telemed.audit.1", row["id"]]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_in_a_large_log_every_event_is_proved_from_what_is_stored(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two leaves in a block instead of 256: the same places meet in a small log.
    for module in ("growth.STORED_HEIGHTS", "proof.STEP"):
        monkeypatch.setattr(f"fhir.ledger.{module}", 1)
    rows = await logs.reads(database, 21)
    sequencer = logs.sequencer(database, tmp_path)
    await sequencer.catch_up()
    rows += await logs.reads(database, 22)
    await sequencer.catch_up()

    for row in rows:
        proof = await proved(database, tmp_path, row["id"], since=21)
        assert check(proof).size == 43
        assert proof.grown is not None and 0 < len(proof.grown.hashes) <= 7


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_real_block_is_proved(database: Database, tmp_path: Path) -> None:
    rows = await logs.reads(database, 700)
    await logs.sequencer(database, tmp_path).catch_up()

    for index in (0, 255, 256, 511, 512, 699):
        assert check(await proved(database, tmp_path, rows[index]["id"])).size == 700


async def test_an_older_checkpoint_is_shown_to_be_the_beginning(database: Database, tmp_path: Path) -> None:
    sequencer, rows = logs.sequencer(database, tmp_path), []
    for count in (3, 4):
        rows += await logs.reads(database, count)
        await sequencer.catch_up()
    old = (await logs.every(database, CHECKPOINT))[0]["note"]

    proof = await proved(database, tmp_path, rows[0]["id"], since=3)

    assert proof.grown is not None and proof.grown.checkpoint == old and check(proof).size == 7
    with pytest.raises(NoSuchCheckpoint):
        await proved(database, tmp_path, rows[0]["id"], since=5)


PARTS = ("leaf", "index", "hashes", "checkpoint", "key", "grown")


def changed(value: Any, data: st.DataObject) -> Any:
    """The value with one byte, letter or number changed."""
    match value:
        case dict():
            name = data.draw(st.sampled_from(sorted(value)))
            return value | {name: changed(value[name], data)}
        case list():
            at = data.draw(st.integers(0, len(value) - 1))
            return [*value[:at], changed(value[at], data), *value[at + 1 :]]
        case int():
            return data.draw(st.integers(0, 1 << 40).filter(lambda other: other != value))
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.sampled_from("Aa0 \n+").filter(lambda letter: letter != value[at]))
    return value[:at] + other + value[at + 1 :]


@pytest.fixture
async def written(database: Database, tmp_path: Path) -> dict[str, Any]:
    """A proof with everything in it, as JSON."""
    sequencer, rows = logs.sequencer(database, tmp_path), []
    for count in (3, 4):
        rows += await logs.reads(database, count)
        await sequencer.catch_up()
    found: dict[str, Any] = json.loads(msgspec.json.encode(await proved(database, tmp_path, rows[1]["id"], since=3)))
    return found


@pytest.mark.parametrize("database_kind", ["sqlite"])
@given(data=st.data())
def test_a_change_anywhere_in_a_proof_is_noticed(written: dict[str, Any], data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(PARTS))
    wrong = written | {part: changed(written[part], data)}

    with pytest.raises((ProofBroken, msgspec.ValidationError)):
        check(msgspec.json.decode(json.dumps(wrong), type=Proof))


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_proof_is_checked_by_the_key_that_the_checker_trusts(written: dict[str, Any]) -> None:
    proof = msgspec.json.decode(json.dumps(written), type=Proof)
    other = key_text("telemed.example/audit/north", Ed25519PrivateKey.generate().public_key())

    assert check(proof, key=written["key"]).size == 7
    with pytest.raises(ProofBroken):
        check(proof, key=other)


async def test_what_is_not_there_or_not_signed_yet_is_told(database: Database, tmp_path: Path) -> None:
    await logs.reads(database, 1)
    await logs.sequencer(database, tmp_path).catch_up()
    waiting = (await logs.reads(database, 1))[0]["id"]

    with pytest.raises(NotSequenced):
        await proved(database, tmp_path, waiting)
    with pytest.raises(NoSuchEvent):
        await proved(database, tmp_path, 1)
    with pytest.raises(NoSuchEvent):
        await database.read(lambda session: prove(session, record.vault(tmp_path), "anything"))


HARMS = (
    "UPDATE audit_event SET agent = 'somebody' WHERE resource_id = 'p-1'",
    "UPDATE audit_leaf SET hash = (SELECT hash FROM audit_leaf WHERE place = 2) WHERE place = 0",
    "DELETE FROM audit_leaf WHERE place = 0",
    "UPDATE audit_checkpoint SET note = 'x'",
)


@pytest.mark.parametrize("harm", HARMS)
async def test_a_log_that_was_changed_proves_nothing(database: Database, tmp_path: Path, harm: str) -> None:
    rows = await logs.reads(database, 3)
    await logs.sequencer(database, tmp_path).catch_up()
    await logs.run(database, harm)

    with pytest.raises(LogDiffers):
        await proved(database, tmp_path, rows[1]["id"])


async def test_without_checking_itself_a_changed_log_would_hand_out_a_proof(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await logs.reads(database, 3)
    await logs.sequencer(database, tmp_path).catch_up()
    await logs.run(database, HARMS[0])
    monkeypatch.setattr(proofs, "check", lambda _proof: None)

    handed_out = await proved(database, tmp_path, rows[1]["id"])

    with pytest.raises(ProofBroken):
        check(handed_out)
