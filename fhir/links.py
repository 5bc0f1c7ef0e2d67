"""The references in a resource's JSON: found and exchanged in the bytes, without touching anything else.

Only the value of a key `reference` is a link; the same characters in an identifier, a text or a URL stay as they are.
https://hl7.org/fhir/R4/http.html#trules
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

# Every JSON string is matched in turn, so nothing inside a string can be taken for a key.
_MEMBER: Final = re.compile(r'("(?:[^"\\]++|\\.)*+")(?:(\s*:\s*)("(?:[^"\\]++|\\.)*+")?)?')


def rewrite(text: str, links: Mapping[str, str]) -> str:
    """The same JSON with each reference that is a key of `links` exchanged; a version after it is dropped with it."""
    if not links:
        return text
    return exchange(text, lambda link: links.get(link) or links.get(link.split("/_history/")[0]))


def exchange(text: str, other: Callable[[str], str | None]) -> str:
    """The same JSON with each reference exchanged for which the function has another one."""

    def exchanged(match: re.Match[str]) -> str:
        key, colon, value = match.groups()
        if value is None or json.loads(key) != "reference":
            return match[0]
        link = other(json.loads(value))
        return match[0] if link is None else f"{key}{colon}{json.dumps(link)}"

    return _MEMBER.sub(exchanged, text)
