"""The rule about breaking the glass, in one place: who, for what, for how long, how often. Pure.

Art. 9 (2) c GDPR is why it exists: somebody's life may hang on a record that nobody thought of opening to the clinic
that they were brought to.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from infra.caller import Role

# One clinician, one person, one hour; then it asks for a reason again.
LASTS: Final = timedelta(minutes=60)
# Who treats people in an emergency. Nobody else breaks glass, whatever they are told on the phone.
MAY_BREAK: Final = frozenset({Role.PHYSICIAN, Role.NURSE})
MAY_REVIEW: Final = frozenset({Role.PRIVACY_OFFICER})
# Matched or not: whoever looks for people instead of opening a record is stopped, and every try is in the log.
TRIES: Final = 5
WITHIN: Final = timedelta(hours=1)
SHORTEST_TEXT: Final = 10
LONGEST_TEXT: Final = 1000
_NUMBER: Final = re.compile(r"[A-Z][0-9]{9}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


class Reason(StrEnum):
    """Why: codes of http://terminology.hl7.org/CodeSystem/v3-ActReason."""

    EMERGENCY = "ETREAT"
    OVERRIDE = "BTG"


class Verdict(StrEnum):
    """What the second person found."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not-justified"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose record is to be opened, and why."""

    # Exactly one of the two: a health insurance number, or a Patient's id.
    number: str
    patient_id: str
    birth_date: date
    reason: Reason
    text: str


def read(*, who: str, birth_date: date | None, reason: str, text: str) -> Asked | None:
    """What was asked for; None where something is missing or is nothing that could be meant."""
    plain = "".join(unicodedata.normalize("NFKC", who).split())
    words = " ".join(text.split())
    is_told = SHORTEST_TEXT <= len(words) <= LONGEST_TEXT
    if birth_date is None or reason not in set(Reason) or not is_told or not _ID.fullmatch(plain):
        return None
    is_number = _NUMBER.fullmatch(plain.upper()) is not None
    return Asked(plain.upper() if is_number else "", "" if is_number else plain, birth_date, Reason(reason), words)
