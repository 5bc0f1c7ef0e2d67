"""Times as people in the region read them: local, with the weekday, 24 hours."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time

from telemed.pages.languages import locale_of

REGION = ZoneInfo("Europe/Berlin")
AFTER_TIME = {"de": " Uhr", "de-simple": " Uhr", "nds": " Uhr"}
# Where days are written in numbers with dots; elsewhere the month has its name, as 03/04 may be either.
WITH_DOTS = frozenset({"de", "de-simple", "nds", "da", "pl", "tr", "uk", "ru"})


def day_in_words(moment: datetime, *, language: str) -> str:
    """The day with its weekday, such as "Montag, 23. November 2026"."""
    return str(format_date(moment.astimezone(REGION).date(), "full", locale=locale_of(language)))


def time_of_day(moment: datetime, *, language: str) -> str:
    """The time of day, such as "09:30"."""
    return str(format_time(moment.astimezone(REGION), "HH:mm", tzinfo=REGION, locale=locale_of(language)))


def time_in_words(moment: datetime, *, language: str) -> str:
    """The time of day as it stands in a sentence, such as "09:30 Uhr"."""
    return time_of_day(moment, language=language) + AFTER_TIME.get(language, "")


def day_and_time(moment: datetime, *, language: str) -> str:
    """Day and time, such as "Montag, 23. November 2026, 09:30 Uhr"."""
    return f"{day_in_words(moment, language=language)}, {time_in_words(moment, language=language)}"


def moment_in_numbers(moment: datetime, *, language: str) -> str:
    """Day and time as they stand in a table, such as "23.11.2026, 09:30"."""
    return f"{short_day(moment.astimezone(REGION).date(), language=language)}, {time_of_day(moment, language=language)}"


def short_day(day: date, *, language: str) -> str:
    """The day as it stands in a list, such as "14.03.1951"; in English "14 Mar 1951"."""
    if language in WITH_DOTS:
        return day_in_numbers(day)
    return str(format_date(day, "d MMM y", locale=locale_of(language)))


def month_in_words(day: date, *, language: str) -> str:
    """The month of a day, such as "November 2026"."""
    return str(format_date(day, "LLLL y", locale=locale_of(language)))


def day_in_numbers(day: date) -> str:
    """The day in numbers, such as "14.03.1951", as dates of birth are written in the region."""
    return f"{day.day:02}.{day.month:02}.{day.year}"
