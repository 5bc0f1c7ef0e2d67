"""Sentences that only staff read: those that scripts of the console show, and what the log says."""

from collections.abc import Mapping
from typing import Final

from telemed.pages.languages import N_
from telemed.pages.texts import CALL

CONSOLE: Final[Mapping[str, str]] = {
    **CALL,
    "expected": N_("expected"),
    "waiting": N_("waiting"),
    "admitted": N_("in conversation"),
    "ended": N_("ended"),
    "away": N_("not here at the moment"),
    "begin": N_("Start the conversation"),
    "back": N_("Back to the conversation"),
    "goesOn": N_("The conversation is under way. You can go back into it."),
    "gone": N_("%p is not here at the moment, but can come back until you end the visit."),
    "documented": N_("The visit is documented."),
    "over": N_("The visit has ended."),
    "ready": N_("The patient is waiting. Start the conversation when you are ready."),
    "minutes": N_("for %n min"),
    "waiting_count": N_("Waiting now: %n"),
    "told": N_("The patient has been told."),
    "hold": N_("Hold"),
    "goOn": N_("Go on with the conversation"),
    "share": N_("Share the screen"),
    "unshare": N_("Stop sharing"),
    "letIn": N_("Let in"),
    "knocks": N_("Waits to be let in: %w."),
    "holding": N_("You have paused the conversation. Nobody sees or hears anybody until you go on."),
    "muteOne": N_("Turn the sound off"),
    "showOut": N_("Take out of the conversation"),
    "draftKept": N_("Kept. It is not in the record yet."),
    "draftBack": N_("What you had written before is here again."),
    "draftLost": N_("Not kept: no connection. We keep trying."),
    "draftTheirs": N_("%a has written here in another window. Whose text do you want to go on with?"),
    "draftSomebody": N_("Somebody"),
    "void": N_("The appointment was cancelled or moved."),
    "hungUp": N_("Hung up. The patient can come back until you end the visit."),
}

# Operations about who somebody is, by the name that stands sealed in the log.
AUDIT_STEPS: Final[Mapping[str, str]] = {
    "$match": N_("compared, whether it is the same person"),
    "$merge": N_("put together with another record of the clinic"),
    "$unmerge": N_("took apart from another record of the clinic"),
    "$ask": N_("asked another clinic whether it is the same person"),
    "$link": N_("joined with the same person at another clinic"),
    "$unlink": N_("separated from the person at another clinic"),
    "$refuse": N_("said that it is not another clinic's patient"),
}

# v3-ActReason. A purpose without a word stands as it is.
AUDIT_PURPOSES: Final[Mapping[str, str]] = {
    "TREAT": N_("for treatment"),
    "ETREAT": N_("in an emergency, without being part of the care before"),
    "HOPERAT": N_("to run the practice"),
    "PATRQT": N_("at the patient's request"),
    "HLEGAL": N_("for a legal claim"),
}
