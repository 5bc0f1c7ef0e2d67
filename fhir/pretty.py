"""JSON laid out for reading: white space only, every other byte stays."""

import re
from typing import Final

INDENT: Final = "  "

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)


def pretty(body: bytes) -> bytes:
    """The same JSON with a line for each member and item."""
    pieces: list[str] = []
    depth, before = 0, ""
    for match in _TOKEN.finditer(body.decode()):
        token = match[0]
        if token in ("}", "]"):
            depth -= 1
            pieces.append(token if before in ("{", "[") else _line(depth) + token)
        else:
            pieces.append(_line(depth) + token if before in ("{", "[", ",") else token)
            depth += token in ("{", "[")
        if token == ":":
            pieces.append(" ")
        before = token
    return "".join(pieces).encode()


def _line(depth: int) -> str:
    return "\n" + INDENT * depth
