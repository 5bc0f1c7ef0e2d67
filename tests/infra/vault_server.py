"""A stand-in for a Vault server: the part of its transit engine that we use, over its HTTP, on a real socket.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import hashlib
import hmac
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from tests.fixtures.processes import free_port


@dataclass
class VaultServer:
    """Its keys by name and version, the token that it takes, and whether it is sealed; `asked` counts requests."""

    port: int
    token: str = "s.first"
    keys: dict[str, list[bytes]] = field(
        default_factory=lambda: {"telemed": [os.urandom(32)], "telemed-root": [os.urandom(32)]}
    )
    sealed: bool = False
    asked: int = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def encrypt(self, name: str, plaintext: str, context: str) -> dict[str, Any]:
        """The answer's data for one value."""
        version, nonce = len(self.keys[name]), os.urandom(12)
        body = nonce + self._cipher(name, version, context).encrypt(nonce, base64.b64decode(plaintext), None)
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(body).decode()}", "key_version": version}

    def decrypt(self, name: str, ciphertext: str, context: str) -> dict[str, Any]:
        """The same back again; 400 for what does not fit."""
        try:
            _, version, text = ciphertext.split(":")
            body = base64.b64decode(text)
            plain = self._cipher(name, int(version[1:]), context).decrypt(body[:12], body[12:], None)
        except (ValueError, IndexError, InvalidTag) as error:
            raise HTTPException(400, "cipher: message authentication failed") from error
        return {"plaintext": base64.b64encode(plain).decode()}

    def rewrap(self, name: str, item: dict[str, str]) -> dict[str, Any]:
        """One value under the newest version, or what is wrong with it."""
        try:
            plain = self.decrypt(name, item["ciphertext"], item["context"])["plaintext"]
        except HTTPException as error:
            return {"error": error.detail}
        return self.encrypt(name, plain, item["context"])

    def _cipher(self, name: str, version: int, context: str) -> AESGCM:
        if not context:
            raise HTTPException(400, "missing 'context' for key derivation")
        key = self.keys[name][version - 1]
        return AESGCM(HKDF(SHA256(), 32, salt=None, info=base64.b64decode(context)).derive(key))


@contextmanager
def vault_running() -> Iterator[VaultServer]:
    """A Vault server for the length of the block."""
    server = VaultServer(free_port())
    config = uvicorn.Config(_app(server), host="127.0.0.1", port=server.port, log_level="critical", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        thread.join(0.005)
    try:
        yield server
    finally:
        running.should_exit = True
        thread.join()


def _app(server: VaultServer) -> FastAPI:
    app = FastAPI()

    @app.exception_handler(HTTPException)
    async def errors(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"errors": [error.detail]}, error.status_code)

    @app.api_route("/v1/transit/{path:path}", methods=["GET", "POST", "PUT"])
    async def transit(request: Request, path: str) -> dict[str, Any]:
        server.asked += 1
        if server.sealed:
            raise HTTPException(503, "Vault is sealed")
        if request.headers.get("x-vault-token") != server.token:
            raise HTTPException(403, "permission denied")
        action, name, *rest = path.split("/")
        if name not in server.keys:
            raise HTTPException(404, "encryption key not found")
        asked = await request.json() if await request.body() else {}
        return {"data": _answer(server, action, name, rest, asked)}

    return app


def _answer(server: VaultServer, action: str, name: str, rest: list[str], asked: dict[str, Any]) -> dict[str, Any]:
    match action, rest:
        case "keys", ["rotate"]:
            server.keys[name].append(os.urandom(32))
            return {}
        case "keys", []:
            return {"latest_version": len(server.keys[name])}
        case "encrypt", []:
            return server.encrypt(name, asked["plaintext"], asked["context"])
        case "decrypt", []:
            return server.decrypt(name, asked["ciphertext"], asked["context"])
        case "rewrap", []:
            return {"batch_results": [server.rewrap(name, item) for item in asked["batch_input"]]}
        case "hmac", []:
            key = server.keys[name][asked["key_version"] - 1]
            made = hmac.digest(key, base64.b64decode(asked["input"]), hashlib.sha256)
            return {"hmac": f"vault:v{asked['key_version']}:{base64.b64encode(made).decode()}"}
    raise HTTPException(404, "unsupported path")
