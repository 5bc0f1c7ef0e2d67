"""What a start refuses: conveniences of the demo and careless settings have no place in production."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import structlog
from sqlmodel import Session, select

from infra.database import Database, open_database, sqlite_file
from infra.problems import Problem
from infra.queue import redis_pool
from infra.rates.peers import networks_from
from infra.revision import newest_revision, present_revision
from infra.settings import Settings
from infra.vault import DataKey, FileKeyProvider, Vault, key_provider
from infra.vault.destroyed import DestroyedList
from infra.vault.state import require_fitting
from telemed.access.net import is_bypassed
from telemed.gate import rates_of
from telemed.identity.models import SignInLink
from telemed.notices.addresses import is_mail
from telemed.signin.metadata import is_safe
from video.ice import ice_from

log = structlog.get_logger()

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PLACEHOLDERS = ("phone", "mail_sender")


class StartRefused(Problem):
    """The service does not start like this."""

    status = 503


def refuse_settings(settings: Settings) -> None:
    """Nothing; raises `StartRefused` with the first thing in the settings that is unsafe outside the demo."""
    address = urlsplit(settings.base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise StartRefused("TELEMED_BASE_URL must be the address that browsers use, like https://telemed.example.")
    try:
        ice_from(settings.ice_addresses, settings.ice_secret)
    except ValueError as error:
        raise StartRefused(f"TELEMED_ICE_SERVERS: {error}") from None
    try:
        networks_from(settings.outgoing_networks)
    except ValueError as error:
        raise StartRefused(f"TELEMED_OUTGOING_NETWORKS: {error}") from None
    try:
        networks_from(settings.trusted_proxies)
    except ValueError as error:
        raise StartRefused(f"TELEMED_TRUSTED_PROXIES: {error}") from None
    try:
        rates_of(settings)
    except ValueError as error:
        raise StartRefused(str(error)) from None
    _refuse_provider(settings)
    _refuse_mail(settings)
    if settings.is_demo:
        return
    if not settings.is_tls and address.hostname not in LOOPBACK:
        raise StartRefused("TELEMED_BASE_URL must begin with https:// in production.")
    if settings.demo_now is not None:
        raise StartRefused("TELEMED_DEMO_NOW moves the clock and is for the demo only. Remove it.")
    if settings.ice_loopback:
        raise StartRefused("TELEMED_ICE_LOOPBACK is for the demo only. Remove it.")


def _refuse_mail(settings: Settings) -> None:
    if settings.smtp_url and not _is_mail_server(settings.smtp_url):
        raise StartRefused(
            "TELEMED_SMTP_URL must be like smtp://user:password@mail.example:587, or begin with smtps://."
        )
    if not is_mail(settings.mail_sender):
        raise StartRefused("TELEMED_MAIL_SENDER must be a mail address, like termin@praxis.example.")
    if settings.privacy_mail and not is_mail(settings.privacy_mail):
        raise StartRefused("TELEMED_PRIVACY_MAIL must be a mail address, like datenschutz@praxis.example.")


def _is_mail_server(url: str) -> bool:
    try:
        server = urlsplit(url)
        return server.scheme in ("smtp", "smtps") and bool(server.hostname) and server.port != 0
    except ValueError:
        return False


def _refuse_provider(settings: Settings) -> None:
    if not settings.oidc_issuer:
        return
    if not is_safe(settings.oidc_issuer, issuer=settings.oidc_issuer):
        raise StartRefused("TELEMED_OIDC_ISSUER must begin with https:// (plain http on a loopback only).")
    if not settings.oidc_client_id:
        raise StartRefused("TELEMED_OIDC_ISSUER needs TELEMED_OIDC_CLIENT_ID, the id that its provider gave us.")
    file = settings.oidc_client_secret_file
    if file is not None and (not file.is_file() or file.stat().st_mode & 0o077):
        raise StartRefused("TELEMED_OIDC_CLIENT_SECRET_FILE must be a file of mode 0600.")


def placeholders(settings: Settings) -> list[str]:
    """The variables that patients would see and that still have the value they are shipped with."""
    if settings.is_demo:
        return []
    fields = type(settings).model_fields
    return [f"TELEMED_{name.upper()}" for name in PLACEHOLDERS if getattr(settings, name) == fields[name].default]


async def refuse_database(settings: Settings, database: Database) -> None:
    """Nothing; raises `StartRefused` if the database holds what only a demo may hold."""
    if settings.is_demo:
        return
    if await database.read(_has_sign_in_link):
        raise StartRefused("The database holds one-click sign-ins of a demo. Production needs a database of its own.")


def _has_sign_in_link(session: Session) -> bool:
    return session.exec(select(SignInLink.clinician_id).limit(1)).first() is not None


async def preflight(settings: Settings) -> None:
    """Nothing; raises a `Problem` that says what keeps the service from starting.

    Looked at are the settings, the keys, the tables and what they hold, and the queue.
    """
    refuse_settings(settings)
    if left := placeholders(settings):
        log.warning("placeholder_settings", kind=",".join(left))
    await make_first_keys(settings)
    vault = Vault(key_provider(settings))
    await require_tables(settings)
    await make_first_list(settings, vault)
    await require_keys(settings, vault)
    await (await redis_pool(settings.redis_url)).aclose()


async def make_first_keys(settings: Settings) -> None:
    """Nothing; at a first start there is a key file. `StartRefused` beside a record that other keys have sealed."""
    await refuse_lost_keys(settings)
    if settings.key_provider == "file" and not settings.keys.exists():
        FileKeyProvider(settings.keys)


async def make_first_list(settings: Settings, vault: Vault) -> None:
    """Nothing; before anything is sealed there is an empty list of destroyed keys. Later, one that is gone was lost."""
    listed = DestroyedList(settings.destroyed_keys, vault.provider)
    if listed.is_there():
        return
    async with opened(settings.database) as database:
        if await database.read(holds_keys):
            log.error("destroyed_keys_list_missing")
        else:
            await asyncio.to_thread(listed.make)


async def refuse_lost_keys(settings: Settings) -> None:
    """Nothing; `StartRefused` if there is no key file, and a record that was sealed with the one that is gone."""
    if settings.key_provider != "file" or settings.keys.exists():
        return
    file = sqlite_file(settings.database)
    if file is not None and not file.exists():
        return
    async with opened(settings.database) as database:
        if await present_revision(database) is not None and await database.read(holds_keys):
            raise StartRefused(
                f"The key file {settings.keys} is gone, and the database holds what its keys have sealed. Put your copy there."
            )


def holds_keys(session: Session) -> bool:
    """True if data keys have sealed something here."""
    return session.exec(select(DataKey.id).limit(1)).first() is not None


async def require_tables(settings: Settings) -> None:
    """Nothing; raises `StartRefused` unless the tables are of this version and hold what they may."""
    async with with_tables(settings) as database:
        await refuse_database(settings, database)
        if not settings.is_demo and await database.read(is_bypassed):
            log.warning("row_security_bypassed")


async def require_keys(settings: Settings, vault: Vault) -> None:
    """Nothing; raises `KeysUnusable` unless the keys open what is stored and the list of destroyed ones is sound."""
    DestroyedList(settings.destroyed_keys, vault.provider).entries()
    async with opened(settings.database) as database:
        await database.read(partial(require_fitting, vault=vault))


@asynccontextmanager
async def with_tables(settings: Settings) -> AsyncIterator[Database]:
    """The database with tables of this version, else `StartRefused`; none is made where there is none."""
    file = sqlite_file(settings.database)
    if file is not None and not file.exists():
        # Opening a file that is not there makes it.
        raise StartRefused(
            f"There is no database at {file}. Is TELEMED_DATA_DIR set? If so, run `telemed migrate` to make one."
        )
    async with opened(settings.database) as database:
        await _refuse_other_tables(database)
        yield database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database at an address, closed again when the block ends."""
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


async def _refuse_other_tables(database: Database) -> None:
    present = await present_revision(database)
    if present is None:
        raise StartRefused("The database has no tables yet. Run `telemed migrate` to make them.")
    if present != newest_revision():
        raise StartRefused("The database's tables are of another version. Run `telemed migrate`, then try again.")
