"""What a browser is called on a page that lists sessions: of a short list, so that nobody is singled out by it."""

from typing import Final

# The first that stands in the header counts: browsers name their ancestors, too.
PROGRAMS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def described(user_agent: str) -> str:
    """Program and system, like "Firefox, Linux"; empty for what is on neither list."""
    found = (next((name for mark, name in known if mark in user_agent), "") for known in (PROGRAMS, SYSTEMS))
    return ", ".join(part for part in found if part)
