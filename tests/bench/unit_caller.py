"""Callers of the unit for its measurements: real handshakes, then a load that was encrypted before."""

import os
import socket
from typing import Any

from tests.bench.unit_load import Shape, Sink, Source, source
from video.headless import offer
from video.headless.media import Media
from video.sframe import Sealer
from video.transport import Path


class Caller(Media):
    """A participant. Frames carry their number and a trailer; nothing is really sealed."""

    def __init__(self, kid: int) -> None:
        super().__init__(Sealer(bytes(16), kid), on_frame=_nowhere, slots=1, addresses=("127.0.0.1",))
        self._trailer = bytes([0x90, kid >> 8, kid & 0xFF, 3])

    def source(self, *, kilobits: int, seconds: float) -> Source:
        """What it will send."""
        shape = Shape(
            (offer.VP8, offer.FIRST_PICTURE_SSRC), (offer.OPUS, offer.AUDIO_SSRC), offer.WIDE_ID, self._trailer
        )
        return source(shape, protecting(self._path), kilobits=kilobits, seconds=seconds, wire=wire(self._path))

    def sink(self, of: Source) -> Sink:
        """Where it receives what that one sends."""
        return sink(self._path, of, wide=offer.WIDE_ID)

    def rtp(self, packet: bytes) -> None:
        """Nothing: the load has its own look at the socket."""


def wire(path: Path) -> tuple[socket.socket, tuple[str, int]]:
    """The socket that a connection uses, and where it sends."""
    pair: Any = path._dtls._connection._nominated[1]  # type: ignore[union-attr]  # connected
    number = pair.protocol.transport.get_extra_info("socket").fileno()
    return socket.socket(fileno=os.dup(number)), pair.remote_addr


def protecting(path: Path) -> Any:
    """What encrypts for a connection."""
    assert path._dtls._outgoing is not None
    return path._dtls._outgoing.protect


def sink(path: Path, of: Source, *, wide: int) -> Sink:
    """Where a connection receives."""
    assert path._dtls._incoming is not None
    return Sink(*wire(path), of, protecting(path), path._dtls._incoming.unprotect, wide)


def _nowhere(slot: int, kind: str, frame: bytes) -> None:
    """Nothing: frames are not put together here."""
