"""What an attack found, for people and for programs. The inner report names places; the public one never does."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from anonymise.attack.findings import EXPLAINED, Finding
from anonymise.attack.run import Attack


def as_json(attack: Attack) -> dict[str, Any]:
    """The inner report for programs."""
    return {
        "releases": list(attack.releases),
        "columns": attack.columns,
        "programmes": attack.programmes,
        "withstood": not attack.findings,
        "findings": [_finding(each) for each in attack.findings],
    }


def public(attack: Attack) -> list[dict[str, object]]:
    """What may be said in public: each kind of attack and whether the releases withstood, without a place or a number."""
    return [{"attack": text, "withstood": withstood} for text, withstood in attack.public().items()]


def show(attack: Attack, console: Console, *, derived: int) -> None:
    """Print the inner report: how many findings of each kind, then the first with their derivation."""
    console.print(
        f"{len(attack.releases)} releases, {attack.columns} unknown numbers, "
        f"{attack.programmes.get('linear', 0)} linear and {attack.programmes.get('integer', 0)} integer programmes"
    )
    if not attack.findings:
        console.print("nothing found")
        return
    table = Table("found", "kind", "what it means")
    for kind, number in Counter(finding.kind for finding in attack.findings).items():
        table.add_row(str(number), kind, EXPLAINED[kind])
    console.print(table)
    for finding in [f for f in attack.findings if f.derivation][:derived]:
        console.print(f"[bold]{finding.kind}[/]: {finding}", soft_wrap=True)
        for step in finding.derivation:
            console.print(f"  {'less' if step.sign < 0 else '    '} {step}", soft_wrap=True)
        console.print(f"  {finding.conclusion}", soft_wrap=True)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "releases": list(finding.releases),
        "set": finding.what,
        "lower": finding.lower,
        "upper": finding.upper,
        "of": finding.of,
        "limit": finding.limit,
        "derivation": [{"where": s.where, "set": s.about, "says": s.says, "sign": s.sign} for s in finding.derivation],
        "conclusion": finding.conclusion,
    }
