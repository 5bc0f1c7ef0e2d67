"""What a release says about itself: `about.json` in its folder. The portal and the catalogue know a release by this alone."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

Filled = Annotated[str, msgspec.Meta(min_length=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Link = Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]

FILE: Final = "about.json"
COLUMNS: Final = ("period", "measure", "value", "flag", "lower", "upper")
"""Columns that a data set has beside its dimensions; `measure` only where it tells more than persons."""


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in German and English."""

    de: Filled
    en: Filled

    def of(self, language: str) -> str:
        """The words in `de` or `en`."""
        return self.de if language == "de" else self.en


class Dimension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of the table and what it can tell about a person."""

    name: Name
    role: Literal["identifying", "sensitive", "both"]
    title: Words
    description: Words


class Licence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A licence from the DCAT-AP.de list and the words that users have to name."""

    uri: Annotated[str, msgspec.Meta(pattern=r"^http://dcat-ap\.de/def/licenses/\S+$")]
    name: Filled
    link: Link
    attribution: Filled


class Publisher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers for the data."""

    name: Filled
    homepage: Link


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where questions go."""

    name: Filled
    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$")]


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The area that the data set is about, for catalogues."""

    name: Words
    uri: Link
    bbox: Filled
    centroid: Filled
    parts: tuple[Link, ...] = ()


class Limits(msgspec.Struct, frozen=True):
    """The thresholds that the numbers were published under."""

    k: int
    share_limit: float
    min_categories: int


class DataFile(msgspec.Struct, frozen=True):
    """One form in which the numbers can be fetched."""

    path: str
    media_type: str
    file_type: str
    title: Words
    bytes: int
    sha256: str


class Step(msgspec.Struct, frozen=True):
    """How coarse a sensitive dimension is told: its `finest` level, the level whose categories groups are made of (`top`),
    and what a group was asked for when it was made. The level `all` tells no categories."""

    finest: str
    top: str
    share_limit: float
    min_categories: int


class Revision(msgspec.Struct, frozen=True):
    """A release that was taken back before this one was issued: on which day, which data set and period, what was done, and
    the class of its reason (`CAUSES`)."""

    date: str
    dataset: str
    release: str
    what: str
    cause: str


class Covered(msgspec.Struct, frozen=True):
    """The days between which nearly all encounters of the period lie, where the record does not cover all of it."""

    first: date
    last: date


class Coverage(msgspec.Struct, frozen=True):
    """How much the release covers. What is not known, or can't be told, is missing.

    `population` is the share of all inhabitants, of the day `vintage`, who are in; `stated` the share of all treated in the
    region that the participating services reach, as the operator states it. Of at least the share `permitted` of those
    treated persons may be counted, and at least the share `known` have a value in a dimension. At `reporting` of `clinics`
    enough persons were treated to say so.
    """

    inhabitants: int | None = None
    vintage: str = ""
    population: float | None = None
    stated: float | None = None
    permitted: float | None = None
    reporting: int | None = None
    clinics: int | None = None
    known: dict[str, float | None] = {}


class About(msgspec.Struct, frozen=True):
    """A release: what it shows, of when, from whom, under which licence, in which files."""

    slug: str
    release: str
    title: Words
    description: Words
    keywords: tuple[Words, ...]
    first: date
    last: date
    issued: datetime
    persons: int
    rows: int
    legal_basis: str
    limits: Limits
    dimensions: tuple[Dimension, ...]
    licence: Licence
    publisher: Publisher
    contact: Contact
    region: Region
    files: tuple[DataFile, ...]
    cohort: str = "persons"
    covered: Covered | None = None
    coverage: Coverage | None = None
    ladder: tuple[Step, ...] = ()
    """The steps that were tried, finest first; the last was taken."""
    revisions: tuple[Revision, ...] = ()

    def to_json(self) -> bytes:
        """The content of `about.json`."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def read(folder: Path) -> About:
    """What the release in a folder says about itself."""
    return parse((folder / FILE).read_bytes())


def parse(content: bytes) -> About:
    """What a release says in the content of its `about.json`."""
    return msgspec.json.decode(content, type=About)
