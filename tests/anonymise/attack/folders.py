"""Release folders written by hand, in the form that releases have."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from anonymise.attack.folder import Folder, folder_of

CODES: Mapping[str, Mapping[str, list[str]]] = {
    "place": {"a": ["a"], "b": ["b"], "c": ["c"], "a+b": ["a", "b"], "b+c": ["b", "c"], "*": ["a", "b", "c"]},
    "age": {"young": ["young"], "old": ["old"], "*": ["young", "old"]},
    "reason": {"J": ["J"], "F": ["F"], "M": ["M"], "*": ["J", "F", "M"]},
}
ROLES = {"place": "identifying", "age": "identifying", "reason": "sensitive"}
Line = Sequence[object]


def table(header: Sequence[str], lines: Sequence[Line]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    return text.getvalue().encode()


def files(
    *rows: Line,
    blocks: Sequence[Line] = (),
    groups: Sequence[Line] = (),
    slug: str = "reasons",
    quarter: int = 3,
    k: int = 10,
    categories: int = 2,
) -> dict[str, bytes]:
    """The files of a release: rows of place, age, reason, value and flag; blocks; groups. Without rows, the total."""
    first = 3 * quarter - 2
    total = sum(int(str(block[-1])) for block in blocks)
    about = {
        "slug": slug, "release": f"2026-Q{quarter}", "first": f"2026-{first:02}-01", "last": f"2026-{first + 2:02}-28",
        "limits": {"k": k, "share_limit": 0.8, "min_categories": categories},
        "dimensions": [{"name": name, "role": role} for name, role in ROLES.items()],
    }  # fmt: skip
    shown = [[about["release"], *row, *[""] * (7 - len(row))] for row in rows or [("*", "*", "*", total)]]
    made = {
        "about.json": json.dumps(about).encode(),
        "codes.json": json.dumps(
            {name: [{"code": c, "holds": h} for c, h in codes.items()] for name, codes in CODES.items()}
        ).encode(),
        f"{slug}.csv": table(["period", *ROLES, "value", "flag", "lower", "upper"], shown),
    }
    if blocks:
        made["blocks.csv"] = table(["block", "group", "place", "age", "persons"], blocks)
    if groups:
        made["groups.csv"] = table(["group", "category", "persons"], groups)
    return made


def release(*rows: Line, **said: object) -> Folder:
    """The release that some files make."""
    return folder_of(files(*rows, **said), Path("release"))  # type: ignore[arg-type]


def written(folder: Path, content: Mapping[str, bytes]) -> Path:
    """The files in a folder."""
    folder.mkdir(parents=True)
    for name, each in content.items():
        (folder / name).write_bytes(each)
    return folder
