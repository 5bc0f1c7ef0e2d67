"""Who may use the demo: clinicians with one-click sign-ins, and two clinics' systems with keys of their own."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from joserfc.jwk import ECKey, RSAKey
from sqlmodel import Session, delete

from fhir.codec import Parsed
from fhir.store import IdTaken
from infra.caller import Role
from telemed.demo.clinics import CLINICS, Clinician
from telemed.demo.describe import BackendClient, SignIn
from telemed.demo.files import Folder, write_whole
from telemed.identity.clients import register
from telemed.identity.models import Clinician as Account
from telemed.identity.models import SignInLink
from telemed.identity.sessions import make_sign_in_link
from telemed.schedules.calendar import platform
from telemed.services import Services

SCOPE: Final = "system/*.cruds"
ALGORITHMS: Final = ("ES384", "RS384")
BOARD: Final = {"demo-board-1": "Prüfmeister", "demo-board-2": "Gegenblick"}
"""Who approves statistics in the demo: two invented people."""
OFFICERS_MAIL: Final = "%s@datenschutz.example"


async def sign_ins(services: Services, clinicians: tuple[Clinician, ...]) -> tuple[SignIn, ...]:
    """A one-click sign-in for each clinician; those of an earlier start stop working."""

    def unit(session: Session) -> list[str]:
        session.exec(delete(SignInLink))
        tokens = []
        for clinician in clinicians:
            session.merge(
                Account(
                    id=clinician.id, tenant=clinician.clinic.id, practitioner_id=clinician.id, role=clinician.role.value
                )
            )
            session.flush()
            tokens.append(make_sign_in_link(session, services.vault, clinician_id=clinician.id))
        return tokens

    tokens = await services.database.write(unit)
    base = services.settings.base_url.rstrip("/")
    return tuple(
        SignIn(
            clinician.name, clinician.role.value, clinician.id, clinician.clinic.id, f"{base}/console/sign-in/{token}"
        )
        for clinician, token in zip(clinicians, tokens, strict=True)
    )


async def board(services: Services) -> tuple[SignIn, ...]:
    """One-click sign-ins for two members of the release board; run it after `sign_ins`, which takes earlier ones away."""
    people = [_Person(id, CLINICS[0].id, "Gremia", family) for id, family in BOARD.items()]
    return await _beside_care(services, people, role=Role.RELEASE_BOARD)


async def officers(services: Services) -> tuple[SignIn, ...]:
    """The same for a privacy officer of each clinic, whose mails go to the outbox like all."""
    people = [
        _Person(
            clinic.id.replace("clinic", "officer"), clinic.id, "Wache", f"Geheimnisberg-{clinic.id[-2:]}", OFFICERS_MAIL
        )
        for clinic in CLINICS
    ]
    return await _beside_care(services, people, role=Role.PRIVACY_OFFICER)


class _Person(NamedTuple):
    """Somebody invented who treats nobody."""

    id: str
    clinic: str
    given: str
    family: str
    mail: str = ""


async def _beside_care(services: Services, people: Sequence[_Person], *, role: Role) -> tuple[SignIn, ...]:
    def unit(session: Session) -> list[str]:
        tokens = []
        for each in people:
            session.merge(Account(id=each.id, tenant=each.clinic, practitioner_id=each.id, role=role.value))
            session.flush()
            tokens.append(make_sign_in_link(session, services.vault, clinician_id=each.id))
        return tokens

    for each in people:
        body: dict[str, object] = {
            "resourceType": "Practitioner",
            "id": each.id,
            "name": [{"family": each.family, "given": [each.given]}],
        }
        if each.mail:
            body["telecom"] = [{"system": "email", "use": "work", "value": each.mail % each.id}]
        parsed = Parsed("Practitioner", body, msgspec.json.encode(body))
        create = partial(services.store.create, caller=platform(each.clinic), parsed=parsed, id=each.id)
        with suppress(IdTaken):  # at every start but the first
            await services.database.write(create)
    tokens = await services.database.write(unit)
    base = services.settings.base_url.rstrip("/")
    return tuple(
        SignIn(f"{each.given} {each.family}", role.value, each.id, each.clinic, f"{base}/console/sign-in/{token}")
        for each, token in zip(people, tokens, strict=True)
    )


async def backend_clients(services: Services, folder: Folder) -> tuple[BackendClient, ...]:
    """The systems of the first two clinics, registered; their private keys lie in the demo's folder."""
    made = []
    for clinic, algorithm in zip(CLINICS, ALGORITHMS, strict=False):
        client_id = f"{clinic.id}-system"
        file = folder.clients / f"{client_id}.pem"
        public = _public_key(file, algorithm=algorithm)
        kid = public["kid"]

        def unit(session: Session, client_id: str = client_id, tenant: str = clinic.id, jwk: object = public) -> None:
            now = services.system_clock.now()
            register(session, client_id=client_id, tenant=tenant, jwks={"keys": [jwk]}, scope=SCOPE, now=now)

        await services.database.write(unit)
        token_url = f"{services.settings.base_url.rstrip('/')}/oauth/token"
        made.append(BackendClient(clinic.id, client_id, str(file.resolve()), kid, algorithm, token_url, SCOPE))
    return tuple(made)


def _public_key(file: Path, *, algorithm: str) -> dict[str, str]:
    """The public half of the key in the file, which is made if it is not there.

    The half lies beside it: to read the private one again tests its primes, an eighth of a second at every start.
    """
    public = file.with_suffix(".jwk")
    if not file.exists() or not public.exists():
        new = ECKey.generate_key("P-384") if algorithm == "ES384" else RSAKey.generate_key(3072)
        told = {**new.as_dict(private=False), "kid": new.thumbprint(), "use": "sig", "alg": algorithm}
        write_whole(file, new.as_pem(private=True))
        write_whole(public, msgspec.json.encode(told))
    return msgspec.json.decode(public.read_bytes(), type=dict[str, str])
