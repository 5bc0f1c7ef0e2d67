"""Keeping what a process has in memory out of files: Python can't wipe keys, so nobody may be left a copy of them."""

import ctypes
import resource
import sys
from typing import Final

from infra.problems import Problem

# Linux, prctl(2): whether a core dump may be made, and whether others of the same account may look into the process.
PR_GET_DUMPABLE: Final = 3
PR_SET_DUMPABLE: Final = 4


class MemoryNotPrivate(Problem):
    """This system can't keep the memory of a process out of core dumps."""


def keep_private() -> None:
    """Nothing; this process leaves no core dump, and no debugger of the same account can attach to it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(PR_SET_DUMPABLE)
    if not is_private():
        raise MemoryNotPrivate


def is_private() -> bool:
    """True if this process leaves no core dump."""
    return resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 and _prctl(PR_GET_DUMPABLE) == 0


def require_possible() -> None:
    """Nothing; `MemoryNotPrivate` where `keep_private` would not work. It changes nothing."""
    if _prctl(PR_GET_DUMPABLE) < 0:
        raise MemoryNotPrivate


def _prctl(option: int) -> int:
    if sys.platform != "linux":
        return 0  # elsewhere the limit alone has to do
    return int(ctypes.CDLL(None).prctl(option, 0, 0, 0, 0))
