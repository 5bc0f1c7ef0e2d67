"""What one parameter of a query asks of a resource."""

from dataclasses import dataclass
from enum import Enum

from fhir.search.dates import Interval
from fhir.search.definitions import Parameter


class Prefix(Enum):
    """How a date is compared. https://hl7.org/fhir/R4/search.html#prefix"""

    EQ = "eq"
    GE = "ge"
    LE = "le"
    GT = "gt"
    LT = "lt"


@dataclass(frozen=True, slots=True)
class TokenValue:
    """A code or identifier: None stands for any system or any code, an empty system for having none."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference or a canonical may point to."""

    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A folded text that a value begins with."""

    form: str


@dataclass(frozen=True, slots=True)
class Exactly:
    """A text that a value is equal to."""

    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A date with its prefix."""

    prefix: Prefix
    interval: Interval


Value = TokenValue | Target | Beginning | Exactly | Moment


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter of the query: a resource meets it if one of the values fits."""

    parameter: Parameter
    values: tuple[Value, ...]
