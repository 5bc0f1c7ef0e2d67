"""The browser before it is signed in: a secret of its own for ten minutes, and where it wanted to go."""

import base64
import secrets
from datetime import timedelta
from typing import Final

from fastapi import Request, Response

from infra.settings import Settings
from telemed.identity.sessions import LONGEST_SECRET, SECRET_BYTES
from telemed.signin.challenges import from_text

LASTS: Final = timedelta(minutes=10)
HOME: Final = "/console"
# An authorisation request of an app (RFC 6749 4.1.1) brings its scopes, state and challenge along; a cookie holds 4 kB.
LONGEST_PATH: Final = 2000
# Where people are asked who they are: the console, and the page on which they let an app in.
OURS: Final = (HOME, "/oauth/authorize")


def local_path(asked: str) -> str:
    """The path if it is one that asks for a sign-in, else the console's first page.

    Nothing that a browser could read as another host: two slashes, a backslash, a control character.
    """
    is_ours = any(asked == home or asked.startswith((f"{home}/", f"{home}?")) for home in OURS)
    is_plain = asked.isascii() and asked.isprintable() and "\\" not in asked and "//" not in asked
    return asked if is_ours and is_plain and len(asked) <= LONGEST_PATH else HOME


def cookie_name(settings: Settings) -> str:
    """The cookie's name; under TLS with the prefix that binds it to this host."""
    return "__Host-telemed_begin" if settings.is_tls else "telemed_begin"


def secret_of(request: Request, settings: Settings) -> str:
    """The secret of this browser; empty if it has not begun to sign in."""
    return request.cookies.get(cookie_name(settings), "").partition(".")[0][:LONGEST_SECRET]


def wanted_path(request: Request, settings: Settings) -> str:
    """Where this browser wanted to go when it began."""
    kept = request.cookies.get(cookie_name(settings), "").partition(".")[2]
    return local_path(from_text(kept).decode("ascii", "replace"))


def begun(request: Request, settings: Settings) -> str:
    """The secret of this browser, a new one where it has none; `remember` puts it into the answer."""
    return secret_of(request, settings) or secrets.token_urlsafe(SECRET_BYTES)


def remember(response: Response, settings: Settings, *, secret: str, path: str = HOME) -> None:
    """Nothing; the browser has its secret. Lax, not Strict: the answer of another house comes by a link."""
    kept = base64.urlsafe_b64encode(path.encode()).rstrip(b"=").decode()
    response.set_cookie(
        cookie_name(settings),
        f"{secret}.{kept}",
        max_age=int(LASTS.total_seconds()),
        secure=settings.is_tls,
        httponly=True,
        samesite="lax",
    )
