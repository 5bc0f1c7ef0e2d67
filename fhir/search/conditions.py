"""What one parameter of a query asks of a resource."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from fhir.search.dates import Interval
from fhir.search.definitions import Parameter


class Prefix(Enum):
    """How a date or a quantity is compared. https://hl7.org/fhir/R4/search.html#prefix"""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"
    AP = "ap"


@dataclass(frozen=True, slots=True)
class TokenValue:
    """A code or identifier: None stands for any system or any code, an empty system for having none."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class IdentifiedBy:
    """A reference that names its target by this identifier (`:identifier`)."""

    identifier: TokenValue


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
class Contains:
    """A text that a value holds: folded, or only without case and accents (`eller` in Mueller)."""

    form: str
    plain: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A date with its prefix."""

    prefix: Prefix
    interval: Interval


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its prefix, the stretch that its precision stands for (`high` not included), and its unit.

    Without a system the code is a code or a unit as written; without both any unit will do.
    """

    prefix: Prefix
    number: Decimal
    low: Decimal
    high: Decimal
    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Near:
    """A place within so many metres of another."""

    latitude: float
    longitude: float
    metres: float


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether the parameter has no value at all (`:missing`)."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Together:
    """The parts of a composite, which one element must meet all."""

    parts: tuple["Value", ...]


Value = (
    TokenValue | IdentifiedBy | Target | Beginning | Exactly | Contains | Moment | Measure | Near | Missing | Together
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter of the query: a resource meets it if one of the values fits; negated (`:not`) if none does."""

    parameter: Parameter
    values: tuple[Value, ...]
    negated: bool = False
