"""The columns that the record can give for a person, by the name of the dimension that a definition asks for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from math import asin, cos, radians, sin, sqrt
from typing import Final

from anonymise.moments import moment
from anonymise.periods import ZONE
from anonymise.recorded import Recorded, visits_by_video

UNKNOWN: Final = "unknown"
NONE: Final = "none"
OLDEST_AGE: Final = 130
SEXES: Final = ("female", "male")
OTHER_SEX: Final = "other"
EARTH_KM: Final = 6371.0
Place = tuple[float, float]
"""Longitude and latitude in degrees."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What facts are reckoned with: the period's last day, the places of municipalities and clinics, groups of codes.

    `groups` has for each dimension its values, such as `E10-E14`, in the order in which they are tried.
    """

    last_day: date
    municipalities: Mapping[str, Place]
    clinics: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]


Fact = Callable[[Recorded, Setting, str], str]


def municipality(person: Recorded, setting: Setting, name: str) -> str:
    """The official key of the municipality of the latest registration."""
    return (person.registered and person.registered[2]) or UNKNOWN


def age(person: Recorded, setting: Setting, name: str) -> str:
    """Completed years on the last day of the period; of a partial birth date the beginning counts."""
    born = moment(person.registered[3]) if person.registered else None
    if born is None:
        return UNKNOWN
    local, day = born.astimezone(ZONE), setting.last_day
    years = day.year - local.year - ((day.month, day.day) < (local.month, local.day))
    return str(years) if 0 <= years <= OLDEST_AGE else UNKNOWN


def sex(person: Recorded, setting: Setting, name: str) -> str:
    """As in the latest registration; everything but female and male is `other`."""
    gender = person.registered[4] if person.registered else None
    return gender if gender in SEXES else OTHER_SEX


def reason(person: Recorded, setting: Setting, name: str) -> str:
    """The code of the main reason of the last encounter, or the first group of the dimension that holds it, else its last."""
    code = person.last[2] if person.last else None
    groups = setting.groups.get(name)
    if groups is None:
        return code or UNKNOWN
    # A code that no group holds must not stop the statistics of all: the last group is the one for the rest.
    return next((group for group in groups if code and in_group(code, group)), groups[-1])


def mode(person: Recorded, setting: Setting, name: str) -> str:
    """`video`, `on_site` or `mixed`."""
    kinds = {by_video for _, by_video in person.visits}
    return "mixed" if len(kinds) > 1 else "video" if True in kinds else "on_site"


def visits(person: Recorded, setting: Setting, name: str) -> str:
    """How many encounters."""
    return str(sum(person.visits.values()))


def wait_days(person: Recorded, setting: Setting, name: str) -> str:
    """Whole days from booking to the first appointment of the period."""
    return UNKNOWN if person.waited is None else str(person.waited.days)


def condition(person: Recorded, setting: Setting, name: str) -> str:
    """The first group of the dimension that one of the conditions belongs to: one for each person."""
    groups = setting.groups.get(name, ())
    return next((g for g in groups if any(in_group(code, g) for code in person.codes)), NONE)


def travel_km(person: Recorded, setting: Setting, name: str) -> str:
    """Kilometres there and back between municipality and clinic, as the crow flies, over all video encounters."""
    home = setting.municipalities.get(municipality(person, setting, name))
    total = 0.0
    for clinic, count in visits_by_video(person.visits).items():
        there = setting.municipalities.get(setting.clinics.get(clinic, ""))
        if home is None or there is None:
            return UNKNOWN
        total += 2 * count * kilometres(home, there)
    return str(round(total))


FACTS: Final[Mapping[str, Fact]] = {
    "municipality": municipality,
    "age_band": age,
    "age": age,
    "sex": sex,
    "chapter": reason,
    "reason": reason,
    "disease": reason,
    "mode": mode,
    "visits": visits,
    "wait_days": wait_days,
    "condition": condition,
    "travel_km": travel_km,
}

NEEDED: Final[Mapping[str, str]] = {"wait_days": "Appointment", "condition": "Condition"}
"""Types that are read for one dimension alone."""


def types_for(names: Iterable[str]) -> tuple[str, ...]:
    """The types that have to be read for these dimensions."""
    return ("Encounter", "Consent", "Patient", *sorted({NEEDED[name] for name in names if name in NEEDED}))


def in_group(code: str, group: str) -> bool:
    """Whether a code of ICD-10-GM lies in a group such as `E10-E14` or `I50`."""
    first, _, last = group.partition("-")
    return first <= code[:3] <= (last or first)


def kilometres(one: Place, other: Place) -> float:
    """The distance of two places on a sphere (haversine)."""
    (lon, lat), (far_lon, far_lat) = (tuple(map(radians, place)) for place in (one, other))
    part = sin((far_lat - lat) / 2) ** 2 + cos(lat) * cos(far_lat) * sin((far_lon - lon) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(part)))
