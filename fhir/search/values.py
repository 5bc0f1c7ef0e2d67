"""The values of a resource that search parameters compare: one shape for each kind of parameter."""

from decimal import Decimal
from typing import NamedTuple

from fhir.search.dates import Interval


class Code(NamedTuple):
    """Of a TOKEN: a code, identifier or telephone number; the system is empty where there is none."""

    system: str
    code: str


class Link(NamedTuple):
    """Of a REFERENCE: `Type/id` or an absolute address, without a version; both may be empty beside an identifier."""

    address: str
    type: str
    identifier: Code | None


class Amount(NamedTuple):
    """Of a QUANTITY: from low to high, both included and equal for a single number; None is open."""

    low: Decimal | None
    high: Decimal | None
    system: str
    code: str
    unit: str


class Point(NamedTuple):
    """Of a SPECIAL (`Location.near`): a place on earth, in degrees."""

    latitude: Decimal
    longitude: Decimal


class Composite(NamedTuple):
    """Of a COMPOSITE: the values of each component, all of one element; no component is empty."""

    parts: tuple[tuple["Value", ...], ...]


# A plain text is the value of a STRING, a URI or a CANONICAL; an interval that of a DATE.
Value = Code | Link | str | Interval | Amount | Composite | Point
