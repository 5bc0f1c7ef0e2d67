"""What an app may be called: a name that people can read and that looks like no other app's.

People decide by the name on the consent page, so a name with letters of another script, invisible characters or a
disguise of a known name is refused when it is registered (https://www.unicode.org/reports/tr39/).
"""

import re
import unicodedata
from typing import Final

from infra.problems import Unprocessable

SHORTEST: Final = 3
LONGEST: Final = 60
MARKS: Final = frozenset(" -.&'()+/:,")
# What reads alike in the fonts of our pages; umlauts count as their plain letters.
ALIKE: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "8": "b", "2": "z", "v": "u"})
_PAIRS: Final = (("rn", "m"), ("cl", "d"), ("uu", "w"), ("nn", "m"))


class UnusableName(Unprocessable):
    """A name has 3 to 60 Latin letters, digits, single blanks and - . & ' ( ) + / : , and begins with a letter."""


class NameLooksAlike(UnusableName):
    """Another app has a name that looks like this one. Choose one that people can't mistake for it."""


def require_readable(name: str) -> None:
    """Nothing; `UnusableName` for a name that could hide or disguise something."""
    plain = unicodedata.normalize("NFC", name) == name and name.strip() == name and "  " not in name
    if not plain or not SHORTEST <= len(name) <= LONGEST or not name[0].isalpha():
        raise UnusableName
    if not all(character in MARKS or _is_latin(character) for character in name):
        raise UnusableName


def skeleton(name: str) -> str:
    """What is left of a name if nobody looks closely; the same for names that look alike."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    letters = re.sub(r"[^a-z0-9|]", "", bare).translate(ALIKE)
    for pair, one in _PAIRS:
        letters = letters.replace(pair, one)
    return letters


def _is_latin(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    # ASCII apart, the letters of German and its neighbours, no others that were made to look like them.
    return "\u00c0" <= character <= "\u017f" and character.isalpha()
