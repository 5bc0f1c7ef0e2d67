"""Column types that two databases store alike."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer
from sqlalchemy.types import TypeDecorator

MICROSECOND = 1_000_000


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment, stored as whole microseconds since 1970: exact, ordered and the same on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds since 1970; a naive time is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time can't be stored; make it aware")
        return to_microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """The aware moment."""
        return None if value is None else from_microseconds(int(value))


# SQLite only makes INTEGER PRIMARY KEY an alias of the row id.
RowId = BigInteger().with_variant(Integer(), "sqlite")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970, without a float in between."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * MICROSECOND + delta.microseconds


def from_microseconds(value: int) -> datetime:
    """The aware moment of whole microseconds since 1970."""
    return _EPOCH + timedelta(0, 0, value)
