"""A finding as a picture: the published numbers that prove it as bars, and what they leave as the last one."""

from anonymise.attack.findings import Finding
from anonymise.svg import Bar, bars

LABEL = 56
"""Characters of a label that fit beside each other on a phone."""


def picture(finding: Finding) -> str:
    """The derivation of a finding as SVG: each number with its sign, then the set that is left."""
    items = [
        Bar(_short(f"{'less ' if step.sign < 0 else ''}{step.about}"), step.says, step.number)
        for step in finding.derivation
    ]
    left = Bar(_short(finding.what), finding.certain, finding.upper, finding.lower, finding.upper)
    return bars([*items, left], title=finding.what, description=f"{finding}. {finding.conclusion}")


def _short(text: str) -> str:
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"
