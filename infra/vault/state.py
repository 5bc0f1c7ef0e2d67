"""What the database knows about its keys: how many are wrapped by which version, and what became of others."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from infra.vault.keys import KeysUnusable
from infra.vault.models import DataKey, KeyChange, KeyEvent
from infra.vault.sealing import Vault


@dataclass(frozen=True, slots=True)
class KeyState:
    """Counts only, no secrets. `wrapped` maps versions of the key-encryption key to data keys."""

    place: str
    current: int
    wrapped: Mapping[int, int]
    destroyed: int
    uncleared: int

    @property
    def older(self) -> int:
        """How many data keys an older version still wraps."""
        return sum(count for version, count in self.wrapped.items() if version != self.current)


def key_state(session: Session, vault: Vault) -> KeyState:
    """The state of all keys of this database."""
    versions = col(DataKey.provider_version)
    counted = session.execute(select(versions, func.count()).group_by(versions).order_by(versions)).fetchall()
    ended = select(col(KeyChange.cleared), func.count()).where(col(KeyChange.event) == KeyEvent.DESTROYED.value)
    destroyed = {bool(cleared): int(count) for cleared, count in session.execute(ended.group_by("cleared")).fetchall()}
    return KeyState(
        vault.provider.place,
        vault.provider.current,
        {int(version): int(count) for version, count in counted},
        sum(destroyed.values()),
        destroyed.get(False, 0),
    )


def require_fitting(session: Session, vault: Vault) -> None:
    """Nothing; `KeysUnusable` if the provider does not open what is stored here: any one data key."""
    _require_open(vault, session.execute(select(DataKey).limit(1)).scalar_one_or_none())


def require_all_fitting(session: Session, vault: Vault) -> None:
    """The same with a data key of each version that wraps any, which takes a pass through all of them."""
    for version in session.execute(select(col(DataKey.provider_version)).distinct()).scalars().all():
        one = select(DataKey).where(col(DataKey.provider_version) == version).limit(1)
        _require_open(vault, session.execute(one).scalar_one())


def _require_open(vault: Vault, key: DataKey | None) -> None:
    try:
        if key is not None:
            vault.unwrapped(key)
    except KeysUnusable as error:
        raise KeysUnusable(
            f"The keys in {vault.provider.place} do not open what is stored in this database. Put the right ones there."
        ) from error
