"""The public register: written whole or not at all; a damaged line is told and takes nothing else with it."""

import os
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import httpx
import pytest

from anonymise import portal
from anonymise.decisions import decisions, register
from anonymise.problems import RegisterDamaged
from anonymise.register_lines import PUBLISHED, REGISTER, Decision
from tests.anonymise.builders import BASE_URL

FIRST = Decision("2026-04-01T08:00:00+00:00", "cats", "2026-Q1", PUBLISHED, 10, "ab" * 32)
SECOND = replace(FIRST, release="2026-Q2", manifest="cd" * 32)


def torn(folder: Path) -> bytes:
    """A register whose second line broke off in the middle; gives back its bytes."""
    register(folder, FIRST)
    register(folder, SECOND)
    content = (folder / REGISTER).read_bytes()[:-40]
    (folder / REGISTER).write_bytes(content)
    return content


def test_the_register_keeps_its_lines_in_order_and_leaves_no_draft(tmp_path: Path) -> None:
    register(tmp_path, FIRST)
    register(tmp_path, SECOND)

    assert list(decisions(tmp_path)) == [FIRST, SECOND]
    assert [path.name for path in tmp_path.iterdir()] == [REGISTER]


def test_a_disk_that_is_full_in_the_middle_of_a_line_leaves_the_register_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tmp_path, FIRST)
    before = (tmp_path / REGISTER).read_bytes()

    def full(handle: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        register(tmp_path, SECOND)
    monkeypatch.undo()

    assert (tmp_path / REGISTER).read_bytes() == before


def test_a_torn_last_line_is_left_out_and_the_next_decision_takes_its_place(tmp_path: Path) -> None:
    torn(tmp_path)

    before = list(decisions(tmp_path))
    register(tmp_path, SECOND)

    assert before == [FIRST]
    assert list(decisions(tmp_path)) == [FIRST, SECOND]


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path: Path) -> None:
    register(tmp_path, FIRST)
    path = tmp_path / REGISTER
    path.write_bytes(path.read_bytes().rstrip(b"\n"))

    before = list(decisions(tmp_path))
    register(tmp_path, SECOND)

    assert before == [FIRST]
    assert list(decisions(tmp_path)) == [FIRST, SECOND]


@pytest.mark.parametrize("line", [b"{", b"\xff", b"[]", b"{}", b'"x"', b""])
def test_a_damaged_line_that_others_follow_is_named_and_nothing_is_written_over_it(tmp_path: Path, line: bytes) -> None:
    register(tmp_path, FIRST)
    path = tmp_path / REGISTER
    content = line + b"\n" + path.read_bytes()
    path.write_bytes(content)

    with pytest.raises(RegisterDamaged, match="Line 1"):
        list(decisions(tmp_path))
    with pytest.raises(RegisterDamaged, match="Line 1"):
        register(tmp_path, SECOND)

    assert path.read_bytes() == content


@pytest.mark.parametrize(("language", "said"), [("de", "Zeile 2"), ("en", "Line 2")])
async def test_the_portal_shows_the_whole_lines_and_names_the_torn_one(
    tmp_path: Path, language: str, said: str
) -> None:
    content = torn(tmp_path)
    transport = httpx.ASGITransport(portal.app(tmp_path, base_url=BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answer = await http.get("/register", params={"lang": language})
        (tmp_path / REGISTER).write_bytes(content[: content.index(b"\n") + 1])
        whole = await http.get("/register", params={"lang": language})

    assert (answer.status_code, whole.status_code) == (200, 200)
    assert FIRST.manifest[:16] in answer.text and said in answer.text and said not in whole.text
