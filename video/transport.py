"""One bundled WebRTC transport on aiortc's ICE and DTLS, without its senders, receivers and codecs.

The only file that touches private members of aiortc, aioice and pylibsrtp; `CONTRACT` names them all, and a test holds them
and the pinned versions. Remote candidates are never used by a server: the browser's own checks tell us where it is, so
nobody can make the server send packets to an address of their choice.

Media take a short way: from the datagram straight to `Through`, without aioice's queue, its look for STUN and a coroutine
for each packet; and out through libsrtp in a buffer that stays (measured: a third of the CPU of the way they replace).
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

import aioice
from aioice.ice import StunProtocol, server_reflexive_candidate
from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceServer,
    RTCIceTransport,
)
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTPProtectionProfile
from aiortc.rtcicetransport import connection_kwargs
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp
from OpenSSL import SSL
from pylibsrtp import Session
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]  # compiled, without types

from video.link import Deliver, Link, straight
from video.mux import Mux, Shared
from video.sdp import Local, Remote

CONTRACT: Final = {
    RTCCertificate: ("_create_ssl_context",),
    RTCDtlsTransport: ("_handle_rtp_data", "_handle_rtcp_data", "_set_role", "_setup_srtp", "_recv_next"),
    aioice.Connection: ("get_component_candidates",),
    StunProtocol: ("datagram_received",),
}
CONTRACT_INSTANCE: Final = {
    RTCDtlsTransport: ("_srtp_profiles", "_transport", "_rx_srtp", "_tx_srtp"),
    RTCIceGatherer: ("_connection",),
    aioice.Connection: ("_nominated", "_protocols"),
    Session: ("_srtp", "_cdata", "_buffer"),
}

LARGEST: Final = 1500
"""Of a datagram, and of libsrtp's buffer."""

GATHER_WITHIN: Final = 2
"""Seconds for STUN and TURN servers to answer; a page offers once more after four."""

TRAILER: Final = 148
"""SRTP_MAX_SRTCP_TRAILER_LEN."""

PROFILES: Final = [SRTP_AEAD_AES_256_GCM, SRTP_AEAD_AES_128_GCM]
CIPHERS: Final = b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
"""BSI TR-02102-2: authenticated encryption only."""


class Through(Protocol):
    """What takes each packet, already authenticated; neither method waits. What they return goes back to its sender."""

    def rtp(self, packet: bytes) -> bytes | None:
        """Take a media packet."""

    def rtcp(self, data: bytes) -> bytes | None:
        """Take a compound feedback packet."""


class Certificate(RTCCertificate):
    """A certificate of one session, whose handshakes allow authenticated encryption alone."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS)
        return context


class Connection(aioice.Connection):
    """An ICE connection that also gathers at named addresses, which on a host without a network may be loopback."""

    def __init__(
        self,
        addresses: Sequence[str],
        servers: list[RTCIceServer],
        *,
        controlling: bool = False,
        mux: Mux | None = None,
    ) -> None:
        # Longer than aioice's four characters: in a shared socket it tells whose a check is.
        name = secrets.token_hex(8)
        super().__init__(ice_controlling=controlling, local_username=name, **connection_kwargs(servers))
        self._also, self._mux = list(addresses), mux

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - the signature is aioice's
    ) -> list[aioice.Candidate]:
        """The candidates at the host's addresses and at those named."""
        timeout = min(timeout, GATHER_WITHIN)
        hosts = [*addresses, *(address for address in self._also if address not in addresses)]
        if self._mux is None:
            return await super().get_component_candidates(component, hosts, timeout)
        for host in hosts:
            with suppress(OSError):  # as aioice does: an address that went away since
                self._protocols.append(self._mux.open(self, host, component=component))
        own = [protocol.local_candidate for protocol in self._protocols]
        relayed = super().get_component_candidates(component, [], timeout)
        return sum(await asyncio.gather(self._reflexive(timeout), relayed), own)

    async def _reflexive(self, seconds: float) -> list[aioice.Candidate]:
        """Where the STUN server sees us, if there is one."""
        if self.stun_server is None:
            return []
        asking = [
            server_reflexive_candidate(one, self.stun_server)
            for one in self._protocols
            if ":" not in one.local_candidate.host
        ]
        found = await asyncio.gather(*(asyncio.wait_for(one, seconds) for one in asking), return_exceptions=True)
        return [one[0] for one in found if not isinstance(one, BaseException)]


class Gatherer(RTCIceGatherer):
    """A gatherer on a `Connection` of ours."""

    def __init__(
        self,
        servers: list[RTCIceServer],
        *,
        addresses: Sequence[str],
        controlling: bool = False,
        mux: Mux | None = None,
    ) -> None:
        super().__init__(iceServers=[])  # never None: that would be a public STUN server
        self._connection = Connection(addresses, servers, controlling=controlling, mux=mux)


class Cipher:
    """One direction's SRTP, in a buffer that stays; None for what libsrtp refuses."""

    def __init__(self, session: Session) -> None:
        self._session = session  # owns what the next three point to
        self._context, self._data, self._buffer = session._srtp[0], session._cdata, session._buffer
        self._length = ffi.new("int *")
        self._media, self._feedback = lib.srtp_protect, lib.srtp_protect_rtcp
        self._from_media, self._from_feedback = lib.srtp_unprotect, lib.srtp_unprotect_rtcp

    def protect(self, packet: bytes) -> bytes | None:
        """The packet, encrypted and authenticated; media or feedback, by its second byte."""
        size = len(packet)
        if size > LARGEST - TRAILER:
            return None
        self._buffer[:size] = packet
        self._length[0] = size
        protect = self._feedback if 192 <= packet[1] <= 223 else self._media
        if protect(self._context, self._data, self._length):
            return None
        out: bytes = self._buffer[: self._length[0]]
        return out

    def unprotect(self, packet: bytes) -> bytes | None:
        """What was protected, if it is authentic and new."""
        size = len(packet)
        if not 12 <= size <= LARGEST:
            return None
        self._buffer[:size] = packet
        self._length[0] = size
        unprotect = self._from_feedback if 192 <= packet[1] <= 223 else self._from_media
        if unprotect(self._context, self._data, self._length):
            return None
        out: bytes = self._buffer[: self._length[0]]
        return out


class BlindTransport(RTCDtlsTransport):
    """DTLS-SRTP that hands every packet to `through` and sends what that returns; nothing is decoded."""

    def __init__(self, ice: RTCIceTransport, through: Through, *, role: str = "client", link: Link = straight) -> None:
        super().__init__(ice, [Certificate.generateCertificate()])
        self._srtp_profiles = PROFILES
        self._through, self._link = through, link
        self._take = link(self._taken)
        self._incoming: Cipher | None = None
        self._outgoing: Cipher | None = None
        self._pair: aioice.ice.CandidatePair | None = None
        self._leave: Deliver = _nowhere
        self._connection: aioice.Connection | None = None
        self._set_role(role)

    def use(self, ice: RTCIceTransport) -> None:
        """Send and receive there from now on; keys and counters stay."""
        self._transport = ice
        self._connection = ice.iceGatherer._connection

    def send(self, packet: bytes) -> None:
        """Protect and send a media or feedback packet; nothing before the handshake or without a way to the other side."""
        if self._outgoing is None or self._connection is None:
            return
        pair = self._connection._nominated.get(1)
        if pair is not self._pair:
            self._pair = pair
            if pair is not None:
                self._leave = self._link(_way(pair))
        if pair is not None and (out := self._outgoing.protect(packet)) is not None:
            self._leave(out)

    @property
    def address(self) -> tuple[str, int] | None:
        """Our own end of the nominated pair."""
        pair = self._connection._nominated.get(1) if self._connection else None
        return pair.local_addr if pair else None

    def hook(self, ice: RTCIceTransport) -> None:
        """Take media straight from the sockets of this ICE transport."""
        for protocol in ice.iceGatherer._connection._protocols:
            if isinstance(protocol.transport, Shared):
                protocol.transport.media = self._take
                continue
            protocol.datagram_received = self._taking(protocol.datagram_received)  # type: ignore[method-assign, assignment]  # an instance's own

    def _taking(self, otherwise: Callable[[bytes, Any], None]) -> Callable[[bytes, Any], None]:
        def datagram_received(data: bytes, addr: Any) -> None:
            if self._incoming is not None and data and 127 < data[0] < 192:
                self._take(data)
            else:
                otherwise(data, addr)

        return datagram_received

    def _taken(self, data: bytes) -> None:
        if self._incoming is None or (packet := self._incoming.unprotect(data)) is None:
            return
        back = self._through.rtcp(packet) if 192 <= data[1] <= 223 else self._through.rtp(packet)
        if back is not None:
            self.send(back)

    def _setup_srtp(self) -> None:
        super()._setup_srtp()
        if self._rx_srtp is not None and self._tx_srtp is not None:
            self._incoming, self._outgoing = Cipher(self._rx_srtp), Cipher(self._tx_srtp)

    async def _recv_next(self) -> None:
        before = self._transport
        try:
            await super()._recv_next()
        except ConnectionError:
            if self._transport is before:  # else only the old way ended, after an ICE restart
                raise

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        """Nothing: what came before the hook was there is asked for again."""

    async def _handle_rtcp_data(self, data: bytes) -> None:
        """Nothing, likewise."""


def _nowhere(packet: bytes) -> None:
    """Nothing: there is no way to the other side yet."""


def _way(pair: aioice.ice.CandidatePair) -> Deliver:
    transport, there = pair.protocol.transport, pair.remote_addr
    return transport.to(there) if isinstance(transport, Shared) else partial(transport.sendto, addr=there)


class Path:
    """A transport from gathering to closing. `calls` is for the side that offers: a participant, never the server.

    With a `mux` it shares that one's sockets, else it has its own.
    """

    def __init__(
        self,
        through: Through,
        *,
        servers: list[RTCIceServer],
        addresses: Sequence[str] = (),
        calls: bool = False,
        link: Link = straight,
        mux: Mux | None = None,
    ) -> None:
        self._servers, self._addresses, self._calls, self._mux = servers, addresses, calls, mux
        self._gatherer, self._ice = self._way()
        self._dtls = BlindTransport(self._ice, through, role="server" if calls else "client", link=link)
        self.send = self._dtls.send
        """Protects and sends a media or feedback packet."""

        self._ended = asyncio.Event()
        self._next = self._gatherer, self._ice
        self._moving: asyncio.Task[None] | None = None
        self._dtls.on("statechange", self._note)
        self._ice.on("statechange", self._note)

    async def gather(self) -> Local:
        """Our side, for the answer."""
        await self._gatherer.gather()
        return self._local(self._gatherer)

    async def connect(self, remote: Remote, candidates: Sequence[str] = ()) -> bool:
        """True once packets flow; waits for the browser's checks until the caller's time is over.

        Only a participant names `candidates`: those of the server's answer.
        """
        self._dtls.hook(self._ice)
        self._dtls.use(self._ice)
        if not await self._reached(self._ice, remote, candidates=candidates):
            return False
        prints = [RTCDtlsFingerprint(algorithm=kind, value=value) for kind, value in remote.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=prints))
        return self._dtls.state == "connected"

    async def gather_again(self) -> Local:
        """Our side of an ICE restart: another way under the same keys. `move` goes over to it."""
        self._next = self._way()
        await self._next[0].gather()
        return self._local(self._next[0])

    def move(self, remote: Remote, candidates: Sequence[str] = ()) -> None:
        """Go over to the way gathered last, as soon as the other side has found it; until then the old one is used."""
        if self._moving is not None:
            self._moving.cancel()
        gatherer, ice = self._next
        self._dtls.hook(ice)
        self._moving = asyncio.create_task(self._move(gatherer, ice, remote=remote, candidates=candidates))

    @property
    def address(self) -> tuple[str, int] | None:
        """Our own end of the way that is used now."""
        return self._dtls.address

    @property
    def connected(self) -> bool:
        """True while keys are agreed and the way is open."""
        return self._dtls.state == "connected" and not self._ended.is_set()

    async def ended(self) -> None:
        """Nothing, as soon as the other side is gone."""
        await self._ended.wait()

    async def close(self) -> None:
        """Say goodbye and give the ports back."""
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)
        await self._dtls.stop()
        await self._ice.stop()

    def _way(self) -> tuple[Gatherer, RTCIceTransport]:
        gatherer = Gatherer(self._servers, addresses=self._addresses, controlling=self._calls, mux=self._mux)
        return gatherer, RTCIceTransport(gatherer)

    async def _move(
        self, gatherer: Gatherer, ice: RTCIceTransport, *, remote: Remote, candidates: Sequence[str]
    ) -> None:
        try:
            if not await self._reached(ice, remote, candidates=candidates):
                await ice.stop()
                return
        except asyncio.CancelledError:
            await ice.stop()
            raise
        before, self._ice, self._gatherer = self._ice, ice, gatherer
        before.remove_listener("statechange", self._note)
        ice.on("statechange", self._note)
        self._dtls.use(ice)
        await before.stop()

    async def _reached(self, ice: RTCIceTransport, remote: Remote, *, candidates: Sequence[str]) -> bool:
        if self._calls:
            for one in candidates:
                await ice.addRemoteCandidate(candidate_from_sdp(one))
            await ice.addRemoteCandidate(None)
        await ice.start(RTCIceParameters(usernameFragment=remote.ufrag, password=remote.password))
        return ice.state == "completed"

    def _local(self, gatherer: Gatherer) -> Local:
        own = gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        return Local(
            own.usernameFragment or "",
            own.password or "",
            tuple((one.algorithm, one.value) for one in prints if one.algorithm == "sha-256"),
            tuple(candidate_to_sdp(one) for one in gatherer.getLocalCandidates()),
        )

    def _note(self) -> None:
        if self._dtls.state in ("closed", "failed") or self._ice.state in ("closed", "failed"):
            self._ended.set()
