"""WebAuthn's two ceremonies by the library, narrowed to what is taken here: user verified, key resident, no attestation.

https://www.w3.org/TR/webauthn-3/ - attestation is not asked for: it would tell which device somebody has, and the
platform trusts any authenticator that verifies its user. The library loads OpenSSL's own bindings, a fifth of a second
at a start, so it is imported when it is first used (telemed/README.md, decision 4).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from infra.settings import Settings
from telemed.signin.challenges import from_text

log = structlog.get_logger()

NAME: Final = "Telemed"
TIMEOUT_MILLISECONDS: Final = 240_000
LONGEST_CREDENTIAL_ID: Final = 1023
# A key that nobody has: an unknown credential costs what a known one costs. P-256, ES256 (RFC 9053), the base point.
DECOY: Final = bytes.fromhex(
    "a5010203262001215820"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "225820"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


@dataclass(frozen=True, slots=True)
class Party:
    """The relying party: the host that passkeys are bound to, and the origin that they answer to."""

    id: str
    origin: str

    @classmethod
    def of(cls, settings: Settings) -> "Party":
        """The party that TELEMED_BASE_URL names. Passkeys refuse a bare address like 127.0.0.1."""
        address = urlsplit(settings.base_url)
        return cls(address.hostname or "", f"{address.scheme}://{address.netloc}")


@dataclass(frozen=True, slots=True)
class New:
    """A passkey that has just been made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What an authenticator's answer says of itself, unproven: which passkey, for whom, to which challenge."""

    credential_id: bytes
    handle: bytes
    challenge: bytes


def creation(party: Party, *, challenge: bytes, handle: bytes, label: str, known: Sequence[bytes]) -> dict[str, Any]:
    """What a browser needs to make a passkey, as JSON for its script."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.id,
        rp_name=NAME,
        user_id=handle,
        user_name=label,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
    )
    made: dict[str, Any] = json.loads(options_to_json(options))
    return made


def request(party: Party, *, challenge: bytes, known: Sequence[bytes] = ()) -> dict[str, Any]:
    """What a browser needs to use a passkey; without known ones the person chooses among those of this host."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    made: dict[str, Any] = json.loads(options_to_json(options))
    return made


def shown(answer: Mapping[str, Any]) -> Shown:
    """What the answer says of itself; empty parts where it says nothing readable."""
    response = answer.get("response")
    response = response if isinstance(response, dict) else {}
    try:
        client = json.loads(from_text(response.get("clientDataJSON")))
        said = client.get("challenge") if isinstance(client, dict) else None
    except (ValueError, RecursionError):
        said = None
    credential_id = from_text(answer.get("id"))
    return Shown(
        credential_id if len(credential_id) <= LONGEST_CREDENTIAL_ID else b"",
        from_text(response.get("userHandle")),
        from_text(said),
    )


def made(party: Party, answer: Mapping[str, Any], *, challenge: bytes) -> New | None:
    """The passkey that was made for this challenge; None if anything about it is not as it must be."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        log.info("passkey_refused", error=type(error).__name__)
        return None
    if len(found.credential_id) > LONGEST_CREDENTIAL_ID:
        return None
    return New(found.credential_id, found.credential_public_key, found.sign_count)


def used(
    party: Party, answer: Mapping[str, Any], *, challenge: bytes, public_key: bytes, sign_count: int
) -> int | None:
    """The authenticator's new count if the answer proves the key; None if not, or if the count has not grown."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        log.info("passkey_refused", error=type(error).__name__)
        return None
    return found.new_sign_count
