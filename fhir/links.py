"""The links in a resource's JSON: found and exchanged in the bytes, without touching anything else.

A link is the value of a reference, of an element of type uri, url, oid or uuid, or of href and src in a narrative; the same
characters in an identifier or a text stay as they are. https://hl7.org/fhir/R4/http.html#trules
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from fhir.here import relative

# The elements of these types by name. Not among them: `system` of codes and identifiers and `Meta.source`, which name
# something else than a resource even where they are a UUID; canonicals, which the standard leaves out.
URIS: Final = frozenset(
    ["url", "uri", "valueUri", "valueUrl", "valueOid", "valueUuid", "instantiatesUri", "policy", "authority", "address"]
)

_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_VALUE: Final = re.compile(_STRING)
_VALUES: Final = rf"({_STRING}|\[\s*{_STRING}(?:\s*,\s*{_STRING})*+\s*\])"
_NAMES: Final = "|".join(("reference", "div", *sorted(URIS)))
# A quote within a string has a backslash before it, so what looks like a key is one.
_MEMBER: Final = re.compile(rf'(?<!\\)"({_NAMES})"(\s*:\s*){_VALUES}')
_REFERENCE: Final = re.compile(rf'(?<!\\)"(reference)"(\s*:\s*)({_STRING})')
# Whoever writes a key with escapes means the same key.
_ESCAPED_KEY: Final = re.compile(r'(?<!\\)"(?=(?:[^"\\]++|\\[^u])*+\\u)(?:[^"\\]++|\\.)*+"(?=\s*:)')
_CRITERIA: Final = re.compile(r"[A-Z][A-Za-z]+\?.+")
_IN_NARRATIVE: Final = re.compile(r"""(\b(?:href|src)\s*=\s*)(\\"|')([^"'\\]+)(\\"|')""")


def rewrite(text: str, links: Mapping[str, str]) -> str:
    """The same JSON with each link that is a key of `links` exchanged; a version after it is dropped with it."""
    if not links:
        return text

    def exchanged(match: re.Match[str]) -> str:
        name, colon, value = match.groups()
        if name == "div":
            return f'"div"{colon}{_IN_NARRATIVE.sub(in_narrative, value)}'
        return f'"{name}"{colon}{_VALUE.sub(lambda one: _other(one[0], name, links), value)}'

    def in_narrative(match: re.Match[str]) -> str:
        other = links.get(match[3]) if ":" in match[3] else None
        return match[0] if other is None else f"{match[1]}{match[2]}{other}{match[4]}"

    return _MEMBER.sub(exchanged, _plain(text))


def exchange(text: str, other: Callable[[str], str | None]) -> str:
    """The same JSON with each reference exchanged for which the function has another one."""

    def exchanged(match: re.Match[str]) -> str:
        link = other(_text(match[3]))
        return match[0] if link is None else f'"reference"{match[2]}{json.dumps(link)}'

    return _REFERENCE.sub(exchanged, _plain(text))


def criteria(text: str) -> list[str]:
    """The references that say what to look for instead of where it is: `Patient?identifier=...`, each once."""
    if "?" not in text:
        return []
    found: dict[str, None] = {}

    def noted(link: str) -> None:
        if _CRITERIA.fullmatch(relative(link)):
            found[link] = None

    exchange(text, noted)
    return list(found)


def _other(quoted: str, name: str, links: Mapping[str, str]) -> str:
    link = _text(quoted)
    if name == "reference":
        other = links.get(link) or links.get(link.split("/_history/")[0])
    else:
        # A relative address in a uri is none of the entries, whatever it looks like.
        other = links.get(link) if ":" in link else None
    return quoted if other is None else json.dumps(other)


def _text(quoted: str) -> str:
    return str(json.loads(quoted)) if "\\" in quoted else quoted[1:-1]


def _plain(text: str) -> str:
    """The same JSON with keys as they are usually written, if one of them is not."""
    if "\\u" not in text:
        return text
    return _ESCAPED_KEY.sub(lambda key: json.dumps(json.loads(key[0]), ensure_ascii=False), text)
