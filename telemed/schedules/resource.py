"""Schedules, their rules and their slots as FHIR."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fhir.codec import Parsed, parse
from fhir.here import named
from fhir.spans import members as top_members
from infra.problems import Issue, Unprocessable
from telemed.schedules.rules import DAY, Interval, LocalDays, Opening, Region, Rules, local_midnight, slot_id

# A Schedule with this extension is managed here: its slots are made from the rules of its PractitionerRole.
SLOT_MINUTES = "https://telemed.example/fhir/StructureDefinition/slot-minutes"
WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
SHORTEST, LONGEST = 5, 480
FIRST_YEAR, LAST_YEAR = 1900, 2199
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Resource = dict[str, Any]


class RulesUnclear(Unprocessable):
    """The opening rules can't be turned into slots."""


def slot_minutes(schedule: Resource) -> int | None:
    """How long a slot of a managed schedule is; None where the schedule is managed elsewhere."""
    for extension in schedule.get("extension", ()):
        if extension.get("url") == SLOT_MINUTES:
            minutes = extension.get("valuePositiveInt")
            if not isinstance(minutes, int) or not SHORTEST <= minutes <= LONGEST or minutes % SHORTEST:
                text = f"slot-minutes must be a multiple of {SHORTEST} from {SHORTEST} to {LONGEST}."
                raise RulesUnclear(issues=[Issue("business-rule", text, ("Schedule.extension",))])
            return minutes
    return None


def actors(schedule: Resource, type: str) -> list[str]:
    """The ids of the actors of one type, in order."""
    references = (actor.get("reference", "") for actor in schedule.get("actor", ()))
    return [found for found in (local_id(reference, type) for reference in references) if found]


def local_id(reference: str | None, type: str) -> str | None:
    """The id in a reference to a resource of this type here, absolute and versioned ones too; None for anything else."""
    found = named(reference)
    return found[1] if found and found[0] == type else None


def codes(resource: Resource, element: str) -> frozenset[str]:
    """The codes of a list of CodeableConcepts, as `code` and as `system|code`."""
    found = set()
    for concept in resource.get(element, ()):
        for coding in concept.get("coding", ()):
            if code := coding.get("code"):
                found |= {code, f"{coding.get('system', '')}|{code}"}
    return frozenset(found)


def rules_of(role: Resource, *, minutes: int, region: Region) -> Rules:
    """The opening rules that a PractitionerRole states in availableTime, notAvailable and period."""
    absences, days_off = _exceptions(role)
    period = role.get("period", {})
    within = LocalDays(_day(period.get("start")), _last(period.get("end")))
    openings = tuple(_openings(role)) if role.get("active", True) else ()
    return Rules(openings, minutes, absences, days_off, within, region)


def slot_resource(schedule: Resource, slot: Interval, status: str) -> Resource:
    """The Slot that stands for a time of a schedule; service, specialty and modality come from the schedule."""
    body: Resource = {
        "resourceType": "Slot",
        "id": slot_id(schedule["id"], slot),
        "schedule": {"reference": f"Schedule/{schedule['id']}"},
        "status": status,
        "start": instant(slot.start),
        "end": instant(slot.end),
    }
    copied = ("serviceCategory", "serviceType", "specialty")
    return body | {element: schedule[element] for element in copied if element in schedule}


def covered(period: Resource) -> Interval:
    """The instants that a Period covers; an open side reaches to the end of time."""
    return Interval(_from(period.get("start")), _until(period.get("end")))


def changed(body: bytes, **members: Any) -> Parsed:
    """The resource with some of its top members exchanged or added; every other byte stands as it was."""
    text = body.decode()
    for name, value in members.items():
        written = json.dumps(value, ensure_ascii=False)
        spans = top_members(text)
        if held := spans.get(name):
            text = text[: held.start] + written + text[held.end :]
        else:
            at = spans["resourceType"].end
            text = f'{text[:at]},"{name}":{written}{text[at:]}'
    return parse(text.encode(), type=None)


def without(body: bytes, name: str) -> bytes:
    """The JSON of a resource without one of its top members; every other byte stands as it was."""
    text = body.decode()
    spans = top_members(text)
    if name not in spans:
        return body
    ends = [span.end for span in spans.values() if span.end <= spans[name].start]
    if ends:
        return (text[: max(ends)] + text[spans[name].end :]).encode()
    return (text[: text.index("{") + 1] + text[spans[name].end :].lstrip().removeprefix(",")).encode()


def encode(resource: Resource) -> bytes:
    """The JSON of a resource that is made here."""
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()


def interval(resource: Resource) -> Interval | None:
    """From start to end of a Slot or Appointment, in UTC; None if one of them is missing."""
    if "start" not in resource or "end" not in resource:
        return None
    return Interval(moment(resource["start"]), moment(resource["end"]))


def moment(text: str) -> datetime:
    """An instant in UTC. FHIR's instants carry an offset; one without is refused."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unprocessable("A time must be an instant, as 2026-11-24T09:00:00+01:00.") from error
    if parsed.tzinfo is None:
        raise Unprocessable("A time must say its offset, as 2026-11-24T09:00:00+01:00.")
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise Unprocessable("A time must lie between the years 1 and 9999, in UTC too.") from error


def instant(at: datetime) -> str:
    """A moment as FHIR writes it, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _openings(role: Resource) -> Iterator[Opening]:
    for block in role.get("availableTime", ()):
        start, end = (0, DAY) if block.get("allDay") else _hours(block)
        for day in block.get("daysOfWeek", WEEKDAYS):
            yield Opening(WEEKDAYS[day], start, end)


def _hours(block: Resource) -> tuple[int, int]:
    if "availableStartTime" not in block or "availableEndTime" not in block:
        text = "availableTime needs availableStartTime and availableEndTime, or allDay."
        raise RulesUnclear(issues=[Issue("business-rule", text, ("PractitionerRole.availableTime",))])
    start, end = _minute(block["availableStartTime"]), _minute(block["availableEndTime"])
    return start, end if end > start else end + DAY


def _minute(text: str) -> int:
    hours, minutes = text.split(":")[:2]
    return int(hours) * 60 + int(minutes)


def _exceptions(role: Resource) -> tuple[tuple[Interval, ...], tuple[LocalDays, ...]]:
    absences, days_off = [], []
    for block in role.get("notAvailable", ()):
        during = block.get("during", {})
        start, end = during.get("start"), during.get("end")
        if "T" in (start or "") or "T" in (end or ""):
            absences.append(covered(during))
        elif start or end:
            days_off.append(LocalDays(_day(start), _last(end)))
    return tuple(absences), tuple(days_off)


def _from(text: str | None) -> datetime:
    if not text:
        return EARLIEST
    if edge := _edge(text):
        return edge
    return moment(text) if "T" in text else local_midnight(_first_day(text))


def _until(text: str | None) -> datetime:
    if not text:
        return LATEST
    if edge := _edge(text):
        return edge
    # The end of a Period is included: a day ends when the next begins (FHIR R4, datatypes, Period).
    return moment(text) if "T" in text else local_midnight(_last_day(text) + timedelta(days=1))


def _edge(text: str) -> datetime | None:
    """The end of time for years that stand for one, as 9999 does for "no end"; there is no day after the last."""
    year = int(text[:4])
    return EARLIEST if year < FIRST_YEAR else LATEST if year > LAST_YEAR else None


def _day(text: str | None) -> date | None:
    return _first_day(text) if text else None


def _last(text: str | None) -> date | None:
    return _last_day(text) if text else None


def _first_day(text: str) -> date:
    # A Period may say only a month or a year (FHIR dateTime).
    year, month, day = [*text[:10].split("-"), "1", "1"][:3]
    return date(int(year), int(month), int(day))


def _last_day(text: str) -> date:
    first = _first_day(text)
    if len(text) == 4:
        return date(first.year, 12, 31)
    if len(text) == 7:
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first
