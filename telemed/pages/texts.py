"""What patients read from scripts and lists, and what they are told when a code does not open.

Rule for all of them: what happened, what to do; the phone number stands at the foot of every page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from telemed.pages.languages import N_, translate

OTHER: Final = N_("The other side")
ROBOT: Final = N_("The practice robot")
# Devices and the connection, before a call and in it.
LINE: Final[Mapping[str, str]] = {
    "testPicture": N_("Test picture, only in the demo: no camera is in use here."),
    "net": N_("Connection lost. You keep your place. We keep trying."),
    "blocked": N_(
        "The camera is blocked. Tap the lock next to the address and allow camera and microphone. Then tap “Try again”."
    ),
    "nodev": N_("We found no camera. You can talk to us without one."),
    "busy": N_("Another program is using the camera. Please close it. Then tap “Try again”."),
    "in-app": N_("Video does not work in this window. Please open the link in Chrome, Firefox or Safari."),
    "old": N_("This browser is too old for video. We can call you by phone instead."),
    "refused": N_("The conversation could not be opened. Please load this page again."),
}

# The call itself; pages fetch it as a file while somebody waits, so that the first pages stay light.
CALL: Final[Mapping[str, str]] = {
    **LINE,
    "live": N_("You are connected."),
    "elsewhere": N_("The conversation is open in another window or on another device."),
    "connecting": N_("Connecting …"),
    "alone": N_("%p is not there at the moment. It goes on by itself as soon as somebody comes."),
    "reconnecting": N_("The connection was interrupted. We are trying again."),
    "failed": N_("The connection did not work. Please hang up and try again, or let us call you."),
    "left": N_("%p has hung up."),
    "tampered": N_("The check words could not be agreed. Somebody may be listening in. Please hang up and call us."),
    "soundOn": N_("Sound is on"),
    "soundOff": N_("Sound is off"),
    "pictureOn": N_("Picture is on"),
    "pictureOff": N_("Picture is off"),
    "turnOn": N_("Turn on"),
    "turnOff": N_("Turn off"),
    "audioOnly": N_("Sound only, for slow internet"),
    "pictureAgain": N_("Picture on again"),
    "peerDark": N_("%p has turned the picture off. You can hear each other."),
    "peerMuted": N_("%p has turned the sound off."),
    "peerOff": N_("%p has turned picture and sound off. You can write to each other."),
    "noMicrophone": N_("No microphone is in use. You can write instead."),
    "noCamera": N_("No camera is in use. You can hear each other."),
    # Steps down on a weak network, and up again (video/web/ladder.js); the keys are its sentences.
    "less": N_("Your internet is slow. The picture is smaller now, the sound stays."),
    "small": N_("Your internet is slow. The picture moves less now, the sound stays."),
    "sound": N_("Your internet is slow. We turn off the picture and keep the sound."),
    "sound-thin": N_("Your internet is very slow. You can still hear each other."),
    "telephone": N_("Your internet is too slow to talk. We can call you by phone instead."),
    "better": N_("Your internet is better again."),
    "full": N_("Your internet is good again."),
    "muted": N_("The practice has turned your sound off. You can turn it on again."),
    "held": N_("The conversation is paused. Please wait, you keep your place."),
    "resumed": N_("The conversation goes on."),
    "old-browser": N_("This browser is too old for a conversation of three. We can call you by phone instead."),
    "unable": N_("Somebody's browser is too old for a conversation of three."),
    "screen-stopped": N_("The screen is not shown any more."),
    "locked": N_("Encrypted: only the people in this conversation see and hear each other."),
    "photoSent": N_("The photo is sent."),
    "photoCame": N_("A photo has come."),
    "photoOpen": N_("Look at the photo in full size"),
    "photoAway": N_("Put the photo away"),
    "photoLarger": N_("Larger"),
    "photoSmaller": N_("Smaller"),
    "photoClose": N_("Back to the conversation"),
    "speaking": N_("Speaking: %w"),
    "me": N_("You"),
    "patient": N_("Patient"),
    "relative": N_("Relative"),
    "interpreter": N_("Interpreter"),
    "nurse": N_("Nurse with the patient"),
    "physician": N_("Practice"),
}

# What the patient reads in the call and while waiting, where the clinic reads something else or nothing.
CALL_OF_VISIT: Final[Mapping[str, str]] = {
    **CALL,
    "left": N_("%p has left the conversation. If it goes on, you see and hear %p here again."),
    "removed": N_("The practice has taken you out of the conversation"),
    "removedWay": N_("The conversation may go on without you. You can come back: the practice then lets you in again."),
    "toWait": N_("Back to the waiting room"),
    "late": N_("The practice needs about %n more minutes. You keep your place."),
    "crowded": N_("This conversation has no free seat any more. Please call us."),
}

VISIT: Final[Mapping[str, str]] = {
    **LINE,
    "title": N_("Your video consultation"),
    "again": N_("Try again"),
    "checking": N_("Checking your connection …"),
    "network_good": N_("Your connection is good."),
    "network_fair": N_("Your connection is enough for sound and picture."),
    "network_audio": N_("Your internet is slow. We recommend to talk without picture."),
    "network_none": N_("We could not check your connection. You can go on all the same."),
    "quiet": N_("We do not hear your microphone. Please speak louder or check whether it is turned off."),
    "heardNot": N_("Turn the sound of your device up. Then play the test sound again."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, and what to do."""

    title: str
    advice: str


# The practice room: nobody is there but a robot.
PRACTICE: Final[Mapping[str, str]] = {
    **VISIT,
    "title": N_("Practice room"),
    "network_practice": N_("In a real appointment your connection is tested here."),
    "robots_busy": N_("All robots are busy. Please try again in five minutes."),
    "robot_hello": N_("Hello! I am a robot. I hear and see nothing. Write something, and I will write it back."),
    "robot_echo": N_("You wrote: %t"),
}

# What is asked at the patient's device; the keys are models.Guest.
HERE: Final[Mapping[str, str]] = {
    "patient": N_("The patient"),
    "relative": N_("A relative or a friend"),
    "nurse": N_("A nurse or carer"),
    "interpreter": N_("An interpreter"),
}

CALL_BACK: Final[Mapping[str, str]] = {
    "title": N_("We will call you."),
    "advice": N_("The practice has your wish and calls the number that it has from you. You need not do anything."),
    "again": N_("Back to the video consultation"),
}

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
        N_("Your appointment stands. Please try again in a moment, or call us."),
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
# In the place of "looked through": the search named somebody else, or nobody.
FOUND_IN_SEARCH: Final = N_("found in a search")
REFUSED_LOOK: Final = N_("(was refused)")
BY_APP: Final = N_("The app %(app)s, which you have allowed")
LOOKERS: Final[Mapping[str, str]] = {
    "system": N_("A computer system of the clinic"),
    "physician": N_("A doctor"),
    "nurse": N_("A nurse"),
    "coordinator": N_("A care coordinator"),
    "receptionist": N_("The front desk"),
    "patient": N_("The visit by your link"),
    "analyst": N_("Statistics"),
    "operator": N_("The operator of this service"),
    "privacy-officer": N_("The data protection officer"),
    "release-board": N_("The board for statistics"),
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
    "HLEGAL": N_("for a legal claim"),
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
    "AuditEvent": N_("list of who looked"),
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
