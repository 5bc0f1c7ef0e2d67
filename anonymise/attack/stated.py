"""What a release says about itself beside its numbers: its public report and its coverage. Read as an attacker would.

The figures of `audit.json` must follow from the other files, and shares of persons must stand on a scale of which every
step holds more than k persons; otherwise they tell something that no block and no group tells.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from anonymise.attack.findings import Finding, Step
from anonymise.problems import InputInvalid
from anonymise.rule import Rule

STATED: Final = "audit.json"
STEPS: Final = (0.05, 0.1, 0.2, 0.25, 0.5)
SHARES: Final = ("permitted", "known")
SURE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class About:
    """The report of a release as it was read (None without one), its coverage, and the persons it says it is about."""

    report: Mapping[str, Any] | None
    coverage: Mapping[str, Any]
    persons: int


NOTHING: Final = About(None, {}, 0)
"""A release that says nothing about itself."""


def about_itself(files: Mapping[str, bytes], about: Mapping[str, Any]) -> About:
    """What the files of a release say about it; a report that is no JSON is refused."""
    try:
        report = json.loads(files[STATED]) if STATED in files else None
    except ValueError as error:
        raise InputInvalid(f"{STATED} is no JSON: it may be cut off.") from error
    return About(report, about.get("coverage") or {}, int(about.get("persons", 0)))


def says_otherwise(name: str, about: About, counted: Mapping[str, Any], *, rule: Rule) -> tuple[Finding, ...]:
    """Every figure about a release that does not follow from its files; `counted` are those that do."""
    return (*_figures(name, about.report, counted), *_shares(name, about, rule=rule))


def _figures(name: str, report: Mapping[str, Any] | None, counted: Mapping[str, Any]) -> Iterator[Finding]:
    stated, known = dict(_flat(report or {})), dict(_flat(counted))
    for place, figure in stated.items():
        if known.get(place) != figure:
            says = str(known[place]) if place in known else "nothing"
            yield _more(name, STATED, place, str(figure), f"the other files say {says}")


def _shares(name: str, about: About, *, rule: Rule) -> Iterator[Finding]:
    step = next((step for step in STEPS if step * about.persons >= rule.k + 1), None)
    for place, share in _flat({each: about.coverage.get(each) for each in SHARES}):
        if share is None:
            continue
        if step is None or not isinstance(share, int | float) or abs(share / step - round(share / step)) > SURE:
            scale = "no share of so few" if step is None else f"steps of {step:.0%}"
            yield _more(name, "about.json", f"coverage.{place}", str(share), f"the rule leaves {scale}")


def _flat(found: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _more(name: str, file: str, place: str, figure: str, leaves: str) -> Finding:
    step = Step(f"{name}, {file}", place, figure)
    return Finding(
        "more", (name,), place, 0, 0, leaves, derivation=(step,),
        conclusion="So this figure tells what no block and no group tells.",
    )  # fmt: skip
