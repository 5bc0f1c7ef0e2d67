"""Key-encryption keys that never leave a Vault server: its transit engine wraps and unwraps for us.

What `TELEMED_VAULT_KEY` names is a key with `derived=true`, so that a wrapped data key is bound to its scope and id; beside it
stands one with the ending `-root`, never rotated, for all other secrets. https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import hvac
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, VaultError
from requests import RequestException

from infra.problems import Unavailable
from infra.vault.keys import KEY, KeysUnusable, Wrap

# A unit waits for an answer, and others wait for the unit.
TIMEOUT: Final = 3.0
# After no answer nobody waits again for so long: what is cached serves on, everything else is refused at once.
REST: Final = 5.0
BATCH: Final = 250
ROOT: Final = "telemed root secret"
_CIPHERTEXT: Final = re.compile(rb"vault:v(\d+):[A-Za-z0-9+/=]+")


class KeyServerSilent(Unavailable):
    """The key server does not answer. What needs a key that is not open here can't be done; try again shortly."""


class TransitKeyProvider:
    """Keys in Vault's transit engine. The token is read from a file, which an agent may renew."""

    def __init__(self, url: str, *, token_file: Path, mount: str, key: str) -> None:
        self._url, self._token_file, self._mount, self._key = url, token_file, mount, key
        self._client = hvac.Client(url=url, token=self._read_token(), timeout=TIMEOUT, allow_redirects=False)
        self._transit = self._client.secrets.transit
        self._silent_until = 0.0
        self._root = self._made_root()

    @property
    def place(self) -> str:
        """Where the key-encryption keys are, in words for an operator."""
        return f"the key {self._key} of {self._mount} at {self._url}"

    @property
    def current(self) -> int:
        """The version of the key-encryption key that new wraps use."""
        found = self._ask(lambda: self._transit.read_key(self._key, mount_point=self._mount))
        return int(found["latest_version"])

    def wrap(self, key: bytes, *, context: bytes) -> Wrap:
        """The data key, wrapped under the current version and bound to the context."""
        text, bound = _encoded(key), _encoded(context)
        made = self._ask(
            lambda: self._transit.encrypt_data(self._key, plaintext=text, context=bound, mount_point=self._mount)
        )
        return _wrap(made)

    def unwrap(self, wrapped: bytes, *, version: int, context: bytes) -> bytes:
        """The data key again; `KeysUnusable` if version, context or bytes do not fit."""
        match = _CIPHERTEXT.fullmatch(wrapped)
        if match is None or int(match.group(1)) != version:
            raise KeysUnusable
        text, bound = wrapped.decode("ascii"), _encoded(context)
        found = self._ask(
            lambda: self._transit.decrypt_data(self._key, ciphertext=text, context=bound, mount_point=self._mount)
        )
        return base64.b64decode(found["plaintext"])

    def rewrap(self, wraps: Sequence[Wrap], *, contexts: Sequence[bytes]) -> list[Wrap]:
        """The same data keys under the current version, each bound to its context; none of them leaves the server."""
        pairs = list(zip(wraps, contexts, strict=True))
        made: list[Wrap] = []
        for start in range(0, len(pairs), BATCH):
            batch = [
                {"ciphertext": wrap.wrapped.decode("ascii", "replace"), "context": _encoded(context)}
                for wrap, context in pairs[start : start + BATCH]
            ]
            made += self._rewrapped(batch)
        return made

    def rotate(self) -> int:
        """The new version of the key-encryption key; what older ones wrapped still unwraps."""
        self._ask(lambda: self._transit.rotate_key(self._key, mount_point=self._mount))
        return self.current

    def secret(self, purpose: str) -> bytes:
        """32 bytes that belong to this installation and this purpose alone (HKDF, RFC 5869)."""
        return HKDF(SHA256(), KEY, salt=None, info=purpose.encode()).derive(self._root)

    def close(self) -> None:
        """Nothing; the connections to the server are closed."""
        self._client.adapter.close()

    def _rewrapped(self, batch: list[dict[str, str]]) -> list[Wrap]:
        found = self._ask(
            lambda: self._transit.rewrap_data(self._key, ciphertext="", batch_input=batch, mount_point=self._mount)
        )
        results = found["batch_results"]
        if any(result.get("error") for result in results):
            raise KeysUnusable
        return [_wrap(result) for result in results]

    def _made_root(self) -> bytes:
        # Version 1 for ever: another root would make every token and pseudonym another one.
        options = {"key_version": 1, "algorithm": "sha2-256", "mount_point": self._mount}
        made = self._ask(lambda: self._transit.generate_hmac(f"{self._key}-root", _encoded(ROOT.encode()), **options))
        return base64.b64decode(made["hmac"].rpartition(":")[2])

    def _ask(self, call: Callable[[], Any]) -> dict[str, Any]:
        """The data of an answer. A token that was refused is read again from its file, once."""
        if time.monotonic() < self._silent_until:
            raise KeyServerSilent
        try:
            try:
                answer = call()
            except (Forbidden, Unauthorized):
                self._client.token = self._read_token()
                answer = call()
        except (Forbidden, Unauthorized) as error:
            raise KeysUnusable("The key server refuses the token in TELEMED_VAULT_TOKEN_FILE.") from error
        except InvalidPath as error:
            raise KeysUnusable(self._missing()) from error
        except InvalidRequest as error:
            raise KeysUnusable from error
        except (VaultError, RequestException) as error:
            self._silent_until = time.monotonic() + REST
            raise KeyServerSilent from error
        data: dict[str, Any] = answer["data"] if isinstance(answer, dict) else {}
        return data

    def _missing(self) -> str:
        made = f"vault write {self._mount}/keys/{self._key} derived=true"
        root = f"vault write -f {self._mount}/keys/{self._key}-root"
        return f"The key server lacks the keys of this installation. Make them: {made}; {root}."

    def _read_token(self) -> str:
        try:
            if self._token_file.stat().st_mode & 0o077:
                raise KeysUnusable("The file TELEMED_VAULT_TOKEN_FILE is readable by others. Set its mode to 0600.")
            return self._token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise KeysUnusable("The file TELEMED_VAULT_TOKEN_FILE can't be read.") from error


def _wrap(made: dict[str, Any]) -> Wrap:
    wrapped = str(made["ciphertext"]).encode("ascii")
    match = _CIPHERTEXT.fullmatch(wrapped)
    if match is None:
        raise KeysUnusable("The key server answered with what is no wrapped key.")
    return Wrap(int(match.group(1)), wrapped)


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
