"""What an identity provider promises, whoever it is; both implementations pass the same contract tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from infra.problems import NotFound, Unauthorized
from telemed.identity.sessions import Proof
from telemed.signin.challenges import Attempt


class SignInRefused(Unauthorized):
    """This did not sign you in. Try again from the sign-in page, or ask whoever runs this platform."""


class OtherProvider(NotFound):
    """There is nothing here that you may see."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Who it is, when they were verified as a person, and by what."""

    clinician_id: str
    at: datetime
    proof: Proof


class IdentityProvider(Protocol):
    """Finds out who sits before a browser, in two steps with the browser's part between them."""

    async def begin(self, attempt: Attempt) -> Mapping[str, Any]:
        """What the browser needs for its part: `publicKey` for its authenticator, or the `location` to go to."""
        ...

    async def finish(self, attempt: Attempt, answer: Mapping[str, Any]) -> Verified:
        """Who it is; `SignInRefused` for whatever does not prove it, with the same words whatever was wrong.

        An answer counts once, in the browser that began, within five minutes. For a step-up it must be the clinician
        of the attempt, verified in the last five minutes.
        """
        ...
