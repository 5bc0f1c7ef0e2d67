"""The links in a resource's JSON: found and exchanged in the bytes, without touching anything else.

A link is the value of a reference, of an element of type uri, url, oid or uuid, or of href and src in a narrative; the same
characters in an identifier or a text stay as they are. https://hl7.org/fhir/R4/http.html#trules
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

# The elements of these types by name. Not among them: `system` of codes and identifiers and `Meta.source`, which name
# something else than a resource even where they are a UUID; canonicals, which the standard leaves out.
URIS: Final = frozenset(
    ["url", "uri", "valueUri", "valueUrl", "valueOid", "valueUuid", "instantiatesUri", "policy", "authority", "address"]
)

_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
# Every JSON string is matched in turn, so nothing inside a string can be taken for a key.
_MEMBER: Final = re.compile(rf"({_STRING})(?:(\s*:\s*)({_STRING}|\[\s*{_STRING}(?:\s*,\s*{_STRING})*+\s*\])?)?")
_VALUE: Final = re.compile(_STRING)
_CRITERIA: Final = re.compile(r"[A-Z][A-Za-z]+\?.+")
_IN_NARRATIVE: Final = re.compile(r"""(\b(?:href|src)\s*=\s*)(\\"|')([^"'\\]+)(\\"|')""")


def rewrite(text: str, links: Mapping[str, str]) -> str:
    """The same JSON with each link that is a key of `links` exchanged; a version after it is dropped with it."""
    if not links:
        return text

    def exchanged(match: re.Match[str]) -> str:
        key, colon, value = match.groups()
        if value is None or (name := json.loads(key)) not in _LINKED:
            return match[0]
        if name == "div":
            return f"{key}{colon}{_IN_NARRATIVE.sub(in_narrative, value)}"
        return f"{key}{colon}{_VALUE.sub(lambda one: _other(one[0], name, links), value)}"

    def in_narrative(match: re.Match[str]) -> str:
        other = links.get(match[3]) if ":" in match[3] else None
        return match[0] if other is None else f"{match[1]}{match[2]}{other}{match[4]}"

    return _MEMBER.sub(exchanged, text)


def exchange(text: str, other: Callable[[str], str | None]) -> str:
    """The same JSON with each reference exchanged for which the function has another one."""

    def exchanged(match: re.Match[str]) -> str:
        key, colon, value = match.groups()
        if value is None or value[0] != '"' or json.loads(key) != "reference":
            return match[0]
        link = other(json.loads(value))
        return match[0] if link is None else f"{key}{colon}{json.dumps(link)}"

    return _MEMBER.sub(exchanged, text)


def criteria(text: str) -> list[str]:
    """The references that say what to look for instead of where it is: `Patient?identifier=...`, each once."""
    if "?" not in text:
        return []
    found: dict[str, None] = {}

    def noted(link: str) -> None:
        if _CRITERIA.fullmatch(link):
            found[link] = None

    exchange(text, noted)
    return list(found)


_LINKED: Final = URIS | {"reference", "div"}


def _other(quoted: str, name: str, links: Mapping[str, str]) -> str:
    link = json.loads(quoted)
    if name == "reference":
        other = links.get(link) or links.get(link.split("/_history/")[0])
    else:
        # A relative address in a uri is none of the entries, whatever it looks like.
        other = links.get(link) if ":" in link else None
    return quoted if other is None else json.dumps(other)
