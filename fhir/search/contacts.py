"""Telephone numbers and mail addresses as searches compare them: however they were written, one person's are one.

R4 leaves it to the server how the values of a ContactPoint are compared. https://hl7.org/fhir/R4/search.html#token
"""

import re
from typing import Final

_NUMBER: Final = re.compile(r"(?P<abroad>\+|00)?(?P<digits>\d+)", re.ASCII)
_SEPARATORS: Final = re.compile(r"[\s\-/.()\[\]]+")  # RFC 3966 5.1.1, and what else people write between digits


def contact(text: str) -> str:
    """The form of a number (digits alone, 00 as +) or of a mail address (small letters); other texts as they are."""
    if "@" in text:
        return text.lower()
    number = _NUMBER.fullmatch(_SEPARATORS.sub("", text))
    if number is None:
        return text
    return f"+{number['digits']}" if number["abroad"] else number["digits"]
