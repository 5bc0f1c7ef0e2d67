"""Sealing and opening bytes, and the blind tokens by which sealed values are found."""

import hashlib
import os
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Final, NamedTuple, cast

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from sqlalchemy import Table, bindparam, exists, select
from sqlalchemy.dialects.postgresql import insert as unique_insert
from sqlmodel import Session, col

from infra.problems import Gone, Problem
from infra.statements import Statement
from infra.vault.keys import KEY, NONCE, KeyProvider
from infra.vault.models import DataKey, KeyChange, KeyEvent

# The first byte of what is sealed says how the associated data is written; new values are sealed in the second form.
FIRST_FORMAT: Final = b"\x01"
FORMAT: Final = b"\x02"
# MessagePack puts kind and length before each part, so no two lists of parts are written alike; a fifth of the cost of
# `_prefixed`. What is sealed to and what is indexed is Unicode, without half characters.
_packed: Final = msgspec.msgpack.Encoder().encode
TOKEN: Final = 16
CACHED_KEYS: Final = 50_000
CACHED_TOKENS: Final = 10_000
_NEWEST_KEY: Final = Statement(
    select(col(DataKey.id), col(DataKey.scope), col(DataKey.provider_version), col(DataKey.wrapped))
    .where(col(DataKey.scope) == bindparam("wanted_scope"))
    .order_by(col(DataKey.version).desc())
    .limit(1)
)
_DESTROYED: Final = exists().where(
    col(KeyChange.scope) == bindparam("scope"), col(KeyChange.event) == KeyEvent.DESTROYED.value
)
_COLUMNS: Final = ("id", "scope", "version", "provider_version", "wrapped", "created")
_TABLE: Final = cast(Table, DataKey.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
_VALUES: Final = [bindparam(name, type_=_TABLE.c[name].type) for name in _COLUMNS]
# One statement, as a key made while its scope is being destroyed would outlive it. SQLite has PostgreSQL's words for it.
_ADD_KEY: Final = Statement(
    unique_insert(DataKey)
    .from_select(_COLUMNS, select(*_VALUES).where(~_DESTROYED))
    .on_conflict_do_nothing()
    .returning(col(DataKey.id))
)


class Destroyed(Gone):
    """This record was erased for good. Nothing can be stored in it any more."""


class SealBroken(Problem):
    """A sealed value does not fit the place where it stands. It was moved or changed."""


class Binding(NamedTuple):
    """What a sealed value belongs to; it opens nowhere else."""

    tenant: str
    type: str
    id: str
    version: int = 1
    compartment: str = ""

    @property
    def scope(self) -> str:
        """Whose data key is used: the patient compartment's, or the tenant's where there is none."""
        return f"c:{self.compartment}" if self.compartment else f"t:{self.tenant}"


class WrappedKey(NamedTuple):
    """A data key as it comes with a row."""

    id: int
    scope: str
    provider_version: int
    wrapped: bytes


class Sealed(NamedTuple):
    """Sealed bytes and the id of their data key."""

    data_key: int
    body: bytes


class Vault:
    """Seals, opens and makes tokens. One for a process; safe to use from several threads."""

    def __init__(self, provider: KeyProvider) -> None:
        self.provider = provider
        self._index_root = provider.secret("blind-index")
        self._index_keys: dict[str, tuple[hashlib._Hash, hashlib._Hash]] = {}
        self._remembered: dict[tuple[str, ...], bytes] = {}
        self._opened: OrderedDict[int, AESGCM] = OrderedDict()
        self._scopes: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def seal(self, session: Session, plaintext: bytes, *, to: Binding) -> Sealed:
        """The plaintext sealed under the data key of its compartment or tenant; makes the key when there is none."""
        return self._sealed(plaintext, to, key=self._sealing_key(session, to.scope))

    def seal_known(self, plaintext: bytes, *, to: Binding) -> Sealed | None:
        """The same without a session, if the key of the compartment or tenant is known here already."""
        known = self._cached(to.scope)
        return None if known is None else self._sealed(plaintext, to, key=known)

    def open(self, sealed: Sealed, *, key: "DataKey | WrappedKey", to: Binding) -> bytes:
        """The plaintext again. `key` comes with the row by JOIN; `SealBroken` if anything was moved or changed."""
        if key.id != sealed.data_key:
            raise SealBroken
        return _opened(self._cipher(key), sealed.body, key.id, to)

    def open_known(self, body: bytes, key_id: int, *, to: Binding) -> bytes | None:
        """The same if the key is open here already, without asking for it; None if it is not."""
        cipher = self._opened.get(key_id)
        return None if cipher is None else _opened(cipher, body, key_id, to)

    def open_alone(self, session: Session, sealed: Sealed, *, to: Binding) -> bytes:
        """The plaintext again, looking the key up; for single values outside the hot path."""
        key = session.get(DataKey, sealed.data_key)
        if key is None:
            raise SealBroken
        return self.open(sealed, key=key, to=to)

    def token(self, parameter: str, *parts: str) -> bytes:
        """16 bytes that stand for a value of a search parameter: equal for equal values, nothing else can be read off."""
        first, last = self._index_keys.get(parameter) or self._derived(parameter)
        inner, outer = first.copy(), last.copy()
        inner.update(_prefixed(parts))
        outer.update(inner.digest())
        return outer.digest()[:TOKEN]

    def index_tokens(self, tokens: Iterable[tuple[str, ...]]) -> list[bytes]:
        """The same for many tokens of the search index, whose first part is the parameter, each in half of the time."""
        keys, made = self._index_keys, list[bytes]()
        for token in tokens:
            name = token[0]
            first, last = keys.get(name) or self._derived(name)
            inner, outer = first.copy(), last.copy()
            inner.update(_packed(token))
            outer.update(inner.digest())
            made.append(outer.digest()[:TOKEN])
        return made

    @property
    def remembered(self) -> dict[tuple[str, ...], bytes]:
        """What stands in the index for tokens that are asked for again and again; whoever makes them keeps them here."""
        if len(self._remembered) > CACHED_TOKENS:
            self._remembered = {}
        return self._remembered

    def _derived(self, parameter: str) -> "tuple[hashlib._Hash, hashlib._Hash]":
        key = HKDFExpand(SHA256(), KEY, info=parameter.encode()).derive(self._index_root)
        states = self._index_keys[parameter] = _hmac_states(key)
        return states

    def pseudonym(self, purpose: str, *parts: str) -> str:
        """32 hexadecimal digits that stand for somebody within one purpose and can't be joined with another."""
        return self.token(f"pseudonym:{purpose}", *parts).hex()

    def prepare(self, session: Session, scopes: Iterable[str]) -> None:
        """Nothing; the data keys of all scopes exist in this session, made in one go. For bulk writes."""
        wanted = [scope for scope in dict.fromkeys(scopes) if self._known(session, scope) is None]
        self._look_up(session, wanted)
        missing = {scope: self.new_key(scope) for scope in wanted if self._known(session, scope) is None}
        if missing:
            _refuse_destroyed(session, list(missing))
            statement = unique_insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.scope)
            made = set(session.execute(statement, [row for row, _ in missing.values()]).scalars())
            fresh = {scope: (int(str(row["id"])), cipher) for scope, (row, cipher) in missing.items() if scope in made}
            self._fresh(session).update(fresh)
            # Another transaction has just made the others.
            self._look_up(session, [scope for scope in missing if scope not in made])

    def _look_up(self, session: Session, scopes: Sequence[str]) -> None:
        for start in range(0, len(scopes), 500):
            part = scopes[start : start + 500]
            statement = select(DataKey).where(col(DataKey.scope).in_(part)).order_by(col(DataKey.version))
            for key in session.execute(statement).scalars():
                self._remember(key)

    @contextmanager
    def savepoint(self, session: Session) -> Iterator[None]:
        """A part of a unit that may fail alone; data keys made in it are forgotten with it."""
        kept = dict(self._fresh(session))
        try:
            with session.begin_nested():
                # The savepoint begins with the session's first question; `Statement` asks the driver past the session.
                session.connection()
                yield
        except BaseException:
            session.info["fresh_data_keys"] = kept
            raise

    def forget(self) -> None:
        """Nothing; every cached key is dropped. Called when a group of writes was lost, and after a key is destroyed."""
        with self._lock:
            self._opened.clear()
            self._scopes.clear()

    def forget_newest(self, scopes: Iterable[str]) -> None:
        """Nothing; what is written to these scopes next asks which key is the newest. Called after a key is renewed."""
        with self._lock:
            for scope in scopes:
                self._scopes.pop(scope, None)

    def _sealing_key(self, session: Session, scope: str) -> tuple[int, AESGCM]:
        known = self._known(session, scope)
        if known is not None:
            return known
        found = _NEWEST_KEY.first(session, {"wanted_scope": scope})
        if found is None:
            row, cipher = self.new_key(scope)
            if _ADD_KEY.first(session, row) is not None:
                # Not cached beyond this session: the unit may still be rolled back.
                self._fresh(session)[scope] = (int(str(row["id"])), cipher)
                return self._fresh(session)[scope]
            found = _NEWEST_KEY.first(session, {"wanted_scope": scope})
            if found is None:
                raise Destroyed
        return self._remember(WrappedKey._make(found))

    def _known(self, session: Session, scope: str) -> tuple[int, AESGCM] | None:
        fresh = self._fresh(session).get(scope)
        return fresh if fresh is not None else self._cached(scope)

    @staticmethod
    def _sealed(plaintext: bytes, to: Binding, *, key: tuple[int, AESGCM]) -> Sealed:
        key_id, cipher = key
        nonce = os.urandom(NONCE)
        return Sealed(key_id, FORMAT + nonce + cipher.encrypt(nonce, plaintext, _bound(to, key_id)))

    def _cached(self, scope: str) -> tuple[int, AESGCM] | None:
        key_id = self._scopes.get(scope)
        cipher = self._opened.get(key_id) if key_id is not None else None
        return None if key_id is None or cipher is None else (key_id, cipher)

    @staticmethod
    def _fresh(session: Session) -> dict[str, tuple[int, AESGCM]]:
        fresh: dict[str, tuple[int, AESGCM]] = session.info.setdefault("fresh_data_keys", {})
        return fresh

    def new_key(self, scope: str, *, version: int = 1) -> tuple[dict[str, object], AESGCM]:
        """The row of a new data key, wrapped, and the key itself; it counts once the row is committed."""
        plain = AESGCM.generate_key(KEY * 8)
        key_id = secrets.randbits(62)
        wrap = self.provider.wrap(plain, context=key_context(scope, key_id))
        row: dict[str, object] = {
            "id": key_id,
            "scope": scope,
            "version": version,
            "provider_version": wrap.version,
            "wrapped": wrap.wrapped,
            "created": datetime.now(UTC),
        }
        return row, AESGCM(plain)

    def unwrapped(self, key: "DataKey | WrappedKey") -> AESGCM:
        """The data key as the provider opens it now, whatever is cached; `KeysUnusable` if it does not."""
        context = key_context(key.scope, key.id)
        return AESGCM(self.provider.unwrap(key.wrapped, version=key.provider_version, context=context))

    def _cipher(self, key: "DataKey | WrappedKey") -> AESGCM:
        # Without the lock: one step of the interpreter. The oldest made goes first, not the one least used.
        cipher = self._opened.get(key.id)
        if cipher is not None:
            return cipher
        cipher = self.unwrapped(key)
        with self._lock:
            self._opened[key.id] = cipher
            while len(self._opened) > CACHED_KEYS:
                self._opened.popitem(last=False)
        return cipher

    def _remember(self, key: "DataKey | WrappedKey") -> tuple[int, AESGCM]:
        cipher = self._cipher(key)
        with self._lock:
            self._scopes[key.scope] = key.id
            while len(self._scopes) > CACHED_KEYS:
                self._scopes.popitem(last=False)
        return key.id, cipher


def key_context(scope: str, key_id: int) -> bytes:
    """What a wrapped data key is bound to: it unwraps as no other scope's and under no other id."""
    return _prefixed((scope, str(key_id)))


def _refuse_destroyed(session: Session, scopes: list[str]) -> None:
    for start in range(0, len(scopes), 500):
        part = col(KeyChange.scope).in_(scopes[start : start + 500])
        destroyed = col(KeyChange.event) == KeyEvent.DESTROYED.value
        if session.execute(select(col(KeyChange.scope)).where(part, destroyed)).first():
            raise Destroyed


def _opened(cipher: AESGCM, body: bytes, key_id: int, to: Binding) -> bytes:
    format = body[:1]
    if format not in (FORMAT, FIRST_FORMAT):
        raise SealBroken
    bound = _bound(to, key_id) if format == FORMAT else _first_bound(to, key_id)
    try:
        return cipher.decrypt(body[1 : 1 + NONCE], body[1 + NONCE :], bound)
    except InvalidTag as error:
        raise SealBroken from error


def _hmac_states(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    # HMAC-SHA-256 (RFC 2104) with the key already mixed in: a token costs 40 % of what hmac.digest takes.
    block = key.ljust(64, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


def _bound(to: Binding, key_id: int) -> bytes:
    return FORMAT + _packed((to, key_id))


def _first_bound(to: Binding, key_id: int) -> bytes:
    return FIRST_FORMAT + _prefixed(map(str, (*to, key_id)))


def _prefixed(parts: Iterable[str]) -> bytes:
    # Lengths, not separators: ("ab", "c") and ("a", "bc") must differ.
    return "".join([f"{len(part)}:{part}" for part in parts]).encode("utf-8", "surrogatepass")
