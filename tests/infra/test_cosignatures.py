"""Cosignatures of witnesses, in C2SP's form."""

import base64
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infra.checkpoints import Checkpoint, CheckpointBroken, opened, signed
from infra.cosignatures import Cosigned, Witness, cosigned, cosigners, witness_of

LOG, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
NOTE = signed(Checkpoint("telemed.example/audit/north", 9, bytes(32)), LOG)
AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
WITNESS = Witness("north.example/witness", OTHER.public_key())


def test_a_cosignature_says_who_and_when_and_leaves_the_logs_own_signature() -> None:
    note = cosigned(NOTE, WITNESS.name, OTHER, at=AT)

    assert cosigners(note, [WITNESS]) == [Cosigned(WITNESS.name, AT)]
    assert opened(note, [LOG.public_key()]).size == 9
    assert cosigners(NOTE, [WITNESS]) == []


def test_the_line_is_made_as_the_specification_says() -> None:
    line = cosigned(NOTE, WITNESS.name, OTHER, at=AT).splitlines()[-1]
    stamp = base64.b64decode(line.rpartition(" ")[2])
    id = sha256(b"north.example/witness\n\x04" + OTHER.public_key().public_bytes_raw()).digest()[:4]

    assert stamp[:4] == id and int.from_bytes(stamp[4:12], "big") == int(AT.timestamp()) and len(stamp) == 76
    body = NOTE.partition("\n\n")[0] + "\n"
    OTHER.public_key().verify(stamp[12:], f"cosignature/v1\ntime {int(AT.timestamp())}\n{body}".encode())


@given(st.data())
def test_a_changed_letter_is_noticed(data: st.DataObject) -> None:
    note = cosigned(NOTE, WITNESS.name, OTHER, at=AT)
    body = len(note.partition("\n\n")[0])
    place = data.draw(st.integers(0, len(note) - 2).filter(lambda at: at < body or at > len(NOTE)))
    changed = note[:place] + ("x" if note[place] != "x" else "y") + note[place + 1 :]

    assert cosigners(changed, [WITNESS]) == []


def test_another_name_or_key_is_another_witness() -> None:
    note = cosigned(NOTE, WITNESS.name, OTHER, at=AT)

    assert cosigners(note, [Witness("south.example", WITNESS.public), Witness(WITNESS.name, LOG.public_key())]) == []


def test_a_witnesss_key_is_read_as_it_was_written() -> None:
    assert witness_of(WITNESS.text).text == WITNESS.text


@pytest.mark.parametrize(
    "text",
    ["", "north", "north+00+", WITNESS.text[:-4], WITNESS.text.replace("north", "south")],
    ids=["nothing", "name", "empty", "cut", "renamed"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(CheckpointBroken):
        witness_of(text)


def test_a_name_that_could_not_be_read_back_does_not_cosign() -> None:
    with pytest.raises(CheckpointBroken):
        cosigned(NOTE, "two words", OTHER, at=AT)
