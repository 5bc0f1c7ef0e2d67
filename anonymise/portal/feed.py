"""The Atom feed of releases."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr  # writes, parses nothing  # nosec B406

from anonymise.about import About
from anonymise.pages import texts

EPOCH = "1970-01-01T00:00:00+00:00"


def atom(releases: Sequence[About], *, base_url: str) -> bytes:
    """All releases, newest first."""
    updated = max((about.issued.isoformat() for about in releases), default=EPOCH)
    author = releases[-1].publisher.name if releases else texts("de").portal
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{escape(base_url)}/feed.atom</id><title>{escape(texts('de').portal)}</title><updated>{updated}</updated>",
        f"<author><name>{escape(author)}</name></author>",
        f'<link rel="self" href={quoteattr(base_url + "/feed.atom")}/>',
    ]
    for about in reversed(releases):
        address = f"{base_url}/datasets/{about.slug}/{about.release}/"
        lines.append(
            f"<entry><id>{escape(address)}</id><title>{escape(about.title.de)}, {escape(about.release)}</title>"
            f"<updated>{about.issued.isoformat()}</updated><link href={quoteattr(address)}/>"
            f"<summary>{escape(about.description.de)}</summary></entry>"
        )
    return "\n".join([*lines, "</feed>", ""]).encode()
