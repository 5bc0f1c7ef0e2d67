"""Periods and dates of FHIR as moments: where what a resource says about access begins and ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

from telemed.access.settle import FOREVER, NEVER

Data = dict[str, Any]


def start(period: Data, now: datetime) -> datetime:
    """When a period begins, not before now; never if its beginning can't be read."""
    return max(now, moment(period["start"]) or FOREVER) if "start" in period else now


def end(period: Data) -> datetime:
    """The first moment after a period: a day, month or year that is named as its end belongs to it."""
    text = period.get("end")
    if text is None:
        return FOREVER
    begins = moment(text)
    if begins is None or begins == FOREVER:
        return begins or NEVER
    if len(text) == len("2026-12-31"):
        return begins + timedelta(days=1)
    if len(text) == len("2026-12"):
        return (begins + timedelta(days=31)).replace(day=1)
    return begins.replace(year=begins.year + 1) if len(text) == len("2026") else begins


def moment(text: Any) -> datetime | None:
    """The moment of a FHIR dateTime, or its first moment (UTC) if it is a date, a month or a year."""
    if not isinstance(text, str):
        return None
    whole = {4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text)
    try:
        found = datetime.fromisoformat(whole)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    # Some systems write the year 9999 for "no end"; adding days to it must not overflow.
    return min(found, FOREVER)
