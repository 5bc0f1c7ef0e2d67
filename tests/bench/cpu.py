"""Processor time of other processes, to the nanosecond."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from tests.fixtures.postgres import PostgresServer

Cpu = Callable[[], float]


def seconds(pid: int) -> float:
    """The processor time that a process and all its threads have used, user and system."""
    # Linux names the CPU clock of any process so (the kernel's include/linux/posix-timers_types.h, CPUCLOCK_SCHED);
    # /proc/PID/stat says the same, but in steps of 10 ms.
    return time.clock_gettime((~pid << 3) | 2)


def settle(pids: Iterable[int], *, most: float = 20.0) -> None:
    """Nothing; the processes have done what a start leaves for later (`telemed.warming`), or the time is over."""
    until, idle = time.monotonic() + most, 0.02
    for pid in pids:
        before, spent = seconds(pid), idle + 1
        while spent > idle and time.monotonic() < until:
            time.sleep(0.2)
            before, spent = seconds(pid), seconds(pid) - before


def children(pid: int) -> list[int]:
    """The processes that this one started and that run now."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):  # has just ended
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


def of_postgres(server: PostgresServer) -> Cpu:
    """A function that tells the processor time of all backends and helpers of a PostgreSQL server."""
    postmaster = int(server.run("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))

    def total() -> float:
        spent = 0.0
        for child in children(postmaster):
            with suppress(OSError):  # a helper of the server may have ended since
                spent += seconds(child)
        return spent

    return total
