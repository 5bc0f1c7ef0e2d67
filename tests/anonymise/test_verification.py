"""`verify`: the files are as signed, and the folder is the release that the register tells of."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner, Result

from anonymise.cli import app
from anonymise.manifest import manifest, public_pem
from anonymise.register_lines import PUBLISHED, REGISTER, Decision

KEY = Ed25519PrivateKey.generate()


def release(root: Path, name: str = "2026-Q3", *, key: Ed25519PrivateKey = KEY, content: bytes = b"cats\n") -> Path:
    """A signed release of the data set `cats`, its key beside."""
    folder = root / "cats" / name
    folder.mkdir(parents=True)
    facts = {"dataset": "cats", "release": name, "previous": "", "protection": {"k": 10}}
    signed = manifest({"cats.csv": content}, facts)
    files = {"cats.csv": content, "manifest.json": signed, "manifest.sig": key.sign(signed)}
    for path, written in files.items():
        (folder / path).write_bytes(written)
    (root / "signing-key.pem").write_bytes(public_pem(key))
    return folder


def registered(root: Path, *decisions: Decision) -> None:
    """The register with some lines."""
    lines = [json.dumps({name: getattr(line, name) for name in Decision.__dataclass_fields__}) for line in decisions]
    (root / REGISTER).write_text("".join(f"{line}\n" for line in lines))


def decision(folder: Path) -> Decision:
    """The line that the register has of a release."""
    digest = sha256((folder / "manifest.json").read_bytes()).hexdigest()
    return Decision("2026-10-01T08:00:00+00:00", folder.parent.name, folder.name, PUBLISHED, 10, digest)


def verify(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["verify", str(folder), *options])


def test_a_release_that_the_register_tells_of_is_verified_and_its_key_named(tmp_path: Path) -> None:
    folder = release(tmp_path)
    registered(tmp_path, decision(folder))
    print_of_key = sha256(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    beside, pinned = verify(folder), verify(folder, "--key", str(tmp_path / "signing-key.pem"))

    assert (beside.exit_code, pinned.exit_code) == (0, 0)
    assert print_of_key in beside.stdout and print_of_key in pinned.stdout
    assert "key not pinned" in beside.stdout and "key not pinned" not in pinned.stdout
    assert "in the register" in beside.stdout


def test_what_was_verified_is_told_in_sentences_and_to_programs_as_json(tmp_path: Path) -> None:
    folder = release(tmp_path)

    people, program = verify(folder), verify(folder, "--json")

    assert "{" not in people.stdout
    assert "the first that was published here" in people.stdout and "at least 10 persons" in people.stdout
    told = json.loads(program.stdout)
    assert (told["release"], told["previous"], told["protection"]) == ("2026-Q3", "", {"k": 10})
    assert (told["registered"], told["key_pinned"]) == (False, False)


def test_a_folder_that_is_not_there_is_not_taken_for_one_without_a_key(tmp_path: Path) -> None:
    refused = verify(tmp_path / "cats" / "2026-Q3")

    assert refused.exit_code == 2
    assert "there is no folder" in " ".join(refused.output.split()) and "public key" not in refused.output


@pytest.mark.parametrize("place", ["cats/2026-Q4", "dogs/2026-Q3"])
def test_an_older_release_in_the_folder_of_another_is_refused(tmp_path: Path, place: str) -> None:
    copytree(release(tmp_path), tmp_path / place)

    refused = verify(tmp_path / place)

    assert refused.exit_code == 1
    assert "cats 2026-Q3" in str(refused.exception) and place.replace("/", " ") in str(refused.exception)


def test_a_release_signed_anew_with_another_key_is_not_in_the_register(tmp_path: Path) -> None:
    registered(tmp_path, decision(release(tmp_path / "before")))
    folder = release(tmp_path, key=Ed25519PrivateKey.generate(), content=b"dogs\n")

    refused = verify(folder)

    assert refused.exit_code == 1
    assert REGISTER in str(refused.exception)


def test_a_line_about_another_release_or_a_refusal_does_not_vouch_for_this_one(tmp_path: Path) -> None:
    folder = release(tmp_path)
    line = decision(folder)
    registered(
        tmp_path, replace(line, release="2026-Q2"), replace(line, dataset="dogs"), replace(line, outcome="refused")
    )

    assert verify(folder).exit_code == 1


def test_without_a_register_beside_it_a_release_verifies_and_that_is_said(tmp_path: Path) -> None:
    done = verify(release(tmp_path))

    assert done.exit_code == 0
    assert "no register" in done.stdout


def test_a_release_is_verified_from_inside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(release(tmp_path))

    assert verify(Path()).exit_code == 0


def test_a_copy_elsewhere_may_have_any_name(tmp_path: Path) -> None:
    folder = release(tmp_path)
    copy = tmp_path / "downloads" / "a-copy"
    copytree(folder, copy)

    assert verify(copy, "--key", str(tmp_path / "signing-key.pem")).exit_code == 0
