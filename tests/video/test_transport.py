"""What we use of aiortc's private parts is still there, and it never asks a server that is not ours."""

import asyncio
import tomllib
from importlib.metadata import version

import aioice
import pytest
from aiortc import RTCIceGatherer, RTCIceServer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsTransport
from pylibsrtp import Policy, Session
from pylibsrtp._binding import lib  # type: ignore[import-not-found]  # compiled, without types

from tests.video.test_sdp import CHROMIUM
from video import WEB
from video.ice import Ice, ice_from, turn_credentials
from video.mirror import Mirror
from video.sdp import parse_offer
from video.transport import (
    CIPHERS,
    CONTRACT,
    CONTRACT_INSTANCE,
    PROFILES,
    BlindTransport,
    Certificate,
    Cipher,
    Gatherer,
    Path,
)


def test_private_members_that_we_use_exist() -> None:
    for owner, names in CONTRACT.items():
        for name in names:
            assert callable(getattr(owner, name)), f"{owner.__name__}.{name}"


async def test_private_attributes_that_we_set_exist() -> None:
    gatherer = RTCIceGatherer(iceServers=[])
    transport = RTCDtlsTransport(RTCIceTransport(gatherer), [Certificate.generateCertificate()])
    key = Policy(key=bytes(44), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
    for instance in (gatherer, transport, aioice.Connection(ice_controlling=False), Session(key)):
        for name in CONTRACT_INSTANCE[type(instance)]:
            assert hasattr(instance, name), name


def test_versions_are_pinned() -> None:
    project = tomllib.loads((WEB.parents[1] / "pyproject.toml").read_text())["project"]

    assert {"aiortc==1.16.*", "aioice==0.13.*"} <= set(project["dependencies"])
    assert version("aiortc").startswith("1.16.")
    assert version("aioice").startswith("0.13.")


def test_without_servers_of_ours_aiortc_asks_nobody() -> None:
    assert Ice().for_aiortc() == []
    assert Ice().for_browser() == []


def _asked(_: type) -> list[RTCIceServer]:
    raise AssertionError("the public default was asked for")


async def test_gatherer_never_takes_the_public_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RTCIceGatherer, "getDefaultIceServers", classmethod(_asked))

    connection = Gatherer(Ice().for_aiortc(), addresses=())._connection

    assert connection.stun_server is None
    assert connection.turn_server is None
    with pytest.raises(AssertionError, match="public default"):
        RTCIceGatherer()  # aiortc alone would


async def test_servers_are_ours_with_fresh_credentials() -> None:
    ice = ice_from(["stun:stun.telemed.example", "turn:turn.telemed.example:3478"], "secret")

    connection = Gatherer(ice.for_aiortc(), addresses=())._connection

    assert connection.stun_server == ("stun.telemed.example", 3478)
    assert connection.turn_server == ("turn.telemed.example", 3478)
    assert ice.for_browser()[1]["username"] != ice.for_browser()[1]["username"]


def test_turn_credentials_are_those_that_coturn_computes() -> None:
    # printf 1700000000:abc | openssl dgst -sha1 -hmac secret -binary | base64
    assert turn_credentials("secret", "1700000000:abc") == ("1700000000:abc", "JHgegmW+/B84iarkT5SFAOC1Iqw=")


@pytest.mark.parametrize("addresses", [["http://stun.example"], ["turn:turn.example"]])
def test_other_addresses_and_turn_without_a_secret_are_refused(addresses: list[str]) -> None:
    with pytest.raises(ValueError, match="server"):
        ice_from(addresses, "")


async def test_named_loopback_address_is_gathered() -> None:
    path = Path(Mirror({}), servers=[], addresses=("127.0.0.1",))
    try:
        local = await path.gather()
    finally:
        await path.close()

    assert any(" 127.0.0.1 " in candidate for candidate in local.candidates)
    assert [kind for kind, _ in local.fingerprints] == ["sha-256"]


async def test_handshake_allows_authenticated_encryption_alone() -> None:
    transport = BlindTransport(RTCIceTransport(RTCIceGatherer(iceServers=[])), Mirror({}))
    context = Certificate.generateCertificate()._create_ssl_context(PROFILES)

    assert [b"GCM" in profile.openssl_profile for profile in transport._srtp_profiles] == [True, True]
    assert all(b"GCM" in name or b"POLY1305" in name for name in CIPHERS.split(b":"))
    assert context is not None


async def test_candidates_of_the_offer_are_never_contacted(monkeypatch: pytest.MonkeyPatch) -> None:
    contacted: list[object] = []
    monkeypatch.setattr(aioice.stun.Message, "add_message_integrity", lambda *message: contacted.append(message))
    path = Path(Mirror({}), servers=[], addresses=("127.0.0.1",))
    try:
        await path.gather()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await path.connect(parse_offer(CHROMIUM + "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"))
    finally:
        await path.close()

    assert contacted == []


def test_binding_has_what_the_short_way_calls() -> None:
    for name in ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        assert callable(getattr(lib, name)), name


def test_short_way_protects_as_the_library_does() -> None:
    packet = b"\x80\x60\x00\x07" + bytes(8) + b"content"
    sessions = [
        Session(Policy(key=bytes(range(44)), ssrc_type=kind, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM))
        for kind in (Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_INBOUND)
    ]

    protected = Cipher(sessions[0]).protect(packet)

    assert protected == sessions[1].protect(packet)
    assert protected is not None
    inward = Cipher(sessions[2])
    assert inward.unprotect(protected[:-1] + b"x") is None
    assert inward.unprotect(protected) == packet
    assert inward.unprotect(protected) is None  # a replay
    assert inward.unprotect(b"\x80") is None
    assert Cipher(sessions[0]).protect(bytes(1500)) is None


def test_nothing_but_the_transport_touches_private_parts() -> None:
    private = {name for names in (*CONTRACT.values(), *CONTRACT_INSTANCE.values()) for name in names}
    private -= {"get_component_candidates", "datagram_received"}  # public
    private -= {"_transport", "_buffer", "_connection"}  # words of ours, too
    for file in (WEB.parent).rglob("*.py"):
        if file.name != "transport.py":
            found = {name for name in private if f".{name}" in file.read_text()}
            assert found == set(), file
