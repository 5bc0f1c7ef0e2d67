"""How names are compared: case, accents and punctuation do not count, and Müller, Mueller and Muller are one."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

SHORTEST_PREFIX: Final = 3  # shorter ones would count first letters for whoever holds the database
LONGEST_PREFIX: Final = 8  # longer ones tell little more apart; the rest is checked after decryption

# ä, ö, ü and their spellings ae, oe, ue become one letter. "ue" after a, e or q is not an umlaut (Bauer, Feuer, Quast).
_UMLAUT = re.compile(r"(?<=[ao])e|(?<=(?<![aeq])u)e")
_LETTERS = str.maketrans({"ø": "o", "œ": "o", "æ": "a", "ł": "l", "đ": "d", "ð": "d", "þ": "t"})
_GAP = re.compile(r"[^\w]+|_+")


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """The form two spellings of one name share; the form of a beginning is a beginning of the form."""
    plain = text.lower() if text.isascii() else _unaccented(text)
    return _UMLAUT.sub("", _GAP.sub(" ", plain).strip())


def prefixes(form: str) -> list[str]:
    """The beginnings of a folded name that are indexed; none for a name shorter than the shortest."""
    return [form[:length] for length in range(SHORTEST_PREFIX, min(len(form), LONGEST_PREFIX) + 1)]


def whole(text: str) -> str:
    """The text as `:exact` compares it: as written, only with one way of coding accents."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _unaccented(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(mark for mark in parts if not unicodedata.combining(mark)).casefold()
