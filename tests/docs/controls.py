"""`python -m tests.docs.controls`: writes the tables of controls into SECURITY.md, from `controls.toml`."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.architecture.tree import ROOT

CONTROLS = Path(__file__).with_name("controls.toml")
MANUAL = ROOT / "SECURITY.md"
BEGIN, END = "<!-- controls: made by `python -m tests.docs.controls` -->\n", "<!-- end of controls -->\n"


@dataclass(frozen=True)
class Control:
    """One requirement, and the tests by name or file that show how it is met."""

    id: str
    what: str
    tests: tuple[str, ...]
    level: int | None = None

    @property
    def line(self) -> str:
        """Its row."""
        shown = ", ".join(f"`{test}`" for test in self.tests)
        level = "" if self.level is None else f" | L{self.level}"
        return f"| {self.id}{level} | {self.what} | {shown} |"


@dataclass(frozen=True)
class Standard:
    """A standard, and what of it is met."""

    name: str
    source: str
    note: str
    controls: tuple[Control, ...]

    @property
    def table(self) -> str:
        """Heading, note and rows."""
        leveled = self.controls[0].level is not None
        head = ["| id | level | how we meet it | shown by |", "|---|---|---|---|"]
        if not leveled:
            head = ["| id | how we meet it | shown by |", "|---|---|---|"]
        rows = "\n".join([*head, *(control.line for control in self.controls)])
        return f"### {self.name}\n{self.note} Source: <{self.source}>\n\n{rows}\n"


def standards(text: str) -> Iterator[Standard]:
    """The standards in such a file."""
    for each in tomllib.loads(text)["standard"]:
        rows: list[dict[str, Any]] = each.pop("rows")
        yield Standard(**each, controls=tuple(Control(**{**row, "tests": tuple(row["tests"])}) for row in rows))


def written(manual: str, found: Iterator[Standard]) -> str:
    """The manual with the tables of these standards."""
    before, _, rest = manual.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(standard.table for standard in found)
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


if __name__ == "__main__":
    MANUAL.write_text(written(MANUAL.read_text(), standards(CONTROLS.read_text())))
