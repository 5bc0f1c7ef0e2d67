"""Security headers on every answer. A page that sets one of them itself keeps its own."""

from collections.abc import Mapping
from typing import Final

NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The content security policy of what is no page; pages bring their own (telemed.pages)."""

SCRIPTS: Final = NOTHING.replace(";", "; script-src 'self';", 1)
"""That of a script: a worker's imports are ruled by the header of its own file, which Firefox keeps to."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": NOTHING,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(), geolocation=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Assets with a content hash in their name say so themselves; everything else may be clinical.
    "Cache-Control": "no-store",
}
TRANSPORT = "max-age=63072000; includeSubDomains"
