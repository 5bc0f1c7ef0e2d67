"""Sentences that scripts show, and what people are told when a code does not open: in one place for the catalogues.

Rule for all of them: what happened, what to do; the phone number stands at the foot of every page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from telemed.pages.languages import N_, translate

OTHER: Final = N_("The other side")
CALL: Final[Mapping[str, str]] = {
    "connecting": N_("Connecting …"),
    "live": N_("You are connected."),
    "reconnecting": N_("The connection was interrupted. We are trying again."),
    "failed": N_("The connection did not work. Please hang up and try again, or call us."),
    "left": N_("%p has hung up."),
    "tampered": N_("The check words could not be agreed. Somebody may be listening in. Please hang up and call us."),
    "soundOn": N_("Sound is on"),
    "soundOff": N_("Sound is off"),
    "pictureOn": N_("Picture is on"),
    "pictureOff": N_("Picture is off"),
    "audioOnly": N_("Sound only, for slow internet"),
    "pictureAgain": N_("Picture on again"),
    "peerDark": N_("%p has turned the picture off. You can hear each other."),
    "peerMuted": N_("%p has turned the sound off."),
    "peerOff": N_("%p has turned picture and sound off. You can write to each other."),
    "noMicrophone": N_("No microphone is in use. You can write instead."),
    "noCamera": N_("No camera is in use. You can hear each other."),
    "testPicture": N_("Test picture, only in the demo: no camera is in use here."),
    "net": N_("Connection lost. You keep your place. We keep trying."),
    "blocked": N_(
        "The camera is blocked. Tap the lock next to the address and allow camera and microphone. Then tap “Try again”."
    ),
    "nodev": N_("We found no camera. You can talk to us without one."),
    "busy": N_("Another program is using the camera. Please close it. Then tap “Try again”."),
    "in-app": N_("Video does not work in this window. Please open the link in Chrome, Firefox or Safari."),
    "old": N_("This browser is too old for video. Please call us, we will talk by phone."),
    "refused": N_("The conversation could not be opened. Please load this page again."),
    "elsewhere": N_("The conversation is open in another window or on another device."),
}

VISIT: Final[Mapping[str, str]] = {
    **CALL,
    "left": N_("%p has left the conversation. If it goes on, you see each other here again."),
    "title": N_("Your video consultation"),
    "again": N_("Try again"),
    "checking": N_("Checking your connection …"),
    "network_good": N_("Your connection is good."),
    "network_fair": N_("Your connection is enough for sound and picture."),
    "network_audio": N_("Your internet is slow. We recommend to talk without picture."),
    "network_none": N_("We could not check your connection. You can go on all the same."),
    "quiet": N_("We do not hear your microphone. Please speak louder or check whether it is turned off."),
    "late": N_("The practice needs about %n more minutes. You keep your place."),
    "full": N_("Somebody else is in this conversation already. Please call us."),
}

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
    "void": N_("The appointment was cancelled or moved."),
    "hungUp": N_("Hung up. The patient can come back until you end the visit."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, and what to do."""

    title: str
    advice: str


# Keys are codes.Refusal and the ends of a visit session.
REFUSALS: Final[Mapping[str, Told]] = {
    "wrong": Told(
        N_("Code and date of birth do not match."),
        N_("Please check both and try again. Tries left: %n. Or call us."),
    ),
    "date": Told(
        N_("We could not read the date of birth."),
        N_("Please write day, month and year, for example 14.03.1951. Or call us."),
    ),
    "locked": Told(N_("This was tried too often."), N_("For your safety this code is locked. Please call us.")),
    "busy": Told(N_("Too many attempts."), N_("Please wait ten minutes, or call us.")),
    "often": Told(N_("Too many requests from here."), N_("Please wait a moment and try again, or call us.")),
    "early": Told(N_("You are early."), N_("You can enter the waiting room from %t. Your code stays valid.")),
    "over": Told(N_("This appointment is over."), N_("Do you need a new one? Please call us.")),
    "expired": Told(N_("This appointment is over."), N_("Do you need a new one? Please call us.")),
    "cancelled": Told(N_("This appointment was cancelled."), N_("The practice will contact you. You can also call.")),
    "replaced": Told(
        N_("There is a newer code for this appointment."),
        N_("Please use the newest letter or message from the practice, or call us."),
    ),
    "elsewhere": Told(
        N_("The conversation is open on another device."),
        N_("To go on here, enter code and date of birth again."),
    ),
    "nothing": Told(
        N_("There is nothing at this address."), N_("Please check the address, or begin at the start page.")
    ),
    "not_your_role": Told(
        N_("This is not for your role."), N_("If you need it for your work, ask whoever looks after your accounts.")
    ),
    "not_now": Told(
        N_("This can not be done now."),
        N_("Somebody else was first, or nobody may work with this record for now. Your privacy officer knows more."),
    ),
    "unknown_app": Told(
        N_("This app is not known here."),
        N_("Its address does not match its registration, so nothing was sent to it. Please go back to the app."),
    ),
    "refused_here": Told(
        N_("This can't be done from here."), N_("Nothing was allowed and nothing was sent. Please go back to the app.")
    ),
    "stale_sign_in": Told(
        N_("This sign-in link is no longer valid."), N_("The demo was made anew. The start page has a new link.")
    ),
    "trouble": Told(
        N_("Something did not work on our side."),
        N_("Please try again in a moment, or call us."),
    ),
    "none": Told(N_("Please enter your code first."), N_("You find it in your letter or message.")),
}

AUDIT_ACTIONS: Final[Mapping[str, str]] = {
    "create": N_("wrote"),
    "read": N_("read"),
    "vread": N_("read an older version"),
    "update": N_("changed"),
    "delete": N_("deleted"),
    "search-type": N_("looked through"),
    "history-instance": N_("read the history"),
    "history-type": N_("read the history"),
    "patch": N_("changed"),
    "operation": N_("opened"),
}

# States of entries, of all types together, as patients read them.
RECORD_STATUSES: Final[Mapping[str, str]] = {
    "active": N_("valid"),
    "inactive": N_("no longer valid"),
    "proposed": N_("proposed"),
    "pending": N_("not confirmed yet"),
    "booked": N_("booked"),
    "arrived": N_("you are there"),
    "checked-in": N_("you are there"),
    "fulfilled": N_("took place"),
    "cancelled": N_("cancelled"),
    "noshow": N_("did not take place"),
    "planned": N_("planned"),
    "in-progress": N_("under way"),
    "finished": N_("ended"),
    "final": N_("final"),
    "preliminary": N_("not final yet"),
    "amended": N_("corrected"),
    "corrected": N_("corrected"),
    "registered": N_("begun"),
    "current": N_("valid"),
    "superseded": N_("replaced by a newer one"),
    "draft": N_("draft"),
    "requested": N_("asked for"),
    "received": N_("received"),
    "accepted": N_("accepted"),
    "rejected": N_("refused"),
    "completed": N_("done"),
    "stopped": N_("stopped"),
    "on-hold": N_("paused"),
    "revoked": N_("taken back"),
    "entered-in-error": N_("entered by mistake"),
}

# Who comes along to a visit.
GUESTS: Final[Mapping[str, str]] = {
    "relative": N_("Relative"),
    "interpreter": N_("Interpreter"),
    "nurse": N_("Nurse with the patient"),
}

# Who looked, for the patient: by role, as names of staff are told only where the house wants it.
YOURSELF: Final = N_("You, or somebody with your letter and PIN")
REFUSED_LOOK: Final = N_("(was refused)")
LOOKERS: Final[Mapping[str, str]] = {
    "system": N_("A computer system of the clinic"),
    "physician": N_("A doctor"),
    "nurse": N_("A nurse"),
    "coordinator": N_("A care coordinator"),
    "receptionist": N_("The front desk"),
    "patient": N_("The visit by your link"),
    "analyst": N_("Statistics"),
    "operator": N_("The operator of this service"),
    "service": N_("This service, by itself"),
}
# Codes of http://terminology.hl7.org/CodeSystem/v3-ActReason.
PURPOSES: Final[Mapping[str, str]] = {
    "TREAT": N_("for your treatment"),
    "ETREAT": N_("in an emergency"),
    "BTG": N_("in an emergency, with access forced open"),
    "PATRQT": N_("because you asked for it"),
    "PATADMIN": N_("to look after the records"),
    "HOPERAT": N_("to run the clinic"),
    "HPAYMT": N_("for the bill"),
    "HRESCH": N_("for research"),
    "PUBHLTH": N_("for public health"),
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
}


# What a log line is about; a type without a word stands as it is.
RECORD_TYPES: Final[Mapping[str, str]] = {
    "Patient": N_("master data"),
    "Appointment": N_("appointment"),
    "Encounter": N_("encounter"),
    "Condition": N_("diagnosis"),
    "Observation": N_("finding"),
    "DocumentReference": N_("document"),
    "ServiceRequest": N_("referral"),
    "Task": N_("task"),
    "Consent": N_("consent"),
    "QuestionnaireResponse": N_("questionnaire"),
    "CarePlan": N_("care plan"),
    "CareTeam": N_("care team"),
    "EpisodeOfCare": N_("course of treatment"),
    "Procedure": N_("procedure"),
    "AllergyIntolerance": N_("allergy"),
    "MedicationStatement": N_("medication"),
    "MedicationRequest": N_("prescription"),
    "Immunization": N_("vaccination"),
    "Goal": N_("goal of treatment"),
    "Flag": N_("warning"),
    "Communication": N_("message"),
    "RelatedPerson": N_("relative or other close person"),
    "Composition": N_("summary"),
}


def in_language(texts: Mapping[str, str], language: str, *, other: str = "") -> dict[str, str]:
    """The texts in a language; who is on the other side of a call stands in them by name where it is known."""
    name = other or translate(language, OTHER)
    return {key: translate(language, text).replace("%p", name) for key, text in texts.items()}


def told(reason: str, language: str, *, number: int = 0, time: str = "") -> Told:
    """What a person is told about a refusal, in a language."""
    found = REFUSALS[reason]
    advice = translate(language, found.advice).replace("%n", str(number)).replace("%t", time)
    return Told(translate(language, found.title), advice)
