"""`python -m telemed.pages.catalogue`: brings the gettext catalogues up to date with templates and code.

New texts appear empty and make the tests fail until they are translated; texts that are gone leave.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from telemed.pages.languages import LANGUAGES

PACKAGE: Final = Path(__file__).parent.parent
SOURCE_LANGUAGE: Final = "en"
METHODS: Final = [
    ("pages/templates/**.html", "jinja2.ext:babel_extract"),
    ("console/templates/**.html", "jinja2.ext:babel_extract"),
    ("mydata/templates/**.html", "jinja2.ext:babel_extract"),
    ("pages/**.py", "python"),
    ("mydata/**.py", "python"),
    ("signin/templates/**.html", "jinja2.ext:babel_extract"),
    ("emergency/templates/**.html", "jinja2.ext:babel_extract"),
    ("pages/**.py", "python"),
    ("signin/**.py", "python"),
    ("emergency/**.py", "python"),
    ("rights/templates/**.html", "jinja2.ext:babel_extract"),
    ("rights/**.py", "python"),
    ("console/**.py", "python"),
    ("visits/**.py", "python"),
    ("notices/**.py", "python"),
]
OPTIONS: Final = {method: {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"} for method, _ in METHODS}


HEADER: Final = (
    'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Content-Transfer-Encoding: 8bit\\n"\n"Plural-Forms: {plurals}\\n"\n\n'
)


def texts() -> Iterator[tuple[str, str]]:
    """Every text that is shown to people, with the file it stands in."""
    for file, _line, message, _comments, _context in extract_from_dir(PACKAGE, METHODS, OPTIONS):
        yield (message if isinstance(message, str) else message[0]), Path(file).as_posix()


def path_of(language: str) -> Path:
    """Where a language's catalogue stands."""
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "messages.po"


def catalogue(language: str) -> Catalog:
    """A language's catalogue as it stands."""
    path = path_of(language)
    return read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)


def renew() -> None:
    """Nothing; every catalogue has exactly the texts that the code has."""
    template = Catalog(fuzzy=False)
    for message, file in texts():
        template.add(message, locations=[(file, 0)])
    for language in LANGUAGES:
        current = catalogue(language)
        current.update(template, no_fuzzy_matching=True)
        current.obsolete.clear()
        if language == SOURCE_LANGUAGE:
            for text in {message.id for message in template if message.id}:
                current[text].string = text
        save(language, current)


def save(language: str, current: Catalog) -> None:
    """Nothing; the catalogue stands in its file, with a header that only changes when the language does."""
    texts_only = io.BytesIO()
    write_po(texts_only, current, width=0, sort_output=True, omit_header=True, include_lineno=False)
    header = HEADER.format(language=language, plurals=current.plural_forms)
    path_of(language).parent.mkdir(parents=True, exist_ok=True)
    path_of(language).write_bytes(header.encode() + texts_only.getvalue())


if __name__ == "__main__":
    renew()
