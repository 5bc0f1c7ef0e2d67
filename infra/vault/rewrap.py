"""Wrapping data keys anew with the present version of the key-encryption key, while the service goes on.

Where it is shows in the rows themselves, so one that was killed goes on where it stopped. A row is only changed if it is
still as it was read: whoever renews or destroys a key meanwhile is right.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from infra.database import Database
from infra.vault.keys import KeyProvider, Wrap
from infra.vault.models import DataKey
from infra.vault.sealing import WrappedKey, key_context

BATCH: Final = 1000  # data keys in one atomic unit: some ten milliseconds in which other writers wait
# The driver's own form: numbers and bytes on both databases. On PostgreSQL one statement takes a third of a thousand's time.
_KEYS: Final = "SELECT id, scope, provider_version, wrapped FROM data_key WHERE id "
_OF_SQLITE: Final = "IN (SELECT value FROM json_each(?))"
_OF_POSTGRES: Final = "= ANY($1::bigint[])"
_CHANGE_SQLITE: Final = "UPDATE data_key SET provider_version = ?, wrapped = ? WHERE id = ? AND provider_version = ?"
_CHANGE_POSTGRES: Final = (
    "UPDATE data_key SET provider_version = made.version, wrapped = made.wrapped"
    " FROM unnest($1::int[], $2::bytea[], $3::bigint[], $4::int[]) AS made (version, wrapped, id, old)"
    " WHERE data_key.id = made.id AND data_key.provider_version = made.old"
)


class Rewrapped(NamedTuple):
    """How many of the data keys that are to be wrapped anew are done."""

    done: int
    all: int


async def rewrap(
    database: Database,
    provider: KeyProvider,
    *,
    tell: Callable[[Rewrapped], None] = lambda _: None,
    batch: int = BATCH,
) -> int:
    """How many data keys were wrapped anew: all that an older version wrapped."""
    current = await asyncio.to_thread(lambda: provider.current)
    older = await database.read(partial(_older, current=current))
    for start in range(0, len(older), batch):
        found = await database.read(partial(_keys, ids=older[start : start + batch]))
        # Neither the writer nor the event loop waits for the provider.
        wraps = await asyncio.to_thread(_rewrapped, provider, found)
        await database.write(partial(_change, found=found, wraps=wraps))
        tell(Rewrapped(min(start + batch, len(older)), len(older)))
    return len(older)


def _older(session: Session, *, current: int) -> list[int]:
    # In the order in which they lie: in the order of their ids, which are random, each batch would change a thousand pages.
    older = select(col(DataKey.id)).where(col(DataKey.provider_version) != current)
    return list(session.execute(older).scalars())


def _keys(session: Session, *, ids: Sequence[int]) -> list[WrappedKey]:
    connection = session.connection()
    on_postgres = connection.dialect.name == "postgresql"
    found = connection.exec_driver_sql(
        _KEYS + (_OF_POSTGRES if on_postgres else _OF_SQLITE), (list(ids) if on_postgres else json.dumps(ids),)
    )
    return [WrappedKey(*row) for row in found.fetchall()]


def _rewrapped(provider: KeyProvider, keys: Sequence[WrappedKey]) -> list[Wrap]:
    wraps = [Wrap(key.provider_version, key.wrapped) for key in keys]
    return provider.rewrap(wraps, contexts=[key_context(key.scope, key.id) for key in keys])


def _change(session: Session, *, found: Sequence[WrappedKey], wraps: Sequence[Wrap]) -> None:
    rows = [(wrap.version, wrap.wrapped, key.id, key.provider_version) for key, wrap in zip(found, wraps, strict=True)]
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_CHANGE_POSTGRES, tuple(map(list, zip(*rows, strict=True))))
    else:
        connection.exec_driver_sql(_CHANGE_SQLITE, rows)
