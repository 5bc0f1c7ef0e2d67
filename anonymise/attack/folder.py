"""A published folder as an attacker reads it: rows, blocks, groups, and what every code stands for. Nothing else is used.

`blocks.csv` and `groups.csv` may be missing: then the rows are all that is known.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from anonymise.attack.published import Dimension, Members, Statement
from anonymise.attack.stated import NOTHING, About, about_itself
from anonymise.problems import InputInvalid
from anonymise.rule import Rule

ALL: Final = "*"
JOIN: Final = "|"
MEASURE: Final = "measure"
PERSONS: Final = "persons"
FLAGS: Final = ("", "c", "e")


@dataclass(frozen=True, slots=True)
class Bag:
    """One block: persons who all lie in the product of `members`, their group (empty without one), their number."""

    name: str
    group: str
    labels: tuple[str, ...]
    members: tuple[Members, ...]
    persons: int


@dataclass(frozen=True, slots=True)
class Share:
    """Persons of one group with one category: the base values of the telling dimension that the category joins."""

    group: str
    label: str
    category: Members
    persons: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A step at which a release was built: the finest level of categories, and the share that groups were made within."""

    finest: str
    within: float


@dataclass(frozen=True, slots=True)
class Folder:
    """All that one release says. `dimensions` are those of the rows, `identifying` those of the blocks."""

    name: str
    slug: str
    cohort: str
    first: date
    last: date
    rule: Rule
    dimensions: tuple[Dimension, ...]
    identifying: tuple[Dimension, ...]
    rows: tuple[Statement, ...]
    blocks: tuple[Bag, ...]
    groups: tuple[Share, ...]
    unit: str = ""
    """Whatever the persons were counted by: releases that say the same count by the same."""
    itself: About = NOTHING
    """What the release says about itself beside its numbers."""
    tried: tuple[Tried, ...] = ()
    """The steps of its ladder, the last of which was taken."""

    @property
    def telling(self) -> Dimension | None:
        """The dimension that is shown for groups."""
        return next((d for d in self.dimensions if d.role != "identifying"), None)


def alike(folders: Sequence[Folder]) -> list[Folder]:
    """Releases with the same dimensions, each listing the base values of all."""
    values = [
        tuple(dict.fromkeys(value for folder in folders for value in folder.identifying[n].values))
        for n in range(len(folders[0].identifying))
    ]
    if all(tuple(d.values for d in folder.identifying) == tuple(values) for folder in folders):
        return list(folders)
    return [_with_values(folder, values) for folder in folders]


def _with_values(folder: Folder, values: Sequence[tuple[str, ...]]) -> Folder:
    places = [{value: n for n, value in enumerate(each)} for each in values]

    def moved(members: tuple[Members, ...]) -> tuple[Members, ...]:
        named = zip(places, folder.identifying, members, strict=True)
        return tuple(tuple(sorted(place[d.values[n]] for n in chosen)) for place, d, chosen in named)

    dimensions = tuple(replace(d, values=each) for d, each in zip(folder.identifying, values, strict=True))
    blocks = tuple(replace(block, members=moved(block.members)) for block in folder.blocks)
    return replace(folder, identifying=dimensions, blocks=blocks)


def read_folder(folder: Path) -> Folder:
    """The release in a folder; what can't be read is refused with file and line."""
    try:
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in (".csv", ".json")}
    except OSError as error:
        raise InputInvalid(f"{folder} can't be read: {error}.") from error
    return folder_of(files, folder)


def folder_of(files: Mapping[str, bytes], where: Path) -> Folder:
    """The same from the content of the files; `where` names it in refusals."""
    about = _json(files, where, "about.json")
    codes = _json(files, where, "codes.json")
    try:
        slug, limits = str(about["slug"]), about["limits"]
        rule = Rule(int(limits["k"]), float(limits["share_limit"]), int(limits["min_categories"]))
        first, last = date.fromisoformat(about["first"]), date.fromisoformat(about["last"])
        roles = {d["name"]: d["role"] for d in about["dimensions"]}
        name = f"{slug} {about['release']}"
        tried = tuple(Tried(str(s["finest"]), float(s["share_limit"])) for s in about.get("ladder", ()))
    except (KeyError, TypeError, ValueError) as error:
        raise InputInvalid(f"{where / 'about.json'} lacks what a release says about itself: {error}.") from error
    holds = {dimension: _holds(where, dimension, listed) for dimension, listed in codes.items() if dimension != MEASURE}
    known = {n: _dimension(n, roles.get(n, "identifying"), holds[n]) for n in holds}
    reader = _Reader(files, where, known, holds)
    blocks, identifying = reader.blocks()
    dimensions, rows = reader.rows(f"{slug}.csv", roles)
    telling = next((d for d in dimensions if d.role != "identifying"), None)
    groups = reader.groups(telling) if telling is not None else ()
    cohort = f"{about.get('cohort', 'persons')} {first} to {last}"
    unit, itself = str(about.get("legal_basis", "")), about_itself(files, about)
    return Folder(
        name, slug, cohort, first, last, rule, dimensions, identifying, rows, blocks, groups, unit, itself, tried
    )


def _json(files: Mapping[str, bytes], where: Path, name: str) -> Any:
    if name not in files:
        raise InputInvalid(f"{where} is no release: it has no {name}.")
    try:
        return json.loads(files[name])
    except ValueError as error:
        raise InputInvalid(f"{where / name} is no JSON: it may be cut off.") from error


def _holds(folder: Path, dimension: str, listed: Any) -> dict[str, frozenset[str]]:
    try:
        return {each["code"]: frozenset(each["holds"]) for each in listed}
    except (KeyError, TypeError) as error:
        raise InputInvalid(f"{folder / 'codes.json'} does not say what the codes of {dimension} stand for.") from error


def _dimension(name: str, role: Any, holds: Mapping[str, frozenset[str]]) -> Dimension:
    values = tuple(sorted(frozenset[str]().union(*holds.values())))
    if role == "identifying":
        return Dimension(name, role, values)
    place = {value: n for n, value in enumerate(values)}
    kin = {tuple(sorted(place[v] for v in members)) for members in holds.values() if 1 < len(members) < len(values)}
    return Dimension(name, role, values, tuple(sorted(kin)))


class _Reader:
    """Reads the tables of a folder with its codes."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        folder: Path,
        known: Mapping[str, Dimension],
        holds: Mapping[str, Mapping[str, frozenset[str]]],
    ) -> None:
        self._files, self._folder, self._known, self._holds = files, folder, known, holds
        self._cache: dict[tuple[str, str], Members] = {}

    def rows(self, name: str, roles: Mapping[str, str]) -> tuple[tuple[Dimension, ...], tuple[Statement, ...]]:
        """The dimensions of the rows, and every row about persons."""
        lines = self._lines(name, needed=("period", "value", "flag", "lower", "upper"))
        _, header = next(lines)
        names = [each for each in header if each in roles]
        rows = []
        for where, line in lines:
            if line.get(MEASURE, PERSONS) == PERSONS:
                labels = tuple(line[each] for each in names)
                members = tuple(self._members(each, line[each], where) for each in names)
                rows.append(Statement(where, labels, members, *self._says(line, where)))
        if not rows:
            raise InputInvalid(f"{self._folder / name} holds no row about persons.")
        return tuple(self._of(each) for each in names), tuple(rows)

    def blocks(self) -> tuple[tuple[Bag, ...], tuple[Dimension, ...]]:
        """The blocks and their dimensions; none if the folder has no blocks."""
        if "blocks.csv" not in self._files:
            return (), ()
        lines = self._lines("blocks.csv", needed=("block", "group", "persons"))
        _, header = next(lines)
        names = [each for each in header if each not in ("block", "group", "persons")]
        bags = []
        for where, line in lines:
            labels = tuple(line[each] for each in names)
            members = tuple(self._members(each, line[each], where) for each in names)
            bags.append(Bag(line["block"], line["group"], labels, members, _number(line["persons"], where)))
        return tuple(bags), tuple(self._of(each) for each in names)

    def groups(self, telling: Dimension) -> tuple[Share, ...]:
        """The persons of each group and category."""
        if "groups.csv" not in self._files:
            return ()
        lines = self._lines("groups.csv", needed=("group", "category", "persons"))
        next(lines)
        return tuple(
            Share(line["group"], line["category"], self._members(telling.name, line["category"], where),
                  _number(line["persons"], where))
            for where, line in lines
        )  # fmt: skip

    def _of(self, name: str) -> Dimension:
        if name not in self._known:
            raise InputInvalid(f"{self._folder / 'codes.json'} does not list the codes of {name}.")
        return self._known[name]

    def _members(self, name: str, code: str, where: str) -> Members:
        if (name, code) not in self._cache:
            values, holds = self._of(name).values, self._holds[name]
            found = set(values) if code == ALL else set()
            for part in () if code == ALL else (code,) if code in holds else code.split(JOIN):
                if part not in holds:
                    raise InputInvalid(f"{self._folder}, {where}: codes.json does not say what {code!r} stands for.")
                found |= holds[part]
            self._cache[name, code] = tuple(n for n, value in enumerate(values) if value in found)
        return self._cache[name, code]

    def _says(self, line: Mapping[str, str], where: str) -> tuple[int, int | None, bool]:
        flag = line["flag"]
        if flag not in FLAGS:
            raise InputInvalid(f"{self._folder}, {where}: the flag {flag!r} is not one of '', c, e.")
        if flag == "c":
            return 1, None, True
        if flag == "e":
            return _number(line["lower"], where), _number(line["upper"], where), False
        return (number := _number(line["value"], where)), number, False

    def _lines(self, name: str, *, needed: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
        """The header, then every line with its place; a line that is cut off is refused."""
        if name not in self._files:
            raise InputInvalid(f"{self._folder} has no {name}.")
        try:
            reader = csv.DictReader(io.StringIO(self._files[name].decode(), newline=""), strict=True)
            header = list(reader.fieldnames or ())
            if lacking := [each for each in needed if each not in header]:
                raise InputInvalid(f"{self._folder / name} has no column {', '.join(lacking)}.")
            yield "", dict.fromkeys(header, "")
            for line in reader:
                if None in line or None in line.values():
                    raise InputInvalid(f"{self._folder / name} line {reader.line_num} is cut off or too long.")
                yield f"{name} line {reader.line_num}", line
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputInvalid(f"{self._folder / name} can't be read: {error}.") from error


def _number(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InputInvalid(f"{where}: {text!r} is no number of persons.")
    return int(text)
