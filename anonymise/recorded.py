"""What the record says of one unit of a cohort (a person, or a person at one clinic) in one period: resources in, sums out.

The order in which resources come changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from anonymise.agreement import Answer, Consent, statement
from anonymise.coverage import monday
from anonymise.moments import moment
from anonymise.periods import ZONE
from anonymise.resources import Appointment, Condition, Encounter, Patient, has_code, icd_code, municipality

VIDEO: Final = "VR"
TOOK_PLACE: Final = frozenset({"fulfilled", "arrived", "checked-in"})
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the record: the period, the moment at which the cohort is frozen, which encounters count.

    `reasons` is a span of ICD-10-GM codes by their first three characters, both ends included; None for any.
    """

    start: datetime
    end: datetime
    frozen: datetime
    classes: frozenset[str]
    reasons: tuple[str, str] | None = None

    def counts(self, code: str | None) -> bool:
        """Whether an encounter for this reason counts."""
        return self.reasons is None or (code is not None and self.reasons[0] <= code[:3] <= self.reasons[1])


Registration = tuple[str, str, str | None, str | None, str | None]
"""When it was written, its id, municipality, birth date, gender."""


@dataclass(slots=True)
class Recorded:
    """One unit's sums so far."""

    last: tuple[datetime, str, str | None] | None = None  # the end, id and reason of the last encounter
    visits: dict[tuple[str, bool], int] = field(default_factory=dict)  # by clinic and whether by video
    weeks: set[date] = field(default_factory=set)
    stated: dict[str, tuple[datetime, Answer]] = field(default_factory=dict)  # by clinic, the latest statement
    registered: Registration | None = None
    first_start: datetime | None = None  # of the first appointment in the period
    waited: timedelta | None = None
    codes: set[str] = field(default_factory=set)  # of conditions that hold

    def add(self, tenant: str, id: str, resource: object, *, asked: Asked) -> None:
        """Nothing; the resource is reckoned with."""
        match resource:
            case Encounter():
                self._encounter(tenant, id, resource, asked)
            case Consent():
                stated = statement(resource, at=asked.frozen)
                if stated is not None:
                    self.stated[tenant] = max(self.stated.get(tenant, stated), stated)
            case Patient():
                known = municipality(resource.address)
                found = (resource.meta.last_updated, id, known, resource.birth_date, resource.gender)
                if self.registered is None or found[:2] > self.registered[:2]:
                    self.registered = found
            case Appointment():
                self._appointment(resource, asked)
            case Condition():
                self._condition(resource)

    def _encounter(self, tenant: str, id: str, encounter: Encounter, asked: Asked) -> None:
        kind, reason = encounter.class_.code or "", None
        if encounter.status != "finished" or kind not in asked.classes:
            return
        ended = _moment(encounter.period.end or encounter.period.start)
        if ended is None or not asked.start <= ended < asked.end:
            return
        if encounter.reason_code:
            reason = icd_code(encounter.reason_code[0])
        if not asked.counts(reason):
            return
        key = (tenant, kind == VIDEO)
        self.visits[key] = self.visits.get(key, 0) + 1
        self.weeks.add(_monday(ended))
        if self.last is None or (ended, id) > self.last[:2]:
            self.last = (ended, id, reason)

    def _appointment(self, appointment: Appointment, asked: Asked) -> None:
        start, made = _moment(appointment.start), _moment(appointment.created)
        if appointment.status not in TOOK_PLACE or start is None or not asked.start <= start < asked.end:
            return
        waited = start - made if made is not None and made <= start else None
        # Of two at the same moment the one that was waited for less, so that the order changes nothing.
        if self.first_start is None or (start, _least(waited)) < (self.first_start, _least(self.waited)):
            self.first_start, self.waited = start, waited

    def _condition(self, condition: Condition) -> None:
        code = icd_code(condition.code)
        refuted = has_code(condition.verification_status, "refuted") or has_code(
            condition.verification_status, "entered-in-error"
        )
        if code is not None and has_code(condition.clinical_status, "active") and not refuted:
            self.codes.add(code)

    @property
    def refuses(self) -> bool:
        """Whether a clinic's latest statement refuses."""
        return any(answer is Answer.REFUSES for _, answer in self.stated.values())

    @property
    def permits(self) -> bool:
        """Whether a clinic's latest statement permits."""
        return any(answer is Answer.PERMITS for _, answer in self.stated.values())

    @property
    def clinic(self) -> str:
        """The clinic with most of the encounters; of several the first by name."""
        totals: dict[str, int] = {}
        for (tenant, _), count in self.visits.items():
            totals[tenant] = totals.get(tenant, 0) + count
        return min(totals, key=lambda tenant: (-totals[tenant], tenant), default="")


def _least(waited: timedelta | None) -> timedelta:
    return timedelta.max if waited is None else waited


@lru_cache(maxsize=100_000)
def _moment(text: str | None) -> datetime | None:
    return moment(text)


@lru_cache(maxsize=100_000)
def _monday(ended: datetime) -> date:
    return monday(ended.astimezone(ZONE).date())


def visits_by_video(visits: Mapping[tuple[str, bool], int]) -> dict[str, int]:
    """The video encounters of a unit, by clinic."""
    return {tenant: count for (tenant, by_video), count in visits.items() if by_video}
