"""How patients found their visit: one of three faces, added to a number of the clinic's month and kept nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col, select

from infra.database import Session
from telemed.pages.times import REGION
from telemed.visits.models import OpinionCount, Visit

LEAST_ANSWERS: Final = 10
"""Of a month that is shown; the number that statistics go by (DESIGN 8)."""


class Opinion(StrEnum):
    """What can be answered."""

    WELL = "well"
    SO_SO = "so-so"
    BADLY = "badly"


@dataclass(frozen=True, slots=True)
class Month:
    """The answers of one month; None where they are too few to be shown."""

    first: date
    counts: Mapping[Opinion, int] | None


def give(session: Session, visit: Visit, opinion: Opinion, *, now: datetime) -> None:
    """Nothing; the answer is counted, once for a visit. Part of an atomic unit that holds the visit's row."""
    if visit.answered:
        return
    visit.answered = True
    session.add(visit)
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    new = insert(OpinionCount).values(tenant=visit.tenant, month=month_of(now), opinion=opinion, count=1)
    key = ["tenant", "month", "opinion"]
    one_more = OpinionCount.__table__.c.count + 1  # type: ignore[attr-defined]  # SQLModel's tables have one
    session.execute(new.on_conflict_do_update(index_elements=key, set_={"count": one_more}))


def months(session: Session, tenant: str, *, now: datetime) -> list[Month]:
    """The clinic's months that are over, newest first; so no difference between two looks shows one answer."""
    wanted = select(OpinionCount).where(col(OpinionCount.tenant) == tenant, col(OpinionCount.month) < month_of(now))
    found: dict[date, dict[Opinion, int]] = {}
    for row in session.exec(wanted):
        found.setdefault(row.month, dict.fromkeys(Opinion, 0))[Opinion(row.opinion)] = row.count
    return [Month(first, shown(counts)) for first, counts in sorted(found.items(), reverse=True)]


def shown(counts: Mapping[Opinion, int]) -> Mapping[Opinion, int] | None:
    """The counts, if there are enough answers to show any of them."""
    return counts if sum(counts.values()) >= LEAST_ANSWERS else None


def month_of(now: datetime) -> date:
    """The first day of the month in the region."""
    return now.astimezone(REGION).date().replace(day=1)
