"""Languages: gettext catalogues read at start-up, and the choice of one for a request.

A language is offered only when its catalogue is complete, so that no page mixes two languages.
"""

import io
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

# In the order of the language menu; the name is what its speakers call it.
LANGUAGES: Mapping[str, str] = {"de": "Deutsch", "en": "English"}
DEFAULT = "de"
COOKIE = "lang"


def N_(text: str) -> str:  # noqa: N802  # the name that gettext tools look for
    """The text itself; marks it for the catalogues where it is translated later."""
    return text


@lru_cache
def translations(language: str) -> Translations:
    """The catalogue of a language, compiled in memory so that no build step is needed."""
    source = files("telemed") / "locale" / language / "LC_MESSAGES" / "messages.po"
    compiled = io.BytesIO()
    with source.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def translate(language: str, text: str) -> str:
    """The text in a language."""
    return str(translations(language).gettext(text)) if text else ""  # of nothing gettext tells its own header


def choose(*, asked: str | None, cookie: str | None, accepted: str) -> str:
    """The language of an answer: asked for by link, remembered in the cookie, or preferred by the browser."""
    for candidate in (asked, cookie, *_preferred(accepted)):
        if candidate is not None and candidate in LANGUAGES:
            return candidate
    return DEFAULT


def _preferred(header: str) -> list[str]:
    weighted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), place, tag.split("-")[0].lower()))
        except ValueError:
            continue
    return [tag for _, _, tag in sorted(weighted)]
