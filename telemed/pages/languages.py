"""Languages: gettext catalogues read at start-up, and the choice of one for a request.

Two domains: what patients see is there in ten languages, what only staff see in two. A language is offered only when its
catalogue is complete, so that no page mixes two languages.
"""

import io
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

# In the order of the language menu; the name is what its speakers call it. `simple` is a registered variant (RFC 5646);
# "Einfache Sprache" (DIN 8581-1) and not "Leichte Sprache", which people with learning difficulties would have to test.
LANGUAGES: Final[Mapping[str, str]] = {
    "de": "Deutsch",
    "de-simple": "Einfache Sprache",
    "en": "English",
    "uk": "Українська",
    "ru": "Русский",
    "tr": "Türkçe",
    "ar": "العربية",
    "pl": "Polski",
    "da": "Dansk",
    "nds": "Plattdüütsch",
}
STAFF_LANGUAGES: Final[Mapping[str, str]] = {code: LANGUAGES[code] for code in ("de", "en")}
RIGHT_TO_LEFT: Final = frozenset({"ar"})
DEFAULT: Final = "de"
COOKIE: Final = "lang"
PATIENT, STAFF = "patient", "staff"
# Addresses of pages that only staff see, and those of apps that somebody signs in to.
STAFF_PATHS: Final = ("/console", "/oauth", "/dev", "/data-requests")
# Nobody is asked to agree to a text that no native reader has read.
CONSENT_PATHS: Final = ("/my/consents",)
# The header of a catalogue that names who has read it as a native reader; empty until somebody has.
REVIEW: Final = "X-Reviewed-By"
_REVIEWED: Final = re.compile(rf'''^"{REVIEW}: (.*)\\n"$''', re.MULTILINE)


def N_(text: str) -> str:  # noqa: N802  # the name that gettext tools look for
    """The text itself; marks it for the catalogues where it is translated later."""
    return text


def locale_of(language: str) -> str:
    """The language as Babel calls it; British English: day before month and 24 hours, as everything else on the pages."""
    return "en_GB" if language == "en" else language.replace("-", "_")


def path_in_package(language: str, domain: str) -> Traversable:
    """Where a language's catalogue of one domain stands."""
    return files("telemed") / "locale" / language / "LC_MESSAGES" / f"{domain}.po"


@lru_cache
def translations(language: str) -> Translations:
    """What a language has, compiled in memory so that no build step is needed; staff read patients' texts, too."""
    made = _compiled(language, PATIENT)
    return made.merge(_compiled(language, STAFF)) if language in STAFF_LANGUAGES else made


def translate(language: str, text: str) -> str:
    """The text in a language."""
    return str(translations(language).gettext(text)) if text else ""  # of nothing gettext tells its own header


@lru_cache
def is_reviewed(language: str) -> bool:
    """True if a native reader has read what patients see in this language, and the catalogue names them."""
    return bool(reviewer(path_in_package(language, PATIENT).read_text("utf-8")))


def reviewer(catalogue: str) -> str:
    """Who has read a catalogue as a native reader; empty if nobody has. Babel keeps no headers but those it knows."""
    found = _REVIEWED.search(catalogue)
    return found.group(1).strip() if found else ""


def languages_at(path: str) -> Mapping[str, str]:
    """The languages that the page at an address has; consents are asked for in reviewed ones alone."""
    if path.startswith(CONSENT_PATHS):
        return {code: name for code, name in LANGUAGES.items() if is_reviewed(code)}
    return STAFF_LANGUAGES if path.startswith(STAFF_PATHS) else LANGUAGES


def choose(*, asked: str | None, cookie: str | None, accepted: str, offered: Collection[str] = LANGUAGES) -> str:
    """The language of an answer: asked for by link, remembered in the cookie, or preferred by the browser."""
    for candidate in (asked, cookie, *_preferred(accepted)):
        if candidate is not None and candidate in offered:
            return candidate
    return DEFAULT


def read_catalogue(language: str, domain: str) -> Catalog:
    """A language's catalogue of one domain as it stands."""
    with path_in_package(language, domain).open("rb") as stream:
        return read_po(stream, locale=locale_of(language))


def _compiled(language: str, domain: str) -> Translations:
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(language, domain))
    compiled.seek(0)
    return Translations(compiled)


def _preferred(header: str) -> list[str]:
    weighted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), place, tag.split("-")[0].lower()))
        except ValueError:
            continue
    return [tag for _, _, tag in sorted(weighted)]
