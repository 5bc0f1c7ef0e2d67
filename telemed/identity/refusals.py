"""Why nobody is known behind a request, told apart as RFC 6750 (3, 3.1) does, and where a token is to be had.

What was sent is never repeated: a token that is refused here may be good elsewhere.
"""

from infra.problems import NotFound, Unauthorized
from infra.settings import Settings

CHALLENGE = 'Bearer realm="telemed"'
INVALID = "The token is not one of this server, or no longer valid"


class NotSignedIn(Unauthorized):
    """No valid sign-in or token came with the request."""


class NoSuchSignIn(NotFound):
    """This sign-in link is not valid here."""


class StaleSignIn(NoSuchSignIn):
    """This sign-in link is of an earlier demo. Take a new one from the start page."""


def nothing_sent(settings: Settings) -> NotSignedIn:
    """The refusal of a request without a token or a sign-in; no error code, as nothing was wrong with one."""
    return _refusal(settings, "The request has no token, and no sign-in to the console that holds")


def other_scheme(settings: Settings) -> NotSignedIn:
    """The refusal of a request with credentials that are no bearer token; no error code either, as RFC 6750 3.1 says."""
    return _refusal(settings, "The header Authorization must be Bearer and a token; nothing else is taken")


def invalid_token(settings: Settings) -> NotSignedIn:
    """The refusal of a token that is not valid here now."""
    return _refusal(settings, INVALID, f', error="invalid_token", error_description="{INVALID}"')


def _refusal(settings: Settings, why: str, error: str = "") -> NotSignedIn:
    where = f"{settings.base_url.rstrip('/')}/fhir/.well-known/smart-configuration"
    text = f"{why}. {where} names the address that gives tokens to registered systems."
    return NotSignedIn(text, headers={"WWW-Authenticate": f"{CHALLENGE}{error}"})
