"""TURN credentials against Debian's coturn: it relays for whom we minted them, and for nobody else."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aioice import stun, turn

from infra.clock import FixedClock, SystemClock
from tests.fixtures.participants import Participants
from tests.fixtures.processes import answers, free_port, running
from video.ice import CREDENTIAL_LIFETIME, Ice

SECRET = "shared with coturn"
LOOPBACK = ("--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers")
QUIET = ("--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout", "--min-port=40000", "--max-port=40099")


@pytest.fixture
def address(tmp_path: Path, participants: Participants) -> Iterator[str]:
    """A TURN server that shares the secret with us."""
    program = shutil.which("turnserver")
    if program is None:
        participants.excuse("coturn", "turnserver is not installed")
    port = free_port()
    own = (f"--listening-port={port}", f"--pidfile={tmp_path / 'pid'}", "--realm=telemed.example")
    command = [program, "-n", "--use-auth-secret", f"--static-auth-secret={SECRET}", *own, *LOOPBACK, *QUIET]
    with running(command, tmp_path / "log", ready=lambda: answers(port)):
        participants.joined("coturn", "")
        yield f"turn:127.0.0.1:{port}"


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


async def test_coturn_relays_for_a_participant_and_for_no_one_without_the_secret_or_too_late(address: str) -> None:
    late = FixedClock(SystemClock().now() - CREDENTIAL_LIFETIME - timedelta(minutes=1))

    assert await relayed(address, Ice(turn=(address,), secret=SECRET)) == "127.0.0.1"
    for refused in (Ice(turn=(address,), secret="another"), Ice(turn=(address,), secret=SECRET, clock=late)):
        with pytest.raises(stun.TransactionFailed, match="401"):
            await relayed(address, refused)
