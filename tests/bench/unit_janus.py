"""What a forwarded packet costs Janus' videoroom (Debian's package), under the load and the accounting of `unit.py`.

Each participant publishes on one connection and subscribes to the other's on a second, as Janus wants it. Janus runs
alone on a core, its own settings for everything that is not named here, and speaks over a Unix socket.
"""

import asyncio
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path as File
from typing import Any, Final
from unittest.mock import patch

import uvloop
from aioice.ice import get_host_addresses

from tests.bench import cpu
from tests.bench.unit import KILOBITS, WARM, apart
from tests.bench.unit_caller import protecting, sink, wire
from tests.bench.unit_load import Driven, Shape, drive, source
from video.sdp import Local, attribute, attributes
from video.transport import Path
from video.unit_offer import WIDE

OPUS, VP8, RTX, WIDE_ID = 111, 96, 97, 3
PATIENCE: Final = 20.0
ATTEMPTS: Final = 20
LOOKS: Final = 20
SETTLED: Final = 0.5
PLUGIN: Final = "janus.plugin.videoroom"
SETTINGS: Final = """
general: {{ configs_folder = "{home}", debug_level = 2, disable_stun = true }}
nat: {{ ice_lite = true, nice_debug = false }}
transports: {{ disable = "libjanus_http.so,libjanus_websockets.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_rabbitmq.so" }}
"""
TRANSPORT: Final = 'general: {{ enabled = true, json = "plain", path = "{home}/janus", type = "SOCK_SEQPACKET" }}'


class MissingError(Exception):
    """Janus is not installed, or does not start here."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Janus' side of a connection."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    candidates: tuple[str, ...]


class Nothing:
    """Takes what comes before the load looks at the socket itself."""

    def rtp(self, packet: bytes) -> None:
        """Nothing."""

    def rtcp(self, data: bytes) -> None:
        """Nothing."""


class Janus:
    """One session with a running Janus."""

    def __init__(self, where: File, *, pid: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(where))
        self._numbers = count(1)
        self.spent = partial(cpu.seconds, pid)
        self._session = self._asked({"janus": "create"})["data"]["id"]

    def attached(self) -> int:
        """A new handle at the videoroom."""
        found: int = self._asked({"janus": "attach", "session_id": self._session, "plugin": PLUGIN})["data"]["id"]
        return found

    def say(self, handle: int, body: dict[str, Any], sdp: str = "", kind: str = "") -> Any:
        """What the videoroom answers."""
        message = {"janus": "message", "session_id": self._session, "handle_id": handle, "body": body}
        return self._asked(message | ({"jsep": {"type": kind, "sdp": sdp}} if sdp else {}))

    def _asked(self, message: dict[str, Any]) -> Any:
        number = str(next(self._numbers))
        self._socket.send(json.dumps(message | {"transaction": number}).encode())
        while True:
            heard = json.loads(self._socket.recv(2**17))
            if heard.get("transaction") != number or heard["janus"] == "ack":
                continue
            if heard["janus"] == "error" or "error" in heard.get("plugindata", {}).get("data", {}):
                raise MissingError(str(heard))
            return heard

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


@contextmanager
def janus() -> Iterator[Janus]:
    """A Janus of this run, on the last core; `MissingError` where there is none."""
    program = shutil.which("janus")
    if program is None:
        raise MissingError("not installed (Debian: apt install janus)")
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="telemed-janus-") as home:
            where = File(home) / "janus"
            (File(home) / "janus.jcfg").write_text(SETTINGS.format(home=home))
            (File(home) / "janus.transport.pfunix.jcfg").write_text(TRANSPORT.format(home=home))
            command = [program, "-F", home]
            with apart(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                try:
                    if _listens(where, process):
                        yield Janus(where, pid=process.pid)
                        return
                finally:
                    process.terminate()
    raise MissingError("does not start")


def _listens(where: File, process: "subprocess.Popen[Any]") -> bool:
    """True once it does; False if it gave up, as it does when its socket's thread runs before it has noted its start."""
    for _ in range(LOOKS):
        with suppress(subprocess.TimeoutExpired):
            process.wait(SETTLED)
            return False
        if where.exists():
            return True
    return False


async def measured(calls: int, *, seconds: float) -> Driven:
    """So many calls of two at 1 Mbit/s each way, through a videoroom each."""
    paths: list[Path] = []
    hosts = get_host_addresses(use_ipv4=True, use_ipv6=False)[
        :1
    ]  # one socket each, and not on loopback, which Janus leaves out
    with janus() as serving, patch("aioice.ice.get_host_addresses", lambda **families: hosts):
        control = serving.attached()
        try:
            published, sources = [], []
            for number in range(2 * calls):
                room = 1 + number // 2
                if not number % 2:
                    made = {
                        "request": "create",
                        "room": room,
                        "publishers": 2,
                        "audiocodec": "opus",
                        "videocodec": "vp8",
                    }
                    serving.say(control, made)
                published.append(await _publish(serving, number, room=room))
                paths.append(published[-1])
            for number, path in enumerate(published):
                shape = Shape((VP8, _ssrc(number)), (OPUS, _ssrc(number) + 1), WIDE_ID)
                sources.append(
                    source(shape, protecting(path), kilobits=KILOBITS, seconds=WARM + seconds, wire=wire(path))
                )
            sinks = []
            for number in range(2 * calls):
                path, wide = await _subscribe(serving, number ^ 1, room=1 + number // 2)
                paths.append(path)
                sinks.append(sink(path, sources[number ^ 1], wide=wide))
            return drive(sources, sinks, warm=WARM, seconds=seconds, spent=serving.spent)
        finally:
            for path in paths:
                await path.close()
            serving.close()


def _ssrc(number: int) -> int:
    return 0x10000 + 16 * number


async def _publish(serving: Janus, number: int, *, room: int) -> Path:
    handle, path = serving.attached(), Path(Nothing(), servers=[], calls=True)
    serving.say(handle, {"request": "join", "ptype": "publisher", "room": room, "id": number + 1})
    local = await path.gather()
    said = serving.say(handle, {"request": "publish"}, _offer(local, _ssrc(number)), "offer")
    await _connected(path, said["jsep"]["sdp"])
    return path


async def _subscribe(serving: Janus, feed: int, *, room: int) -> tuple[Path, int]:
    handle, path = serving.attached(), Path(Nothing(), servers=[], calls=True)
    joining = {"request": "join", "ptype": "subscriber", "room": room, "streams": [{"feed": feed + 1}]}
    offer = serving.say(handle, joining)["jsep"]["sdp"]
    serving.say(handle, {"request": "start"}, _answer(offer, await path.gather()), "answer")
    await _connected(path, offer)
    lines = [one.split(" ") for one in attributes(offer.replace("\r\n", "\n").split("\n"), "extmap")]
    return path, next((int(number.split("/")[0]) for number, name, *_ in lines if name == WIDE), 0)


async def _connected(path: Path, text: str) -> None:
    lines = text.replace("\r\n", "\n").split("\n")
    prints = tuple((kind, value) for kind, value in (one.split(" ", 1) for one in attributes(lines, "fingerprint")))
    own = Remote(
        attribute(lines, "ice-ufrag"),
        attribute(lines, "ice-pwd"),
        tuple(dict.fromkeys(prints)),
        tuple(dict.fromkeys(attributes(lines, "candidate"))),
    )
    async with asyncio.timeout(PATIENCE):
        assert await path.connect(own, own.candidates)


def _transport(local: Local, setup: str) -> list[str]:
    return [
        "c=IN IP4 0.0.0.0",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        *(f"a=fingerprint:{kind} {value}" for kind, value in local.fingerprints),
        f"a=setup:{setup}",
        "a=rtcp-mux",
    ]


def _offer(local: Local, ssrc: int) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
    lines += [f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}", *_transport(local, "actpass"), "a=mid:0", "a=sendonly"]
    lines += [f"a=rtpmap:{OPUS} opus/48000/2", f"a=rtcp-fb:{OPUS} transport-cc", f"a=extmap:{WIDE_ID} {WIDE}"]
    lines += [f"a=ssrc:{ssrc + 1} cname:load"]
    lines += [f"m=video 9 UDP/TLS/RTP/SAVPF {VP8} {RTX}", *_transport(local, "actpass"), "a=mid:1", "a=sendonly"]
    lines += [f"a=rtpmap:{VP8} VP8/90000", f"a=rtpmap:{RTX} rtx/90000", f"a=fmtp:{RTX} apt={VP8}"]
    lines += [f"a=rtcp-fb:{VP8} {one}" for one in ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")]
    lines += [f"a=extmap:{WIDE_ID} {WIDE}", f"a=ssrc:{ssrc} cname:load"]
    return "\r\n".join(lines) + "\r\n"


def _answer(offer: str, local: Local) -> str:
    """Everything that Janus offers, accepted."""
    kept = ("a=mid:", "a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:")
    session, *sections = offer.replace("\r\n", "\n").split("\nm=")
    bundle = attribute(session.split("\n"), "group")
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:{bundle}"]
    for section in sections:
        first, *rest = section.split("\n")
        lines += [f"m={first}", *_transport(local, "passive"), "a=recvonly"]
        lines += [line for line in rest if line.startswith(kept)]
    return "\r\n".join(lines) + "\r\n"


def run(calls: int, *, seconds: float) -> float:
    """Microseconds of processor for a packet that Janus forwarded; `MissingError` where there is none."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        driven = runner.run(measured(calls, seconds=seconds))
    return 1e6 * driven.spent / max(driven.received, 1)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as chosen:
        print(chosen.run(measured(12, seconds=6)))
