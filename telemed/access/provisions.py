"""What a Consent of the patient says about care: its tree of provisions as a flat list, read from the resource alone.

https://hl7.org/fhir/R4/consent.html: what is nested in a provision is an exception to it. A line therefore carries the
criteria of all that it stands in, and its path tells what it is an exception to.

What the plain part of a row can't tell (code, securityLabel, dataPeriod) or what can't be read is never decided in
favour of a look: a denial with it is taken as wide as it is without, a permission with it opens nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from fhir.here import relative
from fhir.models import SERVED
from telemed.access.periods import end, moment, start
from telemed.access.settle import FOREVER, NEVER

# Codes of http://terminology.hl7.org/CodeSystem/consentscope under which a Consent is about care.
CARE_SCOPES: Final = frozenset({"patient-privacy", "treatment"})
# Of http://terminology.hl7.org/CodeSystem/v3-ActReason: what a clinic looks for. One for emergencies alone opens nothing.
CARE_PURPOSES: Final = frozenset({"TREAT"})
# Purposes that no caller of the record acts for: a denial of these alone closes nothing to care.
OTHER_PURPOSES: Final = frozenset({"HRESCH", "CLINTRCH", "CLINTRCHNPC", "CLINTRCHPC", "HMARKT", "HPAYMT", "PUBHLTH"})
# Of http://terminology.hl7.org/CodeSystem/consentaction: looking; the others do not concern whoever looks.
LOOKING: Final = frozenset({"access", "use", "disclose"})
NOT_LOOKING: Final = frozenset({"collect", "correct"})
UNDECIDED: Final = ("securityLabel", "code", "dataPeriod")
TYPES_SYSTEM: Final = "http://hl7.org/fhir/resource-types"
DEEPEST: Final = 8
MOST: Final = 500  # lines of one Consent; with more, what it permits opens nothing and it denies all

Data = dict[str, Any]
EVERY: Final[frozenset[str] | None] = None


@dataclass(frozen=True, slots=True)
class Line:
    """One provision with the criteria of those it stands in; None stands for every actor, type or resource.

    `opens` says whether it lets somebody in by itself; a permission that does not is only an exception to a denial.
    """

    path: str
    permits: bool
    opens: bool
    actors: frozenset[str] | None
    types: frozenset[str] | None
    items: frozenset[str] | None
    since: datetime
    until: datetime


def lines(data: Data | None, *, now: datetime) -> list[Line]:
    """What a Consent says about care now or later; nothing if it is not in force or about something else."""
    if data is None or data.get("status") != "active" or not _is_about_care(data):
        return []
    provision = data.get("provision")
    if not isinstance(provision, dict) or provision.get("type") not in ("permit", "deny"):
        return []
    everything = Line(".", True, True, EVERY, EVERY, EVERY, NEVER, FOREVER)
    found = list(islice(_read(provision, _Inside(everything, True, True)), MOST + 1))
    if len(found) > MOST:
        return [replace(everything, permits=False, opens=False)]
    return [line for line in found if line.until > max(line.since, now)]


class _Inside(NamedTuple):
    """What a provision stands in. `sure`: as an exception it holds; `exact`: all criteria up to here are decided."""

    line: Line
    sure: bool
    exact: bool


def _is_about_care(data: Data) -> bool:
    return any(coding.get("code") in CARE_SCOPES for coding in data.get("scope", {}).get("coding", ()))


def _read(provision: Data, inside: _Inside) -> Iterator[Line]:
    """The provision's line and those of what is nested in it."""
    if _is_about_something_else(provision):
        return
    within, sure, exact = inside
    # A nested provision without a type is the exception that the standard wants it to be; as a permission it is unsure.
    permits = provision.get("type", "deny" if within.permits else "permit") == "permit"
    decided = _is_decided(provision) and (not permits or _is_for_care(provision))
    narrowed = _narrowed(provision, within)
    # An exception to a denial lets in by itself only whom it names.
    lets_in = within.opens if within.permits else bool(provision.get("actor"))
    line = replace(narrowed, permits=permits, opens=permits and lets_in and exact and decided)
    if not permits or (sure and decided):
        yield line
    if within.path.count(".") > DEEPEST:
        yield replace(line, permits=False, opens=False)
        return
    below = _Inside(line, sure and (decided or not permits), exact and decided)
    for place, inner in enumerate(provision.get("provision", ())):
        yield from _read(inner, below._replace(line=replace(line, path=f"{line.path}{place}.")))


def _narrowed(provision: Data, within: Line) -> Line:
    """The criteria of both. What is not decided does not narrow: of a permission nothing comes, a denial is wide.

    Without a beginning it has always held: a denial that began with the clock of whoever wrote it would be open to a process
    whose clock is behind.
    """
    period = provision.get("period", {}) if _is_readable(provision.get("period", {})) else {}
    return replace(
        within,
        actors=_both(within.actors, _actors(provision)),
        types=_both(within.types, _types(provision)),
        items=_both(within.items, _items(provision)),
        since=max(within.since, start(period, NEVER)),
        until=min(within.until, end(period)),
    )


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _actors(provision: Data) -> frozenset[str] | None:
    """The references to those who are named; an empty one for who is named in another way."""
    entries = provision.get("actor", ())
    named = [relative(str(entry.get("reference", {}).get("reference", ""))) for entry in entries]
    return frozenset(named) if named else EVERY


def _types(provision: Data) -> frozenset[str] | None:
    classes = provision.get("class", ())
    return frozenset(each["code"] for each in classes) if classes and _are_types(classes) else EVERY


def _items(provision: Data) -> frozenset[str] | None:
    data = provision.get("data", ())
    if not data or not _are_instances(data):
        return EVERY
    return frozenset(relative(each["reference"]["reference"]).partition("/_history/")[0] for each in data)


def _is_decided(provision: Data) -> bool:
    """Whether the plain part of a row tells all that this provision asks for."""
    return (
        provision.get("type") in ("permit", "deny")
        and not any(key in provision for key in UNDECIDED)
        and _are_types(provision.get("class", ()))
        and _are_instances(provision.get("data", ()))
        and _is_readable(provision.get("period", {}))
    )


def _are_types(classes: Sequence[Data]) -> bool:
    return all(each.get("system") == TYPES_SYSTEM and each.get("code") in SERVED for each in classes)


def _are_instances(data: Sequence[Data]) -> bool:
    """Whether resources are named that stand here, without those that are said to depend on them."""
    links = [relative(str(each.get("reference", {}).get("reference", ""))) for each in data]
    plain = all(link.count("/") in (1, 3) and link.partition("/")[0] in SERVED for link in links)
    return plain and all(each.get("meaning") == "instance" for each in data)


def _is_readable(period: Data) -> bool:
    return all(moment(period[edge]) is not None for edge in ("start", "end") if edge in period)


def _is_about_something_else(provision: Data) -> bool:
    """Whether it speaks of purposes and actions alone that no look at the record for care is."""
    purposes, actions = _purposes(provision), _actions(provision)
    return bool(purposes and purposes <= OTHER_PURPOSES) or bool(actions and actions <= NOT_LOOKING)


def _is_for_care(provision: Data) -> bool:
    purposes, actions = _purposes(provision), _actions(provision)
    return (not purposes or bool(purposes & CARE_PURPOSES)) and (not actions or bool(actions & LOOKING))


def _purposes(provision: Data) -> set[str]:
    return {str(purpose.get("code")) for purpose in provision.get("purpose", ())}


def _actions(provision: Data) -> set[str]:
    return {str(coding.get("code")) for action in provision.get("action", ()) for coding in action.get("coding", ())}


def parts(line: Line) -> Iterator[tuple[str, str]]:
    """The parts of the record that a line is about, as type and id; empty stands for every one."""
    if line.items is None:
        yield from ((type, "") for type in (sorted(line.types) if line.types is not None else [""]))
        return
    for link in sorted(line.items):
        type, _, id = link.partition("/")
        if line.types is None or type in line.types:
            yield type, id
