"""HTML from templates, in German and English; also for the portal, so nothing of the platform is imported here."""

import tomllib
from functools import cache
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

LANGUAGES: Final = ("de", "en")
KILO: Final = 1024


@cache
def texts(language: str) -> SimpleNamespace:
    """The words of the pages in a language, by name."""
    return SimpleNamespace(**_all_texts()[language])


@cache
def _all_texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("anonymise") / "data" / "texts.toml").read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("anonymise", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def style_sheet() -> bytes:
    """The style sheet of all pages."""
    return (files("anonymise") / "static" / "style.css").read_bytes()


def render(template: str, language: str, **values: Any) -> bytes:
    """A page as bytes."""
    other = "en" if language == "de" else "de"
    page = _environment().get_template(template)
    text = page.render(language=language, other=other, t=_all_texts()[language], size=size, **values)
    return text.encode()


def file_name(page: str, language: str) -> str:
    """The file of a page: German has the plain name."""
    return f"{page}.html" if language == "de" else f"{page}.{language}.html"


_GERMAN: Final = {ord(","): "\u202f", ord("."): ","}


def number(value: float, language: str) -> str:
    """A number with groups of three, as the language sets it."""
    return f"{value:,}".translate(_GERMAN if language == "de" else {})


def size(count: int) -> str:
    """A number of bytes for people."""
    return f"{count} B" if count < KILO else f"{count / KILO:.0f} kB"


def safe(svg: str) -> Markup:
    """A chart made by `svg`, which escapes what it is given, for use in a page."""
    return Markup(svg)  # every text in it went through html.escape  # nosec B704
