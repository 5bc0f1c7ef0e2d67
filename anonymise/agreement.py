"""What a Consent says about the statistics: the one place for its meaning.

It has the category `statistics`, is active, and says when. A plain `permit` agrees and a `deny` refuses, both within the
period of their provision. What is narrower than yes (some actors, some data, exceptions) is no yes to these statistics,
and no refusal of what another clinic was told either.
"""

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

import msgspec

from anonymise.moments import moment

CONSENT_SYSTEM: Final = "https://telemed.example/fhir/CodeSystem/consent-category"
CONSENT_CODE: Final = "statistics"
DAY: Final = len("2026-01-31")


class Answer(IntEnum):
    """What is said. Of two at the same moment the higher one counts: a refusal wins."""

    PERMITS = 0
    NEITHER = 1
    REFUSES = 2


class Coding(msgspec.Struct, gc=False):
    """A code and its system."""

    system: str | None = None
    code: str | None = None


class Concept(msgspec.Struct, gc=False):
    """One meaning in some codes."""

    coding: list[Coding] = []


class Period(msgspec.Struct, gc=False):
    """From when until when, as FHIR writes it."""

    start: str | None = None
    end: str | None = None


class Provision(msgspec.Struct, rename="camel", gc=False):
    """The provision, as far as it decides: what narrows it only has to be seen."""

    type: str | None = None
    period: Period = msgspec.field(default_factory=Period)
    actor: list[Any] = []
    action: list[Any] = []
    security_label: list[Any] = []
    class_: list[Any] = msgspec.field(default=[], name="class")
    code: list[Any] = []
    data_period: dict[str, Any] = {}
    data: list[Any] = []
    provision: list[Any] = []


class Consent(msgspec.Struct, rename="camel", gc=False):
    """A Consent, as far as the statistics read it."""

    status: str = ""
    category: list[Concept] = []
    date_time: str | None = None
    provision: Provision = msgspec.field(default_factory=Provision)


def statement(consent: Consent, *, at: datetime) -> tuple[datetime, Answer] | None:
    """When something was said about the statistics, and what of it holds at a moment; None if nothing was by then."""
    codings = [coding for concept in consent.category for coding in concept.coding]
    about = any(coding.system == CONSENT_SYSTEM and coding.code == CONSENT_CODE for coding in codings)
    stated = moment(consent.date_time)
    if consent.status != "active" or not about or stated is None or stated > at:
        return None
    return stated, _answer(consent.provision, at=at)


def _answer(provision: Provision, *, at: datetime) -> Answer:
    if provision.type != "permit":
        # Whatever else narrows a refusal, nothing but its end makes it none.
        return Answer.NEITHER if provision.type == "deny" and _is_over(provision.period, at) else Answer.REFUSES
    narrower = (
        provision.actor
        or provision.action
        or provision.security_label
        or provision.class_
        or provision.code
        or provision.data_period
        or provision.data
        or provision.provision
    )
    return Answer.PERMITS if not narrower and _holds(provision.period, at) else Answer.NEITHER


def _holds(period: Period, at: datetime) -> bool:
    """Whether the moment surely lies within the period."""
    begins, ends = moment(period.start), moment(period.end)
    if (period.start and begins is None) or (period.end and ends is None):
        return False
    return (begins is None or begins <= at) and (ends is None or at < _after(period, ends))


def _is_over(period: Period, at: datetime) -> bool:
    """Whether the period has surely ended."""
    ends = moment(period.end)
    return ends is not None and len(period.end or "") >= DAY and at >= _after(period, ends)


def _after(period: Period, ends: datetime) -> datetime:
    """The first moment after a period: a day that is named as its end belongs to it."""
    return ends + timedelta(days=1) if len(period.end or "") == DAY else ends
