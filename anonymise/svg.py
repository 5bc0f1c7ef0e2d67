"""Charts as SVG written by hand: no script, colours from the page's style sheet, text that stays readable on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 420
ROW: Final = 40
ROOM: Final = 60
"""Kept free at the right end for the number beside the longest bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its number as text, its length, and bounds where the number is an estimate."""

    label: str
    text: str
    value: float | None
    lower: float | None = None
    upper: float | None = None


def bars(items: Sequence[Bar], *, title: str, description: str) -> str:
    """A horizontal bar chart, the label above each bar; a bar without a number shows its text alone.

    Where there are bounds, a line runs from the lower to the upper one.
    """
    longest = max((max(bar.value or 0, bar.upper or 0) for bar in items), default=0) or 1
    scale = (WIDTH - ROOM) / longest
    height = ROW * len(items) + 4
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>",
    ]
    for number, bar in enumerate(items):
        parts.append(_bar(bar, ROW * number, scale))
    return "".join([*parts, "</svg>"])


def _bar(bar: Bar, top: int, scale: float) -> str:
    length = round((bar.value or 0) * scale, 1)
    label = f'<text class="label" x="0" y="{top + 15}">{escape(bar.label)}</text>'
    if bar.value is None:
        return f'{label}<text class="withheld" x="0" y="{top + 33}">{escape(bar.text)}</text>'
    shape = f'<rect class="bar" x="0" y="{top + 21}" width="{length}" height="14" rx="2"/>'
    bounds, end = "", length
    if bar.lower is not None and bar.upper is not None:
        low, high = round(bar.lower * scale, 1), round(bar.upper * scale, 1)
        ends = f"M{low} {top + 23}v10M{low} {top + 28}H{high}M{high} {top + 23}v10"
        bounds, end = f'<path class="bounds" d="{ends}"/>', max(length, high)
    number = f'<text class="number" x="{end + 6}" y="{top + 33}">{escape(bar.text)}</text>'
    return label + shape + bounds + number


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar in parts: its label, and the share of each part (together at most 1)."""

    label: str
    shares: tuple[float, ...]


def stacks(items: Sequence[Stack], *, title: str, description: str) -> str:
    """Horizontal bars in parts, the label above each; the first part is drawn darkest, the last one palest."""
    height = ROW * len(items) + 4
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>",
    ]
    for number, item in enumerate(items):
        parts.append(_stack(item, ROW * number))
    return "".join([*parts, "</svg>"])


def _stack(item: Stack, top: int) -> str:
    found = [f'<text class="label" x="0" y="{top + 15}">{escape(item.label)}</text>']
    start = 0.0
    for number, share in enumerate(item.shares):
        opacity = paleness(number, len(item.shares))
        x, width = round(start * WIDTH, 1), round(share * WIDTH, 1)
        found.append(
            f'<rect class="bar part" x="{x}" y="{top + 21}" width="{width}" height="14" fill-opacity="{opacity}"/>'
        )
        start += share
    return "".join(found)


def paleness(part: int, parts: int) -> float:
    """How opaque a part of a bar is drawn: the first 1, the last 0.12."""
    return round(1 - 0.88 * part / max(parts - 1, 1), 2)
