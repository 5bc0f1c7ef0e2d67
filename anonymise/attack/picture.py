"""A finding as a picture: the published numbers that prove it as bars, and what they leave as the last one."""

from collections.abc import Callable

from anonymise.attack.findings import Finding
from anonymise.svg import Bar, bars

LABEL = 56
"""Characters of a label that fit beside each other on a phone."""


def picture(finding: Finding, *, say: Callable[[str], str] = str) -> str:
    """The derivation of a finding as SVG: each number with its sign, then the set that is left; `say` puts the words into
    another language."""
    items = [
        Bar(_short(f"{'− ' if step.sign < 0 else ''}{say(step.about)}"), say(step.says), step.number)
        for step in finding.derivation
    ]
    left = Bar(_short(say(finding.what)), say(finding.certain), finding.upper, finding.lower, finding.upper)
    told = f"{say(finding.what)}: {say(finding.certain)}; {say(finding.limit)}. {say(finding.conclusion)}"
    return bars([*items, left], title=say(finding.what), description=told)


def _short(text: str) -> str:
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"
