"""`python -m telemed.pages.catalogue`: brings the gettext catalogues up to date with templates and code.

New texts appear empty and make the tests fail until they are translated; texts that are gone leave.
"""

import io
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Final

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from telemed.pages.languages import LANGUAGES, PATIENT, REVIEW, STAFF, STAFF_LANGUAGES, locale_of, reviewer

PACKAGE: Final = Path(__file__).parent.parent
SOURCE_LANGUAGE: Final = "en"
TEMPLATE, CODE = "jinja2.ext:babel_extract", "python"
# What staff see, or who allows an app something; the demo's outbox is for whoever tries the product out.
STAFF_ROOMS: Final = ("console", "signin", "emergency", "rights", "releases")
STAFF_SOURCES: Final = [
    ("pages/templates/authorize.html", TEMPLATE),
    ("pages/templates/authorize_who.html", TEMPLATE),
    ("pages/templates/outbox.html", TEMPLATE),
    ("pages/permissions.py", CODE),
    *[(f"{room}/templates/**.html", TEMPLATE) for room in STAFF_ROOMS],
    *[(f"{room}/**.py", CODE) for room in STAFF_ROOMS],
]
PATIENT_SOURCES: Final = [
    *[(f"{room}/templates/**.html", TEMPLATE) for room in ("pages", "mydata")],
    *[(f"{room}/**.py", CODE) for room in ("pages", "mydata", "visits", "notices")],
]
IGNORED: Final = "ignore"
DOMAINS: Final = {PATIENT: LANGUAGES, STAFF: STAFF_LANGUAGES}
OPTIONS: Final = {
    method: {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}
    for method, _ in (*STAFF_SOURCES, *PATIENT_SOURCES)
}

HEADER: Final = (
    'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Content-Transfer-Encoding: 8bit\\n"\n"Plural-Forms: {plurals}\\n"\n"{review}: {reviewed}\\n"\n\n'
)


def texts(domain: str) -> Iterator[tuple[str, str]]:
    """Every text of a domain that is shown to people, with the file it stands in."""
    methods = STAFF_SOURCES
    if domain == PATIENT:
        # The first pattern that fits decides, so what is the staff's is no longer the patients'.
        methods = [*((pattern, IGNORED) for pattern, _ in STAFF_SOURCES), *PATIENT_SOURCES]
    for file, _line, message, _comments, _context in extract_from_dir(PACKAGE, methods, OPTIONS):
        yield (message if isinstance(message, str) else message[0]), Path(file).as_posix()


def path_of(language: str, domain: str) -> Path:
    """Where a language's catalogue stands."""
    return PACKAGE / "locale" / language / "LC_MESSAGES" / f"{domain}.po"


def catalogue(language: str, domain: str) -> Catalog:
    """A language's catalogue as it stands; an empty one where there is none yet."""
    path, locale = path_of(language, domain), locale_of(language)
    return read_po(io.BytesIO(path.read_bytes()), locale=locale) if path.exists() else Catalog(locale=locale)


def renew() -> None:
    """Nothing; every catalogue has exactly the texts that the code has. What patients read, staff need no second time."""
    of_patients = {text for text, _ in texts(PATIENT)}
    for domain, languages in DOMAINS.items():
        template = Catalog(fuzzy=False)
        for message, file in texts(domain):
            if domain == PATIENT or message not in of_patients:
                template.add(message, locations=[(file, 0)])
        for language in languages:
            current = catalogue(language, domain)
            # A copy: what one language fills in would else stand in all that follow.
            current.update(deepcopy(template), no_fuzzy_matching=True)
            current.obsolete.clear()
            if language == SOURCE_LANGUAGE:
                for text in {message.id for message in template if message.id}:
                    current[text].string = text
            save(language, domain, current=current)


def save(language: str, domain: str, *, current: Catalog) -> None:
    """Nothing; the catalogue stands in its file, with a header that only changes when the language does."""
    texts_only = io.BytesIO()
    write_po(texts_only, current, width=0, sort_output=True, omit_header=True, include_lineno=False)
    path = path_of(language, domain)
    reviewed = reviewer(path.read_text("utf-8")) if path.exists() else ""
    header = HEADER.format(language=language, plurals=current.plural_forms, review=REVIEW, reviewed=reviewed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header.encode() + texts_only.getvalue())


if __name__ == "__main__":
    renew()
