"""What time a FHIR date stands for, reckoned in whole microseconds: shares nothing with `fhir.search.dates`.

https://hl7.org/fhir/R4/search.html#date
"""

import re
from calendar import monthrange
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

REGION = ZoneInfo("Europe/Berlin")
SECOND = 1_000_000
DAY = 86_400 * SECOND
OPEN = (-DAY * 2, DAY * 366 * 10_000)  # before and after everything

Stretch = tuple[int, int]  # from, up to but not including: microseconds since the beginning of the year 1 in UTC

_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


class NotATimeError(ValueError):
    """The text is no FHIR date."""


def stretch(text: str) -> Stretch:
    """From its first microsecond up to the one after its last, by its precision."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise NotATimeError(text)
    year, month, day, hour, minute, second, fraction, zone = form.groups()
    if hour is None:
        start = _local(int(year), int(month or 1), int(day or 1))
        if day is not None:
            return start, _after(int(year), int(month), int(day))
        last = int(month) if month else 12
        return start, _after(int(year), last, monthrange(int(year), last)[1])
    seconds = min(int(second or 0), 59)  # a leap second belongs to the second before it
    moment = _days(int(year), int(month), int(day)) + (int(hour) * 3600 + int(minute) * 60 + seconds) * SECOND
    moment += int(Fraction(fraction or 0) * SECOND) - _offset(zone, int(year), int(month), int(day), int(hour))
    if second is None:
        return moment, moment + 60 * SECOND
    return moment, moment + max(1, SECOND // 10 ** (len(fraction) - 1) if fraction else SECOND)


def period(start: str | None, end: str | None) -> Stretch:
    """The same of a Period, open where an end is missing."""
    return stretch(start)[0] if start else OPEN[0], stretch(end)[1] if end else OPEN[1]


def _days(year: int, month: int, day: int) -> int:
    return (datetime(year, month, day).toordinal() - 1) * DAY  # noqa: DTZ001  # a day of the calendar, nowhere


def _local(year: int, month: int, day: int) -> int:
    return _days(year, month, day) - _offset(None, year, month, day, 0)


def _after(year: int, month: int, day: int) -> int:
    if (year, month, day) == (9999, 12, 31):
        return _local(year, month, day) + DAY
    if day < monthrange(year, month)[1]:
        return _local(year, month, day + 1)
    return _local(year, month + 1, 1) if month < 12 else _local(year + 1, 1, 1)


def _offset(zone: str | None, year: int, month: int, day: int, hour: int) -> int:
    if zone == "Z":
        return 0
    if zone is None:
        ahead = datetime(year, month, day, hour, tzinfo=REGION).utcoffset()
        assert ahead is not None
        return round(ahead.total_seconds()) * SECOND
    return (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 3600 + int(zone[4:]) * 60) * SECOND
