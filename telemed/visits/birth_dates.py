"""Dates of birth as people type them: in numbers or with the month's name, the year with four digits or two."""

import re
from datetime import date
from functools import lru_cache
from typing import Final

from babel.dates import get_month_names

from telemed.pages.languages import LANGUAGES, locale_of

DAY_FIRST: Final = re.compile(r"(\d{1,2})[\s./-]+(\d{1,2})[\s./-]+(\d{4}|\d{2})|(\d{2})(\d{2})(\d{4})")
YEAR_FIRST: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
WITH_NAME: Final = re.compile(r"(\d{1,2})[\s.]*([^\W\d_]{3,})[\s.,]*(\d{4}|\d{2})")
CENTURY: Final = 100


def read_date(text: str, *, today: date) -> date | None:
    """The date that was typed, day first as in the region or year first as browsers send it; None if it is none."""
    text = text.strip()
    try:
        if match := YEAR_FIRST.fullmatch(text):
            return date(*(int(part) for part in match.groups()))
        if match := DAY_FIRST.fullmatch(text):
            day, month, year = (part for part in match.groups() if part is not None)
            return _in_the_past(int(day), int(month), year, today=today)
        if match := WITH_NAME.fullmatch(text):
            day, name, year = match.groups()
            return _in_the_past(int(day), _months().get(name.casefold(), 0), year, today=today)
    except ValueError:
        return None
    return None


def _in_the_past(day: int, month: int, year: str, *, today: date) -> date:
    """The date; of two digits the last such year in which that day is not to come: nobody is born tomorrow."""
    if len(year) > 2:  # two digits leave the century out
        return date(int(year), month, day)
    number = today.year // CENTURY * CENTURY + int(year)
    later = (number, month, day) > (today.year, today.month, today.day)
    return date(number - CENTURY if later else number, month, day)


@lru_cache
def _months() -> dict[str, int]:
    """The number of each month by its names in our languages, whole and shortened, as typed without a dot."""
    named = [
        (str(name).rstrip(".").casefold(), number)
        for language in LANGUAGES
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
        for number, name in get_month_names(width, context=context, locale=locale_of(language)).items()
    ]
    return dict(named) | {"maerz": 3, "sept": 9}
