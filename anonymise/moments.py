"""Dates of the record as moments."""

from datetime import UTC, datetime

from anonymise.periods import ZONE


def moment(text: str | None) -> datetime | None:
    """A FHIR dateTime as a moment; a partial one is its beginning in the region's time; None if there is none.

    None, too, for the edges of the calendar (0001-01-01) that lie outside of it in another zone: one such date in one
    record must not stop the statistics of all.
    """
    if not text:
        return None
    full = text if len(text) >= len("2026-01-01") else f"{text}-01-01"[: len("2026-01-01")]
    try:
        parsed = datetime.fromisoformat(full)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=ZONE)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
