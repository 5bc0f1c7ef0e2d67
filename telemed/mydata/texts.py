"""What people read at `/my` when something does not open or is not taken: what happened, what to do."""

from collections.abc import Mapping
from typing import Final

from fhir.store import ChangedMeanwhile
from infra.problems import Problem, StaleVersion
from telemed.keys.hold import PatientExpected, RecordRetained
from telemed.mydata.apps import NotAllowedAnyMore
from telemed.mydata.consents import NoSuchClinic, NotThere
from telemed.mydata.requests import NothingSaid, NotOpenAnyMore, TooManyOpen
from telemed.pages.languages import N_, translate
from telemed.pages.texts import Told

# Keys are codes.Refusal, the ends of a session, `busy` for an address that guesses, `wrong_again` for the second question.
TOLD: Final[Mapping[str, Told]] = {
    "wrong_pin": Told(
        N_("Code and PIN do not match."), N_("Please check both and try again. Tries left: %n. Or call us.")
    ),
    "wrong_again": Told(N_("This is not your PIN."), N_("Please check it and try again. Tries left: %n.")),
    "locked_letter": Told(
        N_("This was tried too often."), N_("For your safety this letter is locked. Please call us for a new one.")
    ),
    "over_letter": Told(N_("This letter is too old."), N_("Please call us for a new one.")),
    "replaced_letter": Told(
        N_("There is a newer letter, or this one was taken back."), N_("Please use the newest one, or call us.")
    ),
    "busy": Told(N_("Too many attempts."), N_("Please wait ten minutes, or call us.")),
    "expired": Told(N_("You were signed out."), N_("Nobody used this page for 15 minutes. Please sign in again.")),
    "left": Told(N_("You are signed out."), N_("Nobody can see your data on this device now.")),
    "elsewhere": Told(
        N_("Your data is open on another device."),
        N_("It is closed here. To go on here, enter code and PIN again. If that was not you, call us at once."),
    ),
    "erased": Told(
        N_("Your record is erased."),
        N_("Nobody can read it any more, and your letter opens nothing. You did not ask for it? Please call us."),
    ),
    "replaced": Told(
        N_("This letter opens nothing any more."), N_("The clinic has taken it back or sent a newer one.")
    ),
    "locked": Told(N_("You were signed out."), N_("The PIN was wrong too often. Please call us for a new letter.")),
}
PROBLEMS: Final[Mapping[type[Problem], Told]] = {
    NothingSaid: Told(N_("Please write what is wrong."), N_("The clinic needs a few words to be able to correct it.")),
    TooManyOpen: Told(N_("Ten requests are open already."), N_("Please wait for an answer, or call us.")),
    NotOpenAnyMore: Told(N_("The clinic has answered already."), N_("You find the answer below.")),
    NoSuchClinic: Told(N_("Please choose a clinic from the list."), N_("Nothing was changed.")),
    NotAllowedAnyMore: Told(N_("This app may do nothing any more."), N_("Below you see what holds now.")),
    NotThere: Told(N_("This consent is not in force any more."), N_("Below you see what holds now.")),
    RecordRetained: Told(N_("Nothing was erased."), N_("The law says that your record must be kept for now.")),
    PatientExpected: Told(N_("Nothing was erased."), N_("You have an appointment. Please cancel it first.")),
    StaleVersion: Told(N_("Somebody changed this at the same moment."), N_("Please look at it and try again.")),
    ChangedMeanwhile: Told(N_("Somebody changed this at the same moment."), N_("Please look at it and try again.")),
}
# What was done, for the line at the top of the page that follows.
DONE: Final[Mapping[str, str]] = {
    "allowed": N_("Your consent is stored. The clinic can see your record from now on."),
    "withdrawn": N_("Your consent is withdrawn. No consent of yours opens your record to them from now on."),
    "withdrawn_partly": N_(
        "This consent is withdrawn. Another one, which your clinic wrote down, still opens a part. Please call us."
    ),
    "app_withdrawn": N_("The app can not see your record any more."),
    "statistics": N_("Your decision about statistics is stored."),
    "asked": N_("Your request was sent to the clinic."),
    "taken_back": N_("Your request was taken back."),
}
KINDS: Final[Mapping[str, str]] = {
    "correction": N_("Please correct something"),
    "restriction": N_("Please do not use something for now"),
    "erasure": N_("Please erase my record"),
}
# Statuses of a Task as the patient reads them.
STATUSES: Final[Mapping[str, str]] = {
    "draft": N_("sent"),
    "requested": N_("sent"),
    "received": N_("the clinic has read it"),
    "accepted": N_("the clinic will do it"),
    "ready": N_("the clinic will do it"),
    "in-progress": N_("the clinic is at work on it"),
    "on-hold": N_("the clinic waits for something"),
    "completed": N_("done"),
    "rejected": N_("the clinic says no"),
    "cancelled": N_("taken back"),
    "failed": N_("it could not be done"),
    "entered-in-error": N_("removed"),
}


# Said in the reader's own language, above consents in another.
UNREVIEWED: Final = N_(
    "You are asked for consent only in a language that a native reader has checked. That is why this page is in "
    "another language. Ask somebody whom you trust to read it to you, or call us."
)


def in_words(told: Told, language: str, *, number: int = 0) -> Told:
    """What a person is told, in a language."""
    return Told(translate(language, told.title), translate(language, told.advice).replace("%n", str(number)))


def all_in(texts: Mapping[str, str], language: str) -> dict[str, str]:
    """The texts in a language."""
    return {key: translate(language, text) for key, text in texts.items()}
