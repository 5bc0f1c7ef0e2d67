"""What the operator's commands about keys do; each opens the database and the keys for itself, while the service runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from sqlmodel import Session

from fhir import compartments
from fhir.erasure import scope_of
from infra.caller import Caller, Role
from infra.clock import SystemClock
from infra.settings import Settings
from infra.vault import Vault, key_provider
from infra.vault.renewal import renew
from infra.vault.rewrap import Rewrapped, rewrap
from infra.vault.state import KeyState, key_state, require_fitting
from telemed.keys.erasing import Eraser, Order, erase, eraser, tenant_of
from telemed.keys.hold import refuse_retained
from telemed.startup import refuse_settings, with_tables

OPERATOR = "telemed keys shred"


async def state(settings: Settings) -> KeyState:
    """How many data keys there are, by the version that wraps them, and how many scopes' keys are destroyed."""
    async with _opened(settings) as keys:
        return await keys.database.read(partial(key_state, vault=keys.vault))


async def rotated(settings: Settings) -> int:
    """The new version of the key-encryption key, used for new wraps from now on."""
    async with _opened(settings) as keys:
        return await asyncio.to_thread(keys.vault.provider.rotate)


async def renewed(settings: Settings, scope: Callable[[Vault], str]) -> int:
    """The version of the new data key of a scope; new writes use it within a minute."""
    async with _opened(settings) as keys:
        wanted, now = scope(keys.vault), SystemClock().now()
        return await keys.database.write(partial(renew, vault=keys.vault, scope=wanted, now=now))


def of_patient(patient_id: str) -> Callable[[Vault], str]:
    """The scope of a patient's data keys, for `renewed`."""
    return lambda vault: scope_of(compartments.pseudonym(vault, plain_id(patient_id)))


def of_tenant(tenant: str) -> Callable[[Vault], str]:
    """The scope of a clinic's data keys, for `renewed`."""
    return lambda _: f"t:{tenant}"


async def rewrapped(settings: Settings, *, tell: Callable[[Rewrapped], None]) -> int:
    """How many data keys were wrapped anew while the service went on; `tell` hears how far it is."""
    async with _opened(settings) as keys:
        return await rewrap(keys.database, keys.vault.provider, tell=tell)


async def require_erasable(settings: Settings, patient: str) -> str:
    """Whose patient it is; the refusal that an erasure would meet now, if there is one."""
    async with _opened(settings) as keys:
        compartment, now = compartments.pseudonym(keys.vault, plain_id(patient)), keys.clock.now()

        def unit(session: Session) -> str:
            tenant = tenant_of(session, compartment)
            refuse_retained(session, compartment, now=now)
            return tenant

        return await keys.database.write(unit)


async def shredded(settings: Settings, patient: str, *, reason: str) -> datetime:
    """When the record was erased: now, or by an earlier call that this one has completed."""
    caller = Caller("", OPERATOR, Role.OPERATOR, purpose="PATADMIN")
    async with _opened(settings) as keys:
        return await erase(keys, Order(plain_id(patient), caller, reason))


def plain_id(patient: str) -> str:
    """The id of a patient who is named by it or by a reference."""
    return patient.removeprefix("Patient/")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Eraser]:
    refuse_settings(settings)
    async with with_tables(settings) as database:
        vault = Vault(key_provider(settings))
        await database.read(partial(require_fitting, vault=vault))
        yield eraser(settings, database, vault)
