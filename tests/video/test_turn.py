"""TURN credentials against Debian's coturn: it relays for whom we minted them, and for nobody else."""

import asyncio
from datetime import timedelta

import pytest
from aioice import stun, turn

from infra.clock import FixedClock, SystemClock
from tests.fixtures.turn import SECRET
from video.ice import CREDENTIAL_LIFETIME, Ice


async def relayed(address: str, ice: Ice) -> str:
    """Where a participant with fresh credentials is relayed; `TransactionFailed` if the server refuses."""
    [server] = ice.for_browser()
    transport, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        server_addr=("127.0.0.1", int(address.rpartition(":")[2])),
        username=str(server["username"]),
        password=str(server["credential"]),
    )
    host: str = transport.get_extra_info("sockname")[0]
    transport.close()
    await asyncio.sleep(0)
    return host


async def test_coturn_relays_for_a_participant_and_for_no_one_without_the_secret_or_too_late(
    turn_address: str,
) -> None:
    late = FixedClock(SystemClock().now() - CREDENTIAL_LIFETIME - timedelta(minutes=1))

    assert await relayed(turn_address, Ice(turn=(turn_address,), secret=SECRET)) == "127.0.0.1"
    for refused in (Ice(turn=(turn_address,), secret="another"), Ice(turn=(turn_address,), secret=SECRET, clock=late)):
        with pytest.raises(stun.TransactionFailed, match="401"):
            await relayed(turn_address, refused)
