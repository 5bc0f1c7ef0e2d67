"""What is no release, is cut off or was changed is refused with the file and the line."""

import json
import re
from pathlib import Path

import pytest
from typer import BadParameter
from typer.testing import CliRunner

from anonymise.attack.command import FOUND, releases_in
from anonymise.attack.folder import read_folder
from anonymise.attack.presence import inhabitants
from anonymise.cli import app
from anonymise.problems import InputInvalid, ReleaseDamaged
from tests.anonymise.attack.folders import files, written

BLOCKS = ((1, 1, "a", "*", 20), (2, 1, "b", "*", 30))
GROUPS = ((1, "J", 25), (1, "F", 25), (1, "M", 0))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("about.json", b"", "about.json is no JSON: it may be cut off"),
        ("about.json", b"{}", "about.json lacks what a release says about itself: 'slug'"),
        ("codes.json", b'{"place": [{"code": "a"}]}', "codes.json does not say what the codes of place stand for"),
        ("reasons.csv", b"", "reasons.csv has no column period, value, flag, lower, upper"),
        ("reasons.csv", b"period,place,age,reason,value,flag,lower,upper\n", "reasons.csv holds no row about persons"),
        ("reasons.csv", b"period,place,age,reason,value,flag,lower,upper\nq,a,*\n", "reasons.csv line 2 is cut off"),
        ("reasons.csv", b"period,place,age,reason,value,flag,lower,upper\nq,a,*,*,x,,,\n", "line 2: 'x' is no number"),
        ("reasons.csv", b"period,place,age,reason,value,flag,lower,upper\nq,z,*,*,1,,,\n", "what 'z' stands for"),
        (
            "reasons.csv",
            b"period,place,age,reason,value,flag,lower,upper\nq,a,*,*,1,z,,\n",
            "the flag 'z' is not one of",
        ),
        ("reasons.csv", b"\xff\xfe", "reasons.csv can't be read"),
        ("blocks.csv", b"block,group,place,persons\n1,1,a\n", "blocks.csv line 2 is cut off"),
        ("groups.csv", b"group,category\n", "groups.csv has no column persons"),
    ],
)
def test_a_file_that_is_damaged_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    folder = written(tmp_path / "release", files(blocks=BLOCKS, groups=GROUPS) | {name: content})

    with pytest.raises(InputInvalid, match=re.escape(message)):
        read_folder(folder)


def test_a_file_cut_off_anywhere_is_refused_or_says_less(tmp_path: Path) -> None:
    whole = files(blocks=BLOCKS, groups=GROUPS)["blocks.csv"]
    for end in range(len(whole)):
        folder = written(tmp_path / str(end), files(blocks=BLOCKS, groups=GROUPS) | {"blocks.csv": whole[:end]})
        try:
            read = read_folder(folder)
        except InputInvalid:
            continue
        assert all(block.persons <= 30 for block in read.blocks)


def test_a_folder_without_a_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"holds no release"):
        releases_in([tmp_path])
    with pytest.raises(BadParameter, match=r"there is no folder"):
        releases_in([tmp_path / "nothing"])


def test_a_signed_release_without_its_key_or_changed_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "reasons" / "2026-Q3", files(blocks=BLOCKS, groups=GROUPS) | {"manifest.json": b"{}"})

    with pytest.raises(ReleaseDamaged, match=r"signing-key.pem is missing"):
        releases_in([tmp_path])


@pytest.mark.parametrize("content", ["place\na\n", "place,age,persons\n", "place,persons\na,many\n"])
def test_inhabitants_that_can_not_be_read_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "inhabitants.csv"
    path.write_text(content)

    with pytest.raises(InputInvalid, match=r"inhabitants.csv"):
        inhabitants(path)


def test_the_command_says_what_it_found_draws_it_and_ends_with_its_own_code(tmp_path: Path) -> None:
    broken = written(
        tmp_path / "broken",
        files(("*", "*", "*", 80), ("a", "*", "*", 40), ("b+c", "*", "*", "", "c"), ("b", "*", "*", 37)),
    )
    whole = written(tmp_path / "whole", files(blocks=BLOCKS, groups=GROUPS))

    told = CliRunner().invoke(app, ["attack", str(broken), "--pictures", str(tmp_path / "pictures")])
    asked = CliRunner().invoke(app, ["attack", str(broken), "--json"])
    safe = CliRunner().invoke(app, ["attack", str(whole)])

    assert (told.exit_code, asked.exit_code, safe.exit_code) == (FOUND, FOUND, 0)
    assert "80 - 40 - 37 = 3" in told.stdout and "nothing found" in safe.stdout
    [finding] = json.loads(asked.stdout)["findings"]
    assert (finding["kind"], finding["lower"], finding["upper"]) == ("set", 3, 3)
    [picture] = sorted((tmp_path / "pictures").iterdir())
    assert "<svg" in picture.read_text() and "place c" in picture.read_text()
