"""Security headers on every answer. A page that sets one of them itself keeps its own."""

from collections.abc import Mapping

HEADERS: Mapping[str, str] = {
    # An answer that is no page needs nothing; pages bring their own policy (telemed.pages).
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(), geolocation=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Assets with a content hash in their name say so themselves; everything else may be clinical.
    "Cache-Control": "no-store",
}
TRANSPORT = "max-age=63072000; includeSubDomains"
