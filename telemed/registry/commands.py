"""The commands of the registry: `telemed organization`, `telemed clinician`, `telemed client`."""

import asyncio
import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.problems import Problem
from infra.settings import loaded

if TYPE_CHECKING:
    from telemed.registry.service import Registered

organization = typer.Typer(help="The clinics and care services that take part.", no_args_is_help=True)
clinician = typer.Typer(help="The people who sign in to the console.", no_args_is_help=True)
client = typer.Typer(help="The clinics' systems that ask for tokens.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="The clinic: the id of its Organization.")]


class ConsoleRole(StrEnum):
    """What a clinician may be."""

    PHYSICIAN = "physician"
    NURSE = "nurse"
    COORDINATOR = "coordinator"
    RECEPTIONIST = "receptionist"
    PRIVACY_OFFICER = "privacy-officer"
    RELEASE_BOARD = "release-board"


class UnreadableKeys(Problem):
    """The file does not hold a JSON Web Key Set with public keys."""


@organization.command(name="add")
def add_organization(
    id: Annotated[str, typer.Argument(help="The tenant, and the id of its Organization.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
) -> None:
    """Register a clinic or care service."""
    from telemed.registry import service

    asyncio.run(service.add_organization(loaded(), id=id, name=name))
    typer.echo(f"{id} is registered.")


@organization.command(name="list")
def list_organizations() -> None:
    """The clinics and care services: id, name."""
    from telemed.registry import service

    for row in asyncio.run(service.organizations(loaded())):
        typer.echo(f"{row.id}  {row.about}")


@clinician.command(name="add")
def add_clinician(
    id: Annotated[str, typer.Argument(help="The id of the Practitioner.")],
    tenant: Tenant,
    family: Annotated[str, typer.Option(help="Family name.")],
    given: Annotated[str, typer.Option(help="Given name.")],
    role: Annotated[ConsoleRole, typer.Option(help="What they may do.")],
    subject: Annotated[str, typer.Option(help="Their account at TELEMED_OIDC_ISSUER, by its claim.")] = "",
    mail: Annotated[str, typer.Option(help="Where they are told of what concerns their role.")] = "",
) -> None:
    """Register somebody who works at a clinic."""
    from infra.caller import Role
    from telemed.registry import service

    work = service.add_clinician(
        loaded(), id=id, tenant=tenant, name=(family, given), role=Role(role.value), subject=subject, mail=mail
    )
    asyncio.run(work)
    typer.echo(f"{id} is registered.")


@clinician.command(name="invite")
def invite_clinician(id: Annotated[str, typer.Argument(help="The clinician.")]) -> None:
    """Print an address under which the clinician makes a passkey: once, within a day. Hand it to nobody else."""
    from telemed.registry import service

    typer.echo(asyncio.run(service.invite(loaded(), id=id)))


@clinician.command(name="link")
def link_clinician(
    id: Annotated[str, typer.Argument(help="The clinician.")],
    subject: Annotated[str, typer.Option(help="Their account at TELEMED_OIDC_ISSUER, by its claim.")],
) -> None:
    """Let somebody who is registered sign in with this account of the external identity provider."""
    from telemed.registry import service

    asyncio.run(service.link(loaded(), id=id, subject=subject))
    typer.echo(f"{id} is linked.")


@clinician.command(name="list")
def list_clinicians() -> None:
    """The clinicians: id, clinic, role, on or off."""
    from telemed.registry import service

    _show(asyncio.run(service.clinicians(loaded())))


@clinician.command(name="off")
def end_clinician(id: Annotated[str, typer.Argument(help="The clinician.")]) -> None:
    """Let somebody sign in no more; their sessions end at once."""
    from telemed.identity.models import Clinician
    from telemed.registry import service

    asyncio.run(service.switch_off(loaded(), kind=Clinician, id=id))
    typer.echo(f"{id} is off.")


@client.command(name="add")
def add_client(
    id: Annotated[str, typer.Argument(help="The client id.")],
    tenant: Tenant,
    scope: Annotated[list[str], typer.Option(help="What it may ask for, like system/*.cruds; may be given again.")],
    keys: Annotated[
        Path | None, typer.Option(help="A file with a JSON Web Key Set: public keys, each with a kid.")
    ] = None,
    keys_url: Annotated[str, typer.Option(help="The https address of such a set, instead of a file.")] = "",
    name: Annotated[str, typer.Option(help="Of an app: what people read when they are asked.")] = "",
    redirect: Annotated[
        list[str] | None, typer.Option(help="Of an app: where people are sent back to; may be given again.")
    ] = None,
    launch_url: Annotated[str, typer.Option(help="Of an app: where the console opens it.")] = "",
) -> None:
    """Register a clinic's system or app, or give it new keys, addresses and scopes. An app without keys is public."""
    from telemed.identity.clients import App
    from telemed.registry import service

    app = App(name, tuple(redirect or ()), launch_url) if name or redirect or launch_url else None
    jwks = _read_keys(keys) if keys is not None else None
    work = service.add_client(
        loaded(), id=id, tenant=tenant, scope=" ".join(scope), jwks=jwks, jwks_uri=keys_url, app=app
    )
    asyncio.run(work)
    typer.echo(f"{id} is registered.")


def _read_keys(file: Path) -> dict[str, Any]:
    try:
        jwks = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise UnreadableKeys("There is no file at the path of --keys.") from None
    except OSError:
        raise UnreadableKeys("The file at the path of --keys can't be read by this account.") from None
    except ValueError:
        raise UnreadableKeys("The file is not JSON. Make a JSON Web Key Set of the public key, not a PEM.") from None
    if not isinstance(jwks, dict):
        raise UnreadableKeys
    return jwks


@client.command(name="list")
def list_clients() -> None:
    """The systems: id, clinic, scopes, on or off."""
    from telemed.registry import service

    _show(asyncio.run(service.clients(loaded())))


@client.command(name="off")
def end_client(id: Annotated[str, typer.Argument(help="The client id.")]) -> None:
    """Give a system or app no more tokens; those that it has end within ten seconds."""
    from telemed.identity.models import OAuthClient
    from telemed.registry import service

    asyncio.run(service.switch_off(loaded(), kind=OAuthClient, id=id))
    typer.echo(f"{id} is off.")


def _show(rows: "Sequence[Registered]") -> None:
    for row in rows:
        typer.echo(f"{row.id}  {row.tenant}  {row.about}  {'on' if row.active else 'off'}")
