"""One bundled WebRTC transport on aiortc's ICE and DTLS, without its senders, receivers and codecs.

The only file that touches private members of aiortc and aioice; `CONTRACT` names them all, and a test holds them and the
pinned versions. Remote candidates are never used: the browser's own checks tell us where it is, so nobody can make the
server send packets to an address of their choice.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import aioice
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
from aiortc.sdp import candidate_to_sdp
from OpenSSL import SSL

from video.sdp import Local, Offer

CONTRACT: Final = {
    RTCCertificate: ("_create_ssl_context",),
    RTCDtlsTransport: ("_handle_rtp_data", "_handle_rtcp_data", "_send_rtp", "_set_role"),
    aioice.Connection: ("get_component_candidates",),
}
CONTRACT_INSTANCE: Final = {RTCDtlsTransport: ("_srtp_profiles",), RTCIceGatherer: ("_connection",)}

PROFILES: Final = [SRTP_AEAD_AES_256_GCM, SRTP_AEAD_AES_128_GCM]
CIPHERS: Final = b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
"""BSI TR-02102-2: authenticated encryption only."""


class Through(Protocol):
    """What decides about each packet; neither method waits or reads content."""

    def rtp(self, packet: bytes) -> bytes | None:
        """What to send for a media packet."""

    def rtcp(self, data: bytes) -> bytes | None:
        """What to send for a feedback packet."""


class Certificate(RTCCertificate):
    """A certificate of one session, whose handshakes allow authenticated encryption alone."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS)
        return context


class Connection(aioice.Connection):
    """An ICE connection that also gathers at named addresses, which on a host without a network may be loopback."""

    def __init__(self, addresses: Sequence[str], servers: list[RTCIceServer]) -> None:
        super().__init__(ice_controlling=False, **connection_kwargs(servers))
        self._also = list(addresses)

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - the signature is aioice's
    ) -> list[aioice.Candidate]:
        """The candidates at the host's addresses and at those named."""
        named = [address for address in self._also if address not in addresses]
        return await super().get_component_candidates(component, [*addresses, *named], timeout)


class Gatherer(RTCIceGatherer):
    """A gatherer on a `Connection` of ours."""

    def __init__(self, servers: list[RTCIceServer], *, addresses: Sequence[str]) -> None:
        super().__init__(iceServers=[])  # never None: that would be a public STUN server
        self._connection = Connection(addresses, servers)


class BlindTransport(RTCDtlsTransport):
    """DTLS-SRTP that hands every packet to `through` and sends what that returns; nothing is decoded."""

    def __init__(self, ice: RTCIceTransport, through: Through) -> None:
        super().__init__(ice, [Certificate.generateCertificate()])
        self._srtp_profiles = PROFILES
        self._through = through
        self._set_role("client")

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        await self._pass(self._through.rtp(data))

    async def _handle_rtcp_data(self, data: bytes) -> None:
        await self._pass(self._through.rtcp(data))

    async def _pass(self, packet: bytes | None) -> None:
        if packet is not None:
            await self._send_rtp(packet)


class Path:
    """A transport from gathering to closing."""

    def __init__(self, through: Through, *, servers: list[RTCIceServer], addresses: Sequence[str] = ()) -> None:
        self._gatherer = Gatherer(servers, addresses=addresses)
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = BlindTransport(self._ice, through)
        self._ended = asyncio.Event()
        self._dtls.on("statechange", self._note)
        self._ice.on("statechange", self._note)

    async def gather(self) -> Local:
        """Our side, for the answer."""
        await self._gatherer.gather()
        own = self._gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        return Local(
            own.usernameFragment or "",
            own.password or "",
            tuple((one.algorithm, one.value) for one in prints if one.algorithm == "sha-256"),
            tuple(candidate_to_sdp(one) for one in self._gatherer.getLocalCandidates()),
        )

    async def connect(self, offer: Offer) -> bool:
        """True once packets flow; waits for the browser's checks until the caller's time is over."""
        await self._ice.start(RTCIceParameters(usernameFragment=offer.ufrag, password=offer.password))
        if self._ice.state != "completed":
            return False
        prints = [RTCDtlsFingerprint(algorithm=kind, value=value) for kind, value in offer.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=prints))
        return self._dtls.state == "connected"

    async def ended(self) -> None:
        """Nothing, as soon as the other side is gone."""
        await self._ended.wait()

    async def close(self) -> None:
        """Say goodbye and give the ports back."""
        await self._dtls.stop()
        await self._ice.stop()

    def _note(self) -> None:
        if self._dtls.state in ("closed", "failed") or self._ice.state in ("closed", "failed"):
            self._ended.set()
