"""How names are compared: case, accents and punctuation do not count, and Müller, Mueller and Muller are one."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

SHORTEST_PREFIX: Final = 3  # shorter ones would count first letters for whoever holds the database
# The lengths of beginnings that are indexed. Each is a row of the index; what lies between is checked after decryption,
# and longer ones tell little more apart.
LENGTHS: Final = (SHORTEST_PREFIX, 4, 6, 8)
LONGEST_KEPT: Final = 100  # letters; thousands of longer texts would fill the memory

# ä, ö, ü and their spellings ae, oe, ue become one letter. "ue" after a, e or q is not an umlaut (Bauer, Feuer, Quast).
_UMLAUT = re.compile(r"(?<=[ao])e|(?<=(?<![aeq])u)e")
_LETTERS = str.maketrans({"ø": "o", "œ": "o", "æ": "a", "ł": "l", "đ": "d", "ð": "d", "þ": "t"})
_GAP = re.compile(r"[^\w]+|_+")


def folded(text: str) -> str:
    """The form two spellings of one name share; the form of a beginning is a beginning of the form."""
    return _kept(text) if len(text) <= LONGEST_KEPT else _folded(text)


def unaccented(text: str) -> str:
    """The text without case, accents and punctuation, its umlauts as they are spelled."""
    plain = text.lower() if text.isascii() else _stripped(text)
    return _GAP.sub(" ", plain).strip()


def prefixes(form: str) -> list[str]:
    """The beginnings of a folded name that are indexed; none for a name shorter than the shortest."""
    return [form[:length] for length in LENGTHS if length <= len(form)]


def prefix(form: str) -> str:
    """The longest beginning that all names have in the index which begin so; empty if there is none."""
    return next((form[:length] for length in reversed(LENGTHS) if length <= len(form)), "")


def whole(text: str) -> str:
    """The text as `:exact` compares it: as written, only with one way of coding accents."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    return _UMLAUT.sub("", unaccented(text))


_kept = lru_cache(maxsize=4096)(_folded)


def _stripped(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(mark for mark in parts if not unicodedata.combining(mark)).casefold()
