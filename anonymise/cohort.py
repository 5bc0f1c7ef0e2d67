"""What a cohort is: whose data of which period, its dimensions, and the thresholds that everything about it keeps."""

from typing import Annotated, Final, Literal

import msgspec

from anonymise.about import Contact, Filled, Licence, Name, Publisher, Region, Words
from anonymise.rule import CLINIC_SHARE_LIMIT, K_DEFAULT, K_FLOOR, MIN_CATEGORIES, MIN_CLINICS, SHARE_LIMIT, Rule

Role = Literal["identifying", "sensitive", "both"]


class Dominance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many clinics a group shown by a sensitive dimension needs, and the largest share that one of them may have."""

    clinics: Annotated[int, msgspec.Meta(ge=MIN_CLINICS)] = MIN_CLINICS
    share_limit: Annotated[float, msgspec.Meta(gt=0, le=CLINIC_SHARE_LIMIT)] = CLINIC_SHARE_LIMIT


class Protection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds. None may be weaker than the floor in `rule`. Without `dominance` persons need no clinic."""

    k: Annotated[int, msgspec.Meta(ge=K_FLOOR)] = K_DEFAULT
    share_limit: Annotated[float, msgspec.Meta(gt=0, le=SHARE_LIMIT)] = SHARE_LIMIT
    min_categories: Annotated[int, msgspec.Meta(ge=MIN_CATEGORIES)] = MIN_CATEGORIES
    dominance: Dominance | None = None

    @property
    def rule(self) -> Rule:
        """The thresholds as the rule takes them."""
        return Rule(self.k, self.share_limit, self.min_categories)


CLINIC: Final = "clinic"
"""The dimension, or the column of persons, that says which clinic it was."""
INSTITUTION: Final = "institution"

Unit = Literal["person", "person at a clinic"]
"""What is counted. Numbers by different units are about different things, and are never added up or met."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the record enters: finished encounters of these classes, of these ICD-10-GM codes if any are named.

    Legal basis `consent`: a person counts once, who agreed and nowhere refuses. `institution`: each clinic counts its own
    persons for itself, but those who objected there.
    """

    encounter_classes: Annotated[tuple[Filled, ...], msgspec.Meta(min_length=1)]
    legal_basis: Literal["consent", "institution"] = "consent"
    reason_codes: tuple[Filled, ...] = ()

    @property
    def unit(self) -> Unit:
        """What is counted."""
        return "person at a clinic" if self.legal_basis == INSTITUTION else "person"


class Joined(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node of a coarser level: which nodes of the level before it joins, and its title."""

    joins: Annotated[tuple[Filled, ...], msgspec.Meta(min_length=2)]
    de: Filled
    en: Filled


class Dimension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of the persons, and how it coarsens.

    Its values come from one of: `hierarchy` (a name that ships, or a CSV file beside the definition), `bands` (the first
    number of each band) or `values`. `coarser` names the levels above bands and values, finest first: fewer bands, or the
    nodes that join others (what is not named stays as it is). `base` is the finest level that is kept, `hard` the level that
    must stay exact.
    """

    name: Name
    role: Role
    title: Words
    description: Words
    hierarchy: str | None = None
    bands: tuple[int, ...] | None = None
    values: dict[Filled, Words] | None = None
    coarser: dict[Name, tuple[int, ...] | dict[Filled, Joined]] = {}
    base: str | None = None
    hard: str | None = None


class Denominators(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom rates and coverage refer to: a CSV file beside the definition with the identifying dimensions and `persons`, or
    the inhabitants of the table of municipalities that ships. `coverage` is the share of all who are treated in the region
    that the participating services and the consents reach, as the operator states it."""

    file: str | None = None
    coverage: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    vintage: Filled = "2011-12-31"


class CohortDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cohort: all data sets about it in one period are sums over one partition of its persons. `period_column` names the
    column of a file of persons that says their period (2026-Q3); without it every row of the file counts."""

    name: Filled
    period: Literal["quarter", "month", "week"]
    source: Source
    dimension: Annotated[tuple[Dimension, ...], msgspec.Meta(min_length=1)]
    licence: Licence
    publisher: Publisher
    contact: Contact
    region: Region
    protection: Protection = Protection()
    denominators: Denominators | None = None
    period_column: Filled | None = None
