"""What ends a demo. That a closed terminal does, to the last process, is tried in `tests/docs/test_first_minutes.py`."""

import signal
from collections.abc import Iterator

import pytest

from telemed.demo.command import endings

ALWAYS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def hang_up() -> Iterator[signal.Signals]:
    """The signal of a closed terminal, which does afterwards what it did before."""
    before = signal.getsignal(signal.SIGHUP)
    yield signal.SIGHUP
    signal.signal(signal.SIGHUP, before)


def test_a_demo_ends_with_its_terminal(hang_up: signal.Signals) -> None:
    signal.signal(hang_up, signal.SIG_DFL)

    assert endings() == [*ALWAYS, hang_up]


def test_a_demo_under_nohup_outlives_its_terminal(hang_up: signal.Signals) -> None:
    signal.signal(hang_up, signal.SIG_IGN)

    assert endings() == ALWAYS
