"""The words of mails and letters, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from telemed.notices.content import Content, Method
from telemed.pages.languages import N_, RIGHT_TO_LEFT, is_reviewed, translate
from telemed.pages.times import day_in_words, time_in_words, time_of_day
from telemed.visits.codes import Window

INVITED = N_("Your appointment")
INVITED_TO_VIDEO = N_("Your video appointment")
CANCELLED = N_("Your appointment is cancelled")
MOVED = N_("Your appointment has a new time")
RENEWED = N_("Your new code for your appointment")
GREETING = N_("Good day,")
WHEN = N_("Your appointment: %(day)s, %(start)s to %(end)s.")
OFF = N_("This appointment will not take place: %(day)s, %(start)s.")
VIDEO = N_(
    "It is a video appointment: you and the practice see and hear each other over the internet. "
    "You need a phone, a tablet or a computer with camera and microphone, but no account and no app."
)
EARLY = N_("You may come from %(opens)s, half an hour before.")
LINK = N_("To come, open this link in a browser:")
BIRTH_DATE = N_("You will be asked for your date of birth.")
OLD_CODE = N_("The code that you had before does not work any more.")
SECRET = N_("The link and the code are only for you. Do not pass them on.")
CODE = N_("Or open %(address)s and type this code: %(code)s")
SHORT_WAY = N_("Hold the camera of your phone to the picture. Or type this address in a browser, and then the code:")
# The clinic's name stays out: whoever finds an opened letter must not learn which kind of doctor it is about.
UNEXPECTED = N_(
    "So that nobody else learns of your treatment, this message does not name your practice. "
    "If you did not expect it, please call your practice at the number that you know."
)
SENDER = N_("Your practice")
OPENED = N_("A message about your record")
OPENED_WHEN = N_(
    "Your record was opened in an emergency: %(day)s, %(start)s. It closes again by %(end)s at the latest. "
    "Somebody else reviews whether that was right."
)
OPENED_WHY = N_("You did not expect this, or you want to know who it was and why? Please call: %(phone)s")
REVIEW = N_("An emergency access has to be reviewed")
REVIEW_WHEN = N_(
    "A record was opened in an emergency: %(day)s, %(start)s. Please review it in the console, under Emergency accesses."
)
OPENED_HERE_WHEN = N_(
    "The record of a patient of your clinic was opened in an emergency by another clinic: %(day)s, %(start)s. "
    "It closes again by %(end)s at the latest. The log of your clinic says who it was; the other clinic reviews it."
)
UNRESTRICTED_WHEN = N_(
    "You asked us not to use your record for now. We will use it again from %(day)s, %(start)s. "
    "Until then it stays as it is."
)
ERASED_SUBJECT = N_("A message for you")
RESTRICTED_WHEN = N_(
    "As you have asked, nobody works with your record: since %(day)s, %(start)s. It is kept. "
    "You hear from us before we use it again."
)
ERASED_WHEN = N_(
    "As you have asked, we have erased what you asked us to erase: on %(day)s, %(start)s. "
    "Nobody can read it any more, and nobody can bring it back."
)
ERASED_WHY = N_("You did not ask for it? Please call at once: %(phone)s")
UNRESTRICTED_WHY = N_("You do not agree, or you want to know why? Please call: %(phone)s")
NOT_FOR_EMERGENCIES = N_("This message can not be answered. Danger to life: 112. Doctor on call: 116117.")
UNREVIEWED = N_("This is a translation. No native reader has checked it yet.")
HELP = N_("Not for emergencies. Danger to life: 112. Doctor on call: 116117. Help with this appointment: %(phone)s")


# What is told of no appointment: the subject, and what follows.
TOLD: Final[Mapping[Method, tuple[str, ...]]] = {
    Method.OPENED: (OPENED, OPENED_WHEN, OPENED_WHY),
    Method.OPENED_HERE: (OPENED, OPENED_HERE_WHEN),
    Method.REVIEW: (REVIEW, REVIEW_WHEN),
    Method.RESTRICTED: (OPENED, RESTRICTED_WHEN, UNRESTRICTED_WHY),
    Method.ERASED: (ERASED_SUBJECT, ERASED_WHEN, ERASED_WHY),
    Method.UNRESTRICTED: (OPENED, UNRESTRICTED_WHEN, UNRESTRICTED_WHY),
}


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one notice."""

    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    short_way: str
    help: str
    unreviewed: str = ""
    link_way: str = ""
    last: str = ""
    sender: str = ""


def words(content: Content, *, phone: str) -> Words:
    """What to say: when it is or that it is cancelled, how to join, and whom to call. No reason, no specialty."""
    language = content.language
    times = {
        "day": day_in_words(content.start, language=language),
        "start": time_of_day(content.start, language=language),
        "end": time_of_day(content.end, language=language),
    }
    if not content.method.is_appointment:
        return _told(content, times | {"phone": whole(phone, language)})
    said: tuple[str, ...]
    if content.method is Method.CANCEL:
        subject, said = CANCELLED, (translate(language, OFF) % times,)
    else:
        subject = RENEWED if content.renewed else MOVED if content.sequence else INVITED
        if subject is INVITED and content.code:
            subject = INVITED_TO_VIDEO
        said = (translate(language, WHEN) % times, *_joining(content))
    return Words(
        subject=translate(language, subject),
        greeting=translate(language, GREETING),
        paragraphs=said,
        short_way=translate(language, SHORT_WAY),
        help=translate(language, HELP) % {"phone": whole(phone, language)},
        unreviewed=unreviewed(language),
        link_way=translate(language, LINK),
        last=translate(language, UNEXPECTED),
        sender=translate(language, SENDER),
    )


def _joining(content: Content) -> tuple[str, ...]:
    """What one needs, from when on one may come, and what keeps others out; nothing without a code."""
    if not content.code:
        return ()
    language = content.language
    opens = time_in_words(Window.around(content.start, content.end).opens, language=language)
    early = f"{translate(language, EARLY) % {'opens': opens}} {translate(language, BIRTH_DATE)}"
    secret = (SECRET, OLD_CODE) if content.renewed else (SECRET,)
    return (translate(language, VIDEO), early, " ".join(translate(language, text) for text in secret))


def _told(content: Content, facts: dict[str, str]) -> Words:
    """What is said about a record: when, and what to do. No name, no clinic, no reason: mails are read by others."""
    language = content.language
    subject, *said = TOLD[content.method]
    return Words(
        subject=translate(language, subject),
        greeting=translate(language, GREETING),
        paragraphs=tuple(translate(language, text) % facts for text in said),
        short_way="",
        help=translate(language, NOT_FOR_EMERGENCIES),
        unreviewed=unreviewed(language),
    )


def whole(number: str, language: str) -> str:
    """A phone number that keeps its order among words that run from right to left (an embedding of UAX #9)."""
    return f"\u202a{number}\u202c" if language in RIGHT_TO_LEFT else number


def unreviewed(language: str) -> str:
    """The sentence that no native reader has checked the language; empty where one has."""
    return "" if is_reviewed(language) else translate(language, UNREVIEWED)


def by_hand(content: Content, *, address: str) -> str:
    """The line that says where to type the code."""
    language = content.language
    facts = {"address": whole(address, language), "code": whole(content.code, language)}
    return translate(language, CODE) % facts
