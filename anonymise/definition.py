"""What a data set is: read from TOML, checked before anything else happens."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from anonymise.about import Contact, Dimension, Filled, Licence, Publisher, Region, Words
from anonymise.hierarchies import HIERARCHIES, Hierarchy
from anonymise.problems import DefinitionInvalid
from anonymise.rule import K_DEFAULT, K_FLOOR, MIN_CATEGORIES, SHARE_LIMIT, Rule
from infra.problems import Issue

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class Protection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds. None may be weaker than the floor in `rule`."""

    k: Annotated[int, msgspec.Meta(ge=K_FLOOR)] = K_DEFAULT
    share_limit: Annotated[float, msgspec.Meta(gt=0, le=SHARE_LIMIT)] = SHARE_LIMIT
    min_categories: Annotated[int, msgspec.Meta(ge=MIN_CATEGORIES)] = MIN_CATEGORIES


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the record enters."""

    encounter_classes: Annotated[tuple[Filled, ...], msgspec.Meta(min_length=1)]
    legal_basis: Literal["consent"] = "consent"


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data set: what it shows, of whom, how it is protected, who publishes it."""

    slug: Slug
    title: Words
    description: Words
    keywords: Annotated[tuple[Words, ...], msgspec.Meta(min_length=1)]
    period: Literal["quarter"]
    dimension: tuple[Dimension, ...]
    source: Source
    licence: Licence
    publisher: Publisher
    contact: Contact
    region: Region
    protection: Protection = Protection()

    @property
    def rule(self) -> Rule:
        """The thresholds as the rule takes them."""
        return Rule(self.protection.k, self.protection.share_limit, self.protection.min_categories)

    @property
    def identifying(self) -> tuple[Hierarchy, ...]:
        """The hierarchies of the identifying dimensions, in the order in which detail is kept."""
        return tuple(HIERARCHIES[d.hierarchy]() for d in self.dimension if d.role == "identifying")

    @property
    def sensitive(self) -> Hierarchy:
        """The hierarchy of the sensitive dimension."""
        return next(HIERARCHIES[d.hierarchy]() for d in self.dimension if d.role == "sensitive")


def parse(text: str) -> Definition:
    """The definition that a TOML text states; all that is wrong with it is said at once where that is possible."""
    try:
        definition = msgspec.convert(tomllib.loads(text), type=Definition)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionInvalid(f"Not TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise DefinitionInvalid(str(error)) from error
    faults = list(_faults(definition))
    if faults:
        raise DefinitionInvalid("; ".join(faults), issues=[Issue("business-rule", fault) for fault in faults])
    return definition


def _faults(definition: Definition) -> list[str]:
    names = [d.name for d in definition.dimension]
    faults = [f"dimension {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]
    for dimension in definition.dimension:
        if dimension.hierarchy not in HIERARCHIES:
            faults.append(f"dimension {dimension.name}: there is no hierarchy {dimension.hierarchy!r}")
        elif HIERARCHIES[dimension.hierarchy]().name != dimension.name:
            faults.append(f"dimension {dimension.name}: the hierarchy {dimension.hierarchy!r} is of another dimension")
    roles = [d.role for d in definition.dimension]
    if roles.count("sensitive") != 1:
        faults.append("exactly one dimension must be sensitive")
    if [n for n, role in zip(names, roles, strict=True) if role == "identifying"] != [
        "municipality",
        "age_band",
        "sex",
    ]:
        faults.append("the identifying dimensions must be municipality, age_band, sex, in this order")
    return faults


def load(path: Path) -> Definition:
    """The definition in a file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionInvalid(f"The definition {path.name} can't be read.") from error


def shipped(slug: str = "telemedicine-kiel") -> Definition:
    """A definition that comes with the package."""
    return parse((files("anonymise") / "definitions" / f"{slug}.toml").read_text(encoding="utf-8"))
