"""The constraints of R4 that no shape can say, for the served types and their data types, by the standard's keys.

A rule gives the place (from the object it is about) and a sentence, or nothing. It sees objects whose elements may be
wrong themselves, so it looks before it compares. https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from fhir.search.dates import NotADateError, interval

Node = dict[str, Any]
Broken = tuple[str, str]
Rule = Callable[[Node], Broken | None]


def broken(model: str, node: Node) -> Iterator[Broken]:
    """The place and the sentence of each constraint that an object of this model class breaks."""
    for rule in _RULES.get(model, ()):
        if found := rule(node):
            yield found


def _extension(node: Node) -> Broken | None:  # ext-1
    has_value = any(key.startswith(("value", "_value")) for key in node)
    if has_value == ("extension" in node):
        return "", "Give an extension either a value[x] or extensions, and not both."
    return None


def _not_after(start: str, end: str, *, strict: bool, text: str) -> Rule:
    def rule(node: Node) -> Broken | None:
        first, last = node.get(start), node.get(end)
        if not isinstance(first, str) or not isinstance(last, str):
            return None
        try:
            before, after = interval(first), interval(last)
        except NotADateError:
            return None  # told as a wrong value
        # Dates of different precision overlap: 2026 to 2026-03 is in order.
        wrong = before.start >= after.end or (strict and before.start >= after.start)
        return (end, text) if wrong else None

    return rule


def _needs(element: str, other: str, text: str) -> Rule:
    return lambda node: (other, text) if element in node and other not in node else None


def _one_of(*elements: str, text: str) -> Rule:
    return lambda node: None if any(element in node for element in elements) else ("", text)


def _not_both(one: str, other: str, text: str) -> Rule:
    return lambda node: (other, text) if one in node and other in node else None


def _appointment_times(node: Node) -> Broken | None:  # app-3
    if node.get("status") in ("proposed", "cancelled", "waitlist") or ("start" in node and "end" in node):
        return None
    return "start", "Add start and end: only a proposed, cancelled or waitlisted appointment can do without."


def _appointment_both_times(node: Node) -> Broken | None:  # app-2
    return None if ("start" in node) == ("end" in node) else ("end", "Send both start and end, or neither.")


def _appointment_cancelled(node: Node) -> Broken | None:  # app-4; the standard's rule spells noshow wrongly
    if "cancelationReason" in node and node.get("status") not in ("cancelled", "noshow"):
        return "cancelationReason", "Give a reason only for an appointment that is cancelled or was missed."
    return None


def _codes_of(concept: Any) -> set[str]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    return {str(coding.get("code")) for coding in codings or () if isinstance(coding, dict)}


def _condition_abated(node: Node) -> Broken | None:  # con-4
    if not any(key.startswith("abatement") for key in node):
        return None
    if _codes_of(node.get("clinicalStatus")) & {"resolved", "remission", "inactive"}:
        return None
    return "clinicalStatus", "Set clinicalStatus to inactive, resolved or remission, as the condition has abated."


def _condition_in_error(node: Node) -> Broken | None:  # con-5
    if "clinicalStatus" in node and "entered-in-error" in _codes_of(node.get("verificationStatus")):
        return "clinicalStatus", "Remove clinicalStatus from a condition that was entered in error."
    return None


def _observation_absent(node: Node) -> Broken | None:  # obs-6
    if "dataAbsentReason" in node and any(key.startswith("value") for key in node):
        return "dataAbsentReason", "Remove dataAbsentReason, or the value."
    return None


def _range(node: Node) -> Broken | None:  # rng-2
    low, high = (part.get("value") if isinstance(part, dict) else None for part in (node.get("low"), node.get("high")))
    if isinstance(low, int | Decimal) and isinstance(high, int | Decimal) and low > high:
        return "high", "The high value must not be below the low one."
    return None


def _never_home(node: Node) -> Broken | None:  # org-2, org-3
    for name in ("telecom", "address"):
        parts = node.get(name)
        if isinstance(parts, list) and any(isinstance(part, dict) and part.get("use") == "home" for part in parts):
            return name, "An organization has no home address or number: send another use."
    return None


def _unique_links(node: Node) -> Broken | None:  # que-2
    seen: set[str] = set()
    items = [node]
    while items:
        for item in (part for part in items.pop().get("item") or () if isinstance(part, dict)):
            items.append(item)
            link = item.get("linkId")
            if isinstance(link, str) and link in seen:
                return "item", "Give every item a linkId of its own."
            seen.add(str(link))
    return None


_PERIOD: Final = _not_after("start", "end", strict=False, text="The end must not be before the start.")
_AFTER: Final = _not_after("start", "end", strict=True, text="The end must be after the start.")
_UNIT: Final = _needs("code", "system", "Add the system of the unit's code.")
_RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "Extension": (_extension,),
    "Period": (_PERIOD,),
    "Range": (_range,),
    "Quantity": (_UNIT,),
    "Age": (_UNIT,),
    "Duration": (_UNIT,),
    "ContactPoint": (_needs("value", "system", "Add the system: phone, email, ..."),),
    "Attachment": (_needs("data", "contentType", "Add the contentType of the data."),),
    "Appointment": (_appointment_both_times, _appointment_times, _AFTER, _appointment_cancelled),
    "AppointmentParticipant": (_one_of("type", "actor", text="Give the participant an actor or a type."),),
    "Slot": (_AFTER,),
    "AuditEventEntity": (_not_both("name", "query", "Send a name or a query, not both."),),
    "CarePlanActivity": (_not_both("reference", "detail", "Send a reference or a detail, not both."),),
    "Condition": (_condition_abated, _condition_in_error),
    "ConditionStage": (_one_of("summary", "assessment", text="Give the stage a summary or an assessment."),),
    "ConditionEvidence": (_one_of("code", "detail", text="Give the evidence a code or a detail."),),
    "Consent": (_one_of("policy", "policyRule", text="Add a policy or a policyRule."),),
    "Observation": (_observation_absent,),
    "ObservationReferenceRange": (_one_of("low", "high", "text", text="Give the range a low, a high or a text."),),
    "Organization": (_one_of("identifier", "name", text="Give the organization a name or an identifier."), _never_home),
    "PatientContact": (
        _one_of("name", "telecom", "address", "organization", text="Give the contact a name, number or address."),
    ),
    "Questionnaire": (_unique_links,),
    "ServiceRequest": (_needs("orderDetail", "code", "Add the code that orderDetail belongs to."),),
    "Task": (
        _not_after("authoredOn", "lastModified", strict=False, text="lastModified must not be before authoredOn."),
    ),
}
