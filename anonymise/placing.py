"""A folder written whole or not at all: beside its place, made durable, then moved there in one step."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from infra.durable import sync


def place(files: Mapping[str, bytes], folder: Path, *, mode: int) -> None:
    """The folder with exactly these files, each with the file mode; an earlier one of the name makes room.

    A crash leaves the draft `.{parent}-{name}.draft` beside the parent at most, which the next call clears away.
    """
    shelf = folder.parent.parent
    draft = shelf / f".{folder.parent.name}-{folder.name}.draft"
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    name = ""
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
            sync(draft / name)
            (draft / name).chmod(mode)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise OSError(error.errno, error.strerror, str(folder / name)) from error
    folder.parent.mkdir(exist_ok=True)
    if folder.exists():
        remove(folder)
    draft.rename(folder)
    for made in (folder.parent, shelf):
        sync(made)


def remove(folder: Path) -> None:
    """Nothing is left of a folder of files, though it may be read-only."""
    folder.chmod(0o700)
    shutil.rmtree(folder)


def replace(path: Path, content: bytes) -> None:
    """The file with this content, durable, or as it was."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    sync(draft)
    draft.replace(path)
    sync(path.parent)
