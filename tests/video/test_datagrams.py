"""Many datagrams in one call: all arrive in their order, whatever the kernel takes at once, and one that can't leave is alone."""

import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video import datagrams
from video.datagrams import BATCH, LARGEST, QUEUE, Batched, Datagrams, Single, bound

KINDS = ["batched", "single"]


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Datagrams, Datagrams]]:
    """Who sends and who receives, on either kind of kernel."""
    if request.param == "single":
        monkeypatch.setattr(datagrams, "_system", lambda own: None)
    sending, receiving = bound("127.0.0.1"), bound("127.0.0.1")
    assert isinstance(sending, Single if request.param == "single" else Batched)
    yield sending, receiving
    sending.close()
    receiving.close()


def _to(receiving: Datagrams) -> Any:
    return receiving.packed(*receiving.socket.getsockname())


def _all(receiving: Datagrams) -> list[bytes]:
    got: list[bytes] = []
    while batch := receiving.receive():
        got += [data for data, _ in batch]
    return got


def test_all_that_was_queued_arrives_in_its_order_with_its_sender(pair: tuple[Datagrams, Datagrams]) -> None:
    sending, receiving = pair
    sent = [bytes([number]) * (number % 7 * 100) for number in range(BATCH + 10)]

    for one in sent:
        sending.queue(one, _to(receiving))
    assert sending.flush()
    batches = [receiving.receive() for _ in range(3)]

    assert [data for batch in batches for data, _ in batch] == sent
    assert {receiving.named(address) for _, address in batches[0]} == {sending.socket.getsockname()}
    assert [len(batch) for batch in batches] == [BATCH, 10, 0]


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(0, LARGEST), max_size=60))
def test_any_sizes_arrive_as_they_were(sizes: list[int]) -> None:
    sending, receiving = bound("127.0.0.1"), bound("127.0.0.1")
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]

    for one in sent:
        sending.queue(one, _to(receiving))
    sending.flush()

    assert _all(receiving) == sent
    sending.close()
    receiving.close()


def test_one_that_goes_nowhere_does_not_keep_those_behind_it(pair: tuple[Datagrams, Datagrams]) -> None:
    sending, receiving = pair
    nowhere = sending.packed("255.255.255.255", 9)  # needs SO_BROADCAST
    for data, address in [(b"1", _to(receiving)), (b"2", nowhere), (b"3", nowhere), (b"4", _to(receiving))]:
        sending.queue(data, address)

    assert sending.flush()
    assert _all(receiving) == [b"1", b"4"]


def test_peer_that_is_gone_does_not_keep_the_others(pair: tuple[Datagrams, Datagrams]) -> None:
    sending, receiving = pair
    gone = bound("127.0.0.1")
    where = _to(gone)
    gone.close()
    for round_ in range(2):  # the second finds what the first was told of the closed port
        for data, address in [(b"x", where), (bytes([round_]), _to(receiving))]:
            sending.queue(data, address)
        assert sending.flush()

    assert _all(receiving) == [b"\0", b"\1"]


def test_too_long_is_lost_and_nothing_else_is(pair: tuple[Datagrams, Datagrams]) -> None:
    sending, receiving = pair
    sending.queue(bytes(LARGEST + 1), _to(receiving))
    for number in range(QUEUE + 20):
        sending.queue(number.to_bytes(2, "big"), _to(receiving))

    sending.flush()

    assert _all(receiving) == [number.to_bytes(2, "big") for number in range(QUEUE + 20)]


class Kernel:
    """The real one, whose sendmmsg does what a test says."""

    def __init__(self, own: Batched, sends: Callable[[int], int]) -> None:
        self._real, self._sends = own._system, sends

    def recvmmsg(self, *asked: Any) -> int:
        """What the real one does."""
        return int(self._real.recvmmsg(*asked))

    def sendmmsg(self, number: int, headers: Any, count: int, flags: int) -> int:
        """As many as the test allows; -1 where it wants the network to be full."""
        allowed = self._sends(count)
        if allowed < 0:
            datagrams._ffi.errno = -allowed
            return -1
        return int(self._real.sendmmsg(number, headers, allowed, flags))


def _on(sends: Callable[[int], int]) -> tuple[Batched, Datagrams]:
    sending, receiving = bound("127.0.0.1"), bound("127.0.0.1")
    assert isinstance(sending, Batched)
    sending._system = Kernel(sending, sends)
    return sending, receiving


@settings(max_examples=30)
@given(takes=st.lists(st.sampled_from([1, 2, 5, 100, -errno.EAGAIN, -errno.EINTR]), max_size=30))
def test_order_is_kept_whatever_the_kernel_takes_at_once(takes: list[int]) -> None:
    script = iter(takes)
    sending, receiving = _on(lambda count: min(next(script, count), count))
    sent = [number.to_bytes(2, "big") for number in range(50)]
    for number, one in enumerate(sent):
        sending.queue(one, _to(receiving))
        if number % 5 == 4:
            sending.flush()

    while not sending.flush():
        pass

    assert _all(receiving) == sent
    sending.close()
    receiving.close()


def test_full_network_keeps_what_waits_until_it_takes_more() -> None:
    full = [True]
    sending, receiving = _on(lambda count: -errno.EAGAIN if full[0] else count)
    sending.queue(b"waits", _to(receiving))

    assert not sending.flush()
    assert _all(receiving) == []
    full[0] = False
    assert sending.flush()
    assert _all(receiving) == [b"waits"]
    sending.close()
    receiving.close()


class Full(socket.socket):
    """A socket whose network takes nothing, until it does."""

    full = True

    def sendto(self, *sent: Any) -> int:
        """What the real one does, or that it would wait."""
        if self.full:
            raise BlockingIOError
        return super().sendto(*sent)


def test_full_network_is_waited_for_one_by_one_as_well() -> None:
    receiving, own = bound("127.0.0.1"), Full(socket.AF_INET, socket.SOCK_DGRAM)
    sending = Single(own)
    for number in range(QUEUE + 5):
        sending.queue(number.to_bytes(2, "big"), receiving.socket.getsockname())

    assert not sending.flush()
    own.full = False
    assert sending.flush()
    assert _all(receiving) == [number.to_bytes(2, "big") for number in range(QUEUE)]
    sending.close()
    receiving.close()


def test_full_network_is_waited_for_in_bounds() -> None:
    full = [True]
    sending, receiving = _on(lambda count: -errno.EAGAIN if full[0] else count)
    for number in range(2 * QUEUE):
        sending.queue(number.to_bytes(2, "big"), _to(receiving))

    full[0] = False
    sending.flush()

    assert _all(receiving) == [number.to_bytes(2, "big") for number in range(QUEUE)]
    sending.close()
    receiving.close()


def test_nothing_is_sent_after_closing_under_a_number_that_may_be_of_another() -> None:
    asked: list[int] = []

    def never(count: int) -> int:
        asked.append(count)
        return -errno.EAGAIN

    sending, receiving = _on(never)
    sending.queue(b"waits", _to(receiving))
    sending.close()
    before = len(asked)

    assert sending.flush()
    assert len(asked) == before
    receiving.close()


@given(port=st.integers(0, 0xFFFF), host=st.ip_addresses())
def test_address_is_read_as_it_was_written(port: int, host: Any) -> None:
    family = socket.AF_INET if host.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as own:
        batched, single = Batched(own, None), Single(own)
        name = socket.inet_ntop(family, host.packed)
        assert batched.named(batched.packed(name, port)) == (name, port)
        assert single.named(single.packed(name, port)) == (name, port)


@pytest.mark.parametrize("kind", KINDS)
def test_longer_addresses_work_as_well(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "single":
        monkeypatch.setattr(datagrams, "_system", lambda own: None)
    sending, receiving = bound("::1"), bound("::1")

    sending.queue(b"six", receiving.packed(*receiving.socket.getsockname()[:2]))
    sending.flush()
    ((data, address),) = receiving.receive()

    assert (data, receiving.named(address)) == (b"six", sending.socket.getsockname()[:2])
    sending.close()
    receiving.close()


class Lacking:
    """A kernel or a library without the calls."""

    def __init__(self, answer: int | None) -> None:
        self._answer = answer

    def __getattr__(self, name: str) -> Callable[..., int | None]:
        if self._answer is None:
            raise AttributeError(name)
        return lambda *asked: self._answer


@pytest.mark.parametrize("answer", [None, -1])
def test_kernel_without_the_calls_is_served_one_by_one(answer: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        NULL = datagrams._ffi.NULL

        def dlopen(self, name: None) -> Lacking:
            return Lacking(answer)

    monkeypatch.setattr(datagrams, "_ffi", Library())

    with bound("127.0.0.1").socket as own:
        assert own.fileno() >= 0
    found = bound("127.0.0.1")
    assert isinstance(found, Single)
    found.close()


def test_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(OSError, match="assign"):
        bound("198.51.100.1")
