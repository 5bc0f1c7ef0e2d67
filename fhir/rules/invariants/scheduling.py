"""The constraints of appointments and slots, with two of our own: both end after they start."""

from typing import Final

from fhir.rules.invariants.rule import Node, Rule, one_of, plainly_before, rule, times

_OPEN: Final = ("proposed", "cancelled", "waitlist")


def _without_times(node: Node) -> bool:
    return node.get("status") not in _OPEN and not ("start" in node and "end" in node)


def _half(node: Node) -> bool:
    return ("start" in node) != ("end" in node)


def _reason(node: Node) -> bool:
    # The standard's text says no-show, its expression noshow, which is the code.
    return node.get("status") not in ("cancelled", "noshow")


def _no_time(node: Node) -> bool:
    if plainly_before(node.get("start"), node.get("end")):
        return False
    found = times(node, "start", "end")
    return found is not None and found[0].start >= found[1].start


_AFTER: Final = rule("after", "The end must be after the start.", _no_time, at="end", when="start")
SCHEDULING: Final[dict[str, tuple[Rule, ...]]] = {
    "Appointment": (
        rule("app-2", "Send both start and end, or neither.", _half, at="end"),
        rule("app-3", "Add start and end: only a proposed, cancelled or waitlisted appointment can do without.",
             _without_times, at="start"),
        rule("app-4", "Give a reason only for an appointment that is cancelled or was missed.",
             _reason, at="cancelationReason", when="cancelationReason"),
        _AFTER,
    ),
    "Appointment.participant": (one_of("app-1", "type", "actor", text="Give the participant an actor or a type."),),
    "AppointmentResponse": (
        one_of("apr-1", "participantType", "actor", text="Say who answers: an actor or a participantType."),
    ),
    "Slot": (_AFTER,),
}  # fmt: skip
