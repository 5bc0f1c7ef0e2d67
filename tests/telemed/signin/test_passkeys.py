"""What a passkey's answer has to be, what is kept of it, and what its owner may do with it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select
from webauthn.helpers import decode_credential_public_key

from infra.clock import FixedClock
from infra.database import Database, Session
from infra.vault import Vault
from telemed.identity.models import Clinician
from telemed.signin import ceremony, passkeys
from telemed.signin.challenges import Attempt, Purpose, as_text, issue
from telemed.signin.models import Passkey
from telemed.signin.passkeys import EmbeddedProvider, LastPasskey, TooManyPasskeys
from telemed.signin.provider import SignInRefused
from tests.telemed.signin.authenticator import ATTESTED, PRESENT, VERIFIED, Authenticator, text
from tests.telemed.signin.people import PARTY, clinician, passkey_of, registered

SIGN_IN = Attempt("browser", Purpose.SIGN_IN)
Bend = Callable[[Authenticator], Any]


@pytest.fixture
async def provider(database: Database, vault: Vault, clock: FixedClock) -> EmbeddedProvider:
    await registered(database, clinician("anke"), clinician("bert"))
    return EmbeddedProvider(database, vault, party=PARTY, clock=clock)


BENT: dict[str, Bend] = {
    "user not verified": lambda device: setattr(device, "flags", PRESENT),
    "nobody there": lambda device: setattr(device, "flags", VERIFIED),
    "another page": lambda device: setattr(device, "origin", "http://localhost.evil.example:8000"),
    "another port": lambda device: setattr(device, "origin", "http://localhost:8001"),
    "another host's key": lambda device: setattr(device, "rp_id", "evil.example"),
    "another key": lambda device: setattr(device, "key", Authenticator("").key),
    "another person's handle": lambda device: setattr(device, "handle", b"0123456789abcdef"),
    "a count that went back": lambda device: setattr(device, "count", 3),
    "a count that stood still": lambda device: setattr(device, "count", 6),
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
async def test_an_answer_that_is_not_as_it_must_be_is_refused(
    provider: EmbeddedProvider, database: Database, vault: Vault, clock: FixedClock, bend: Bend
) -> None:
    device = await passkey_of(database, vault, "anke", now=clock.now())
    device.count = 6
    await provider.finish(SIGN_IN, device.get((await provider.begin(SIGN_IN))["publicKey"]))

    bend(device)

    with pytest.raises(SignInRefused):
        await provider.finish(SIGN_IN, device.get((await provider.begin(SIGN_IN))["publicKey"]))


async def test_an_unknown_passkey_costs_the_check_of_a_known_one(
    provider: EmbeddedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bytes] = []
    real = ceremony.used

    def used(*arguments: Any, public_key: bytes, **more: Any) -> int | None:
        checked.append(public_key)
        return real(*arguments, public_key=public_key, **more)

    monkeypatch.setattr(ceremony, "used", used)
    with pytest.raises(SignInRefused):
        await provider.finish(SIGN_IN, Authenticator(PARTY.origin).get((await provider.begin(SIGN_IN))["publicKey"]))

    assert checked == [ceremony.DECOY]
    assert decode_credential_public_key(ceremony.DECOY).alg == -7


async def test_an_answer_with_no_count_counts_again_and_again(
    provider: EmbeddedProvider, database: Database, vault: Vault, clock: FixedClock
) -> None:
    device = await passkey_of(database, vault, "anke", now=clock.now())

    for _ in range(2):
        device.count = -1  # synchronised passkeys always say 0 (WebAuthn 3, 6.1.1)
        found = await provider.finish(SIGN_IN, device.get((await provider.begin(SIGN_IN))["publicKey"]))
        assert found.clinician_id == "anke"


async def test_a_passkey_made_without_verifying_its_user_is_not_taken(vault: Vault, clock: FixedClock) -> None:
    challenge = issue(vault, Attempt("b", Purpose.ENROL, "anke"), now=clock.now())
    options = {"challenge": as_text(challenge), "user": {"id": text(b"x")}}

    taken = [
        ceremony.made(PARTY, Authenticator(PARTY.origin, flags=flags).create(options), challenge=challenge)
        for flags in (PRESENT | VERIFIED, PRESENT, ATTESTED)
    ]

    assert [each is not None for each in taken] == [True, False, False]


async def test_the_browser_is_asked_for_a_resident_key_and_a_verified_user(
    provider: EmbeddedProvider, vault: Vault
) -> None:
    asked = (await provider.begin(SIGN_IN))["publicKey"]
    new = ceremony.creation(PARTY, challenge=b"c" * 56, handle=b"h", label="Anke", known=[b"k"])

    assert (asked["userVerification"], asked["rpId"], asked.get("allowCredentials", [])) == (
        "required",
        "localhost",
        [],
    )
    chosen = new["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"], new["attestation"]) == ("required", "required", "none")
    assert [each["id"] for each in new["excludeCredentials"]] == [text(b"k")]


async def test_only_the_public_key_is_kept_and_its_name_is_sealed(
    provider: EmbeddedProvider, database: Database, vault: Vault, clock: FixedClock
) -> None:
    device = await passkey_of(database, vault, "anke", now=clock.now())

    [row] = await database.read(lambda session: list(session.exec(select(Passkey))))

    private = device.key.private_numbers().private_value.to_bytes(32)
    assert private not in b"".join(part for part in row.model_dump().values() if isinstance(part, bytes))
    assert b"Phone" not in row.name
    assert ceremony.DECOY[:10] == row.public_key[:10]


async def test_the_last_passkey_stays_however_many_are_removed_at_once(
    provider: EmbeddedProvider, database: Database, vault: Vault, clock: FixedClock
) -> None:
    for _ in range(4):
        await passkey_of(database, vault, "anke", now=clock.now())
    anke = clinician("anke")
    mine = await database.read(lambda session: passkeys.listed(session, vault, clinician=anke))

    def removal(id: str) -> Callable[[Session], None]:
        return lambda session: passkeys.remove(session, clinician_id="anke", id=id)

    ended = await asyncio.gather(*(database.write(removal(each.id)) for each in mine), return_exceptions=True)

    assert [type(each) for each in ended if each is not None] == [LastPasskey]


async def test_nobody_names_or_removes_another_ones_passkey(
    provider: EmbeddedProvider, database: Database, vault: Vault, clock: FixedClock
) -> None:
    for _ in range(2):
        await passkey_of(database, vault, "anke", now=clock.now())
        await passkey_of(database, vault, "bert", now=clock.now())

    def unit(session: Session) -> list[str]:
        anke, bert = session.get_one(Clinician, "anke"), session.get_one(Clinician, "bert")
        for each in passkeys.listed(session, vault, clinician=anke):
            passkeys.rename(session, vault, clinician=bert, id=each.id, name="Mine")
            passkeys.remove(session, clinician_id="bert", id=each.id)
        return [each.name for each in passkeys.listed(session, vault, clinician=anke)]

    assert await database.write(unit) == ["Phone", "Phone"]


async def test_an_eleventh_passkey_is_refused(
    provider: EmbeddedProvider, database: Database, vault: Vault, clock: FixedClock
) -> None:
    for _ in range(passkeys.MOST_PASSKEYS):
        await passkey_of(database, vault, "anke", now=clock.now())

    with pytest.raises(TooManyPasskeys):
        await passkey_of(database, vault, "anke", now=clock.now())
