"""The hierarchies that ship: municipality to Amt to district to region, age, sex, ICD-10-GM, month and week of the year."""

from datetime import date
from functools import cache
from typing import Final

from anonymise.ages import age_band, ages
from anonymise.hierarchy import ALL, UNKNOWN, Hierarchy, Text, build
from anonymise.icd import chapter_of, icd10gm
from anonymise.municipalities import municipality_table

__all__ = [
    "ALL",
    "HIERARCHIES",
    "SEXES",
    "UNKNOWN",
    "Text",
    "age_band",
    "ages",
    "chapter_of",
    "chapters",
    "municipalities",
    "sexes",
]

SEXES: Final = ("female", "male", "other")


@cache
def municipalities() -> Hierarchy:
    """Municipality, Amt, district, region."""
    table = municipality_table()
    titles = {row.ags: Text(row.name, row.name) for row in table}
    titles |= {row.district: Text(row.district_name, row.district_name) for row in table}
    titles[ALL] = Text("Region Kiel", "Kiel region")
    for row in sorted(table, key=lambda row: row.population):
        if row.amt != row.ags:
            # The table holds no names of Ämter; the largest municipality, which comes last, tells where one lies.
            titles[row.amt] = Text(f"Amt um {row.name} ({row.amt})", f"Amt around {row.name} ({row.amt})")
    columns = {
        "municipality": [row.ags for row in table],
        "amt": [row.amt for row in table],
        "district": [row.district for row in table],
    }
    return build("municipality", columns, titles=titles)


@cache
def sexes() -> Hierarchy:
    """Female, male, other; `other` holds what FHIR calls other and unknown."""
    titles = {"female": Text("weiblich", "female"), "male": Text("männlich", "male")}
    titles["other"] = Text("divers oder nicht angegeben", "other or not stated")
    return build("sex", {"sex": SEXES}, titles=titles, seldom="other")


@cache
def chapters() -> Hierarchy:
    """The chapters of ICD-10-GM; `unknown` is the last value."""
    return icd10gm().from_level("chapter")


@cache
def months() -> Hierarchy:
    """Month of the year and quarter. Reads days such as 2026-08-03."""
    numbers = range(1, 13)
    columns = {"month": [f"{n:02}" for n in numbers], "quarter": [f"Q{(n + 2) // 3}" for n in numbers]}
    return build("month", columns, reads=_month)


@cache
def weeks() -> Hierarchy:
    """ISO week of the year, alone and four together. Reads days such as 2026-08-03."""
    numbers = range(1, 54)
    columns = {"week": [f"W{n:02}" for n in numbers], "4": [f"W{(n - 1) // 4 * 4 + 1:02}/4" for n in numbers]}
    return build("week", columns, reads=_week)


def _day(raw: str) -> date | None:
    try:
        return date.fromisoformat(raw[:10])
    except ValueError:
        return None


def _month(raw: str) -> str | None:
    day = _day(raw)
    return None if day is None else f"{day.month:02}"


def _week(raw: str) -> str | None:
    day = _day(raw)
    return None if day is None else f"W{day.isocalendar().week:02}"


HIERARCHIES: Final = {
    "municipality": municipalities,
    "age": ages,
    "sex": sexes,
    "icd10gm": icd10gm,
    "month": months,
    "week": weeks,
}
