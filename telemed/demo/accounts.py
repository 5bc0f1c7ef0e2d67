"""Who may use the demo: clinicians with one-click sign-ins, and two clinics' systems with keys of their own."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

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

    def unit(session: Session) -> list[str]:
        tokens = []
        for id in BOARD:
            session.merge(Account(id=id, tenant=CLINICS[0].id, practitioner_id=id, role=Role.RELEASE_BOARD.value))
            session.flush()
            tokens.append(make_sign_in_link(session, services.vault, clinician_id=id))
        return tokens

    for id, family in BOARD.items():
        body = {"resourceType": "Practitioner", "id": id, "name": [{"family": family, "given": ["Gremia"]}]}
        parsed = Parsed("Practitioner", body, msgspec.json.encode(body))
        create = partial(services.store.create, caller=platform(CLINICS[0].id), parsed=parsed, id=id)
        with suppress(IdTaken):  # at every start but the first
            await services.database.write(create)
    tokens = await services.database.write(unit)
    base, role = services.settings.base_url.rstrip("/"), Role.RELEASE_BOARD.value
    return tuple(
        SignIn(f"Gremia {family}", role, id, CLINICS[0].id, f"{base}/console/sign-in/{token}")
        for (id, family), token in zip(BOARD.items(), tokens, strict=True)
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
