"""Signed checkpoints: what was signed is read, and everything else is refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from infra.checkpoints import Checkpoint, CheckpointBroken, key_of, key_text, opened, signed
from infra.merkle import EMPTY

# The example of the signed-note specification: a name, its public key, a text, the line that signs it.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"  # as published
STAMP = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

KEYS = Ed25519PrivateKey.generate()
MADE = Checkpoint("telemed.example/audit/north", 8, EMPTY)


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    note = signed(MADE, KEYS)

    assert opened(note, [KEYS.public_key()]) == MADE
    assert note.startswith(f"telemed.example/audit/north\n8\n{base64.b64encode(EMPTY).decode()}\n\n— telemed.example/")


def test_keys_are_numbered_and_sign_as_in_the_specifications_example() -> None:
    key = key_of(KEY)

    key.verify(base64.b64decode(STAMP)[4:], TEXT.encode())
    assert key_text("PeterNeumann", key) == KEY
    assert base64.b64decode(STAMP)[:4].hex() == KEY.split("+")[1]


def test_a_note_of_another_key_is_refused() -> None:
    others = [Ed25519PrivateKey.generate().public_key() for _ in range(2)]

    assert opened(signed(MADE, KEYS), [*others, KEYS.public_key()]) == MADE
    with pytest.raises(CheckpointBroken):
        opened(signed(MADE, KEYS), others)


@given(st.data())
def test_a_changed_letter_is_noticed(data: st.DataObject) -> None:
    note = signed(MADE, KEYS)
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters().filter(lambda letter: letter != note[at]))

    with pytest.raises(CheckpointBroken):
        opened(note[:at] + other + note[at + 1 :], [KEYS.public_key()])


@given(st.text(max_size=200))
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointBroken):
        opened(text, [KEYS.public_key()])
    with pytest.raises(CheckpointBroken):
        key_of(text)


def test_a_signature_of_somebody_else_may_stand_beside_ours() -> None:
    witness = f"— witness.example {base64.b64encode(b'1234' + bytes(64)).decode()}\n"

    assert opened(signed(MADE, KEYS) + witness, [KEYS.public_key()]) == MADE


def test_one_log_does_not_sign_for_another() -> None:
    other = MADE._replace(origin="telemed.example/audit/south")
    note = signed(MADE, KEYS)
    moved = note.replace(MADE.origin, other.origin)

    with pytest.raises(CheckpointBroken):
        opened(moved, [KEYS.public_key()])


@pytest.mark.parametrize("origin", ["", "two words", "plus+plus"])
def test_a_name_that_could_not_be_read_back_is_not_signed(origin: str) -> None:
    with pytest.raises(CheckpointBroken):
        signed(MADE._replace(origin=origin), KEYS)


def test_a_public_key_is_read_as_it_was_written() -> None:
    public: Ed25519PublicKey = KEYS.public_key()

    assert key_of(key_text(MADE.origin, public)) == public
    with pytest.raises(CheckpointBroken):
        key_of(key_text(MADE.origin, public).replace("north", "south"))
