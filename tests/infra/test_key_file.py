"""The key file: a new version is used by every process at once, and nothing that an old one wrapped is lost."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from infra.vault import FileKeyProvider, KeysUnusable, Wrap, key_file


@pytest.fixture
def provider(tmp_path: Path) -> FileKeyProvider:
    """New keys in a file."""
    return FileKeyProvider(tmp_path / "keys.json")


@pytest.fixture(scope="module")
def provider_of_all(tmp_path_factory: pytest.TempPathFactory) -> FileKeyProvider:
    """One provider for all examples of a property."""
    return FileKeyProvider(tmp_path_factory.mktemp("keys") / "keys.json")


def test_a_new_version_wraps_and_the_old_one_still_unwraps(provider: FileKeyProvider, tmp_path: Path) -> None:
    secret, old = provider.secret("x"), provider.wrap(b"key", context=b"here")

    assert provider.rotate() == provider.current == 2

    new = provider.wrap(b"key", context=b"here")
    assert (old.version, new.version) == (1, 2)
    assert [provider.unwrap(w.wrapped, version=w.version, context=b"here") for w in (old, new)] == [b"key", b"key"]
    assert provider.secret("x") == secret
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.json", "keys.json.lock"]


def test_a_running_process_uses_what_another_one_rotated(provider: FileKeyProvider, tmp_path: Path) -> None:
    other = FileKeyProvider(tmp_path / "keys.json")
    other.rotate()
    wrap = other.wrap(b"key", context=b"here")

    assert provider.unwrap(wrap.wrapped, version=2, context=b"here") == b"key"
    other.rotate()
    assert provider.wrap(b"key", context=b"here").version == 3


def test_without_looking_at_the_file_again_a_new_version_would_be_unknown(
    provider: FileKeyProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_fresh", lambda: provider._keys)
    other = FileKeyProvider(tmp_path / "keys.json")
    other.rotate()
    wrap = other.wrap(b"key", context=b"here")

    with pytest.raises(KeysUnusable):
        provider.unwrap(wrap.wrapped, version=wrap.version, context=b"here")


def test_rotations_at_the_same_moment_make_a_version_each(tmp_path: Path) -> None:
    FileKeyProvider(tmp_path / "keys.json")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: FileKeyProvider(tmp_path / "keys.json").rotate(), range(8)))

    content = json.loads((tmp_path / "keys.json").read_text())
    assert content["current"] == 9 and sorted(map(int, content["keys"])) == list(range(1, 10))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"current": 1, "keys": {"1": "x"}, "root": ""}'])
def test_a_damaged_key_file_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.touch(mode=0o600)
    path.write_text(content)

    with pytest.raises(KeysUnusable, match="damaged"):
        FileKeyProvider(path)


def test_a_key_file_that_is_gone_serves_on_in_the_process_that_read_it(
    provider: FileKeyProvider, tmp_path: Path
) -> None:
    (tmp_path / "keys.json").unlink()

    wrap = provider.wrap(b"key", context=b"")

    assert provider.unwrap(wrap.wrapped, version=wrap.version, context=b"") == b"key"


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.binary(max_size=40)), max_size=5), st.integers(0, 1))
def test_what_is_wrapped_anew_unwraps_to_the_same_key(
    provider_of_all: FileKeyProvider, keys: list[tuple[bytes, bytes]], rotations: int
) -> None:
    wraps = [provider_of_all.wrap(key, context=context) for key, context in keys]
    for _ in range(rotations):
        provider_of_all.rotate()

    again = provider_of_all.rewrap(wraps, contexts=[context for _, context in keys])

    for (key, context), wrap in zip(keys, again, strict=True):
        assert wrap.version == provider_of_all.current
        assert provider_of_all.unwrap(wrap.wrapped, version=wrap.version, context=context) == key


def test_a_wrapped_key_does_not_move_to_another_context_by_being_wrapped_anew(provider: FileKeyProvider) -> None:
    wrap: Wrap = provider.wrap(b"key", context=b"here")

    with pytest.raises(KeysUnusable):
        provider.rewrap([wrap], contexts=[b"there"])


def test_a_file_of_others_in_its_place_wraps_nothing(provider: FileKeyProvider, tmp_path: Path) -> None:
    path, ours = tmp_path / "keys.json", (tmp_path / "keys.json").read_bytes()
    FileKeyProvider(tmp_path / "others.json")
    os.replace(tmp_path / "others.json", path)

    with capture_logs() as lines:
        wraps = [provider.wrap(b"key", context=b"here") for _ in range(2)]

    assert [line["event"] for line in lines] == ["key_file_not_ours"]
    with pytest.raises(KeysUnusable, match="not the one that this process began with"):
        provider.rotate()
    path.write_bytes(ours)
    again = FileKeyProvider(path)
    assert [again.unwrap(wrap.wrapped, version=wrap.version, context=b"here") for wrap in wraps] == [b"key", b"key"]


def test_an_older_copy_in_its_place_takes_no_version_away(provider: FileKeyProvider, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    older = path.read_bytes()
    provider.rotate()
    newer = path.read_bytes()

    path.write_bytes(older)
    wrap = provider.wrap(b"key", context=b"here")

    path.write_bytes(newer)
    assert FileKeyProvider(path).unwrap(wrap.wrapped, version=2, context=b"here") == b"key"


def test_without_the_comparison_what_a_file_of_others_wrapped_would_be_lost(
    provider: FileKeyProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file._Keys, "continues", lambda _self, _earlier: True)
    path, ours = tmp_path / "keys.json", (tmp_path / "keys.json").read_bytes()
    FileKeyProvider(tmp_path / "others.json")
    os.replace(tmp_path / "others.json", path)
    wrap = provider.wrap(b"key", context=b"here")

    path.write_bytes(ours)

    with pytest.raises(KeysUnusable):
        FileKeyProvider(path).unwrap(wrap.wrapped, version=wrap.version, context=b"here")
