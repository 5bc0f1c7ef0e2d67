"""What a request costs the process that serves it, and what it may cost. The one place where tests assert a time.

STYLE has no timed assertions, because a busy machine makes them lie. Here time is what is promised: no body within the
limits takes the service for more than two seconds. So it is processor time, of one process, measured in the pace of this
machine at this moment; and what is slow by chance is tried again.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECONDS: Final = 2.0
KIBIBYTES: Final = 300 * 1024
TRIES: Final = 3
# Where others wait for the cores too, every switch leaves cold caches behind: the same work was seen to take twice as much.
MOST_CROWDED: Final = 2.0

_SAMPLE: Final = json.dumps([{"url": f"a{n}", "valueString": "b" * 17, "n": [n]} for n in range(20_000)])
_USUAL: Final = 0.018  # seconds for the sample where nothing else runs
_TICK: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """Processor time in seconds, and memory in KiB beyond what was held before."""

    seconds: float
    kibibytes: int

    @property
    def is_too_much(self) -> bool:
        """True if it is more than a request may cost."""
        return takes_too_long(self.seconds) or self.kibibytes > KIBIBYTES


class Meter:
    """What a process spends from now on; its peak of memory begins anew."""

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        (self._process / "clear_refs").write_text("5")  # proc(5): the peak begins where the process is now
        self._held, self._began = self._status("VmRSS"), self._seconds()

    def read(self) -> Spent:
        """What was spent since."""
        return Spent(self._seconds() - self._began, self._status("VmHWM") - self._held)

    def _status(self, name: str) -> int:
        lines = (self._process / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))

    def _seconds(self) -> float:
        fields = (self._process / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


@contextmanager
def unmeasured() -> Iterator[None]:
    """Work that is timed here and that no measuring of branches makes four times as long."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def takes_too_long(seconds: float) -> bool:
    """True if so much processor time is more than is promised, at the pace of this moment."""
    return seconds > SECONDS and seconds > SECONDS * pace()


def pace() -> float:
    """How many times as long as usual a piece of work may take on this machine now; at least one."""
    return max(1.0, _slowness()) * min(MOST_CROWDED, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def _slowness() -> float:
    gc.disable()  # how long a collection takes is a matter of the tests, not of the machine
    began = time.process_time()
    for _ in range(2):
        json.loads(_SAMPLE)
    spent = time.process_time() - began
    gc.enable()
    return spent / _USUAL
