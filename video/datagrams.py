"""UDP sockets whose datagrams are taken and sent many at a time: recvmmsg(2) and sendmmsg(2); one at a time without them.

Addresses have the form that the socket's kind likes best; `named` and `packed` turn it into host and port and back. Both
kinds lose what they can't hold, as UDP may.
"""

import errno
import socket
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from struct import Struct
from typing import Any, Final, Literal, Protocol

from cffi import FFI  # type: ignore[import-untyped]  # its types are a package of their own

BATCH: Final = 32
"""Datagrams that are taken in one system call, and wait for each other before they are sent on."""

QUEUE: Final = 256
"""Datagrams that wait for the network to take them; more are lost."""

LARGEST: Final = 2048
BUFFER: Final = 8 * 2**20
"""Bytes asked of the kernel for what comes while this process does something else; it may grant less."""

NAME: Final = 28
"""sizeof(struct sockaddr_in6), the longer of the two."""

DATA_AT: Final = range(0, BATCH * LARGEST, LARGEST)
NAME_AT: Final = range(0, BATCH * NAME, NAME)
FAMILY: Final = Struct("=H")
V4: Final = Struct("=H2s4s20x")
V6: Final = Struct("=H2s4x16s4x")

FORCE: Final = 33
"""SO_RCVBUFFORCE of Linux, beyond net.core.rmem_max for those who may; Python has no name for it."""

_ffi: Final = FFI()
_ffi.cdef("""
struct iovec { void *iov_base; size_t iov_len; };
struct msghdr {
    void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
    void *msg_control; size_t msg_controllen; int msg_flags;
};
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
""")

Address = Hashable


class Datagrams(Protocol):
    """A bound socket that never waits."""

    @property
    def socket(self) -> socket.socket:
        """The socket itself, to be watched."""

    def receive(self) -> "list[tuple[bytes, Any]]":
        """What is there, at most `BATCH` datagrams, each with its sender's address."""

    def queue(self, data: bytes, address: Any) -> None:
        """Keep a datagram for the next `flush`; lost if it is too long, or too many wait."""

    def flush(self) -> bool:
        """True once everything that was queued has left, in its order; False if the network takes no more just now."""

    def close(self) -> None:
        """Send what can be sent at once, and give the socket back."""

    def named(self, address: Any) -> tuple[str, int]:
        """Host and port."""

    def packed(self, host: str, port: int) -> Address:
        """The address of a host, itself an address, and a port."""


class Batched:
    """The socket of a kernel that takes and gives many datagrams in one call. Addresses are those of the kernel, in bytes."""

    def __init__(self, own: socket.socket, system: Any) -> None:
        self.socket, self._fd, self._system = own, own.fileno(), system
        self._incoming, self._outgoing = _Ring(BATCH), _Ring(QUEUE)
        self._first = self._next = 0

    def receive(self) -> list[tuple[bytes, Any]]:
        """What is there, at most `BATCH` datagrams, each with its sender's address."""
        ring = self._incoming
        count: int = self._system.recvmmsg(self._fd, ring.headers, BATCH, socket.MSG_DONTWAIT, _ffi.NULL)
        data, names = ring.data, ring.names
        places = zip(DATA_AT, NAME_AT, ring.sizes[: max(count, 0)].tolist(), strict=False)
        return [(data[at : at + size], names[name : name + NAME]) for at, name, size in places]

    def queue(self, data: bytes, address: bytes) -> None:
        """Keep a datagram for the next `flush`; lost if it is too long, or too many wait."""
        ring, size = self._outgoing, len(data)
        if size > LARGEST or (self._next == QUEUE and not self.flush()):
            return
        place = self._next
        at, name = place * LARGEST, place * NAME
        ring.data[at : at + size] = data
        ring.names[name : name + NAME] = address
        ring.lengths[place] = size
        self._next = place + 1

    def flush(self) -> bool:
        """True once everything that was queued has left, in its order; False if the network takes no more just now."""
        while self._first < self._next:
            waiting = self._next - self._first
            sent = self._system.sendmmsg(self._fd, self._outgoing.headers + self._first, waiting, socket.MSG_DONTWAIT)
            if sent > 0:
                self._first += sent
            elif _ffi.errno == errno.EAGAIN:
                return False
            elif _ffi.errno != errno.EINTR:
                self._first += 1  # this one goes nowhere, as its address or its size is wrong; those behind it may
        self._first = self._next = 0
        return True

    def close(self) -> None:
        """Send what can be sent at once, and give the socket back."""
        self.flush()
        self._first = self._next = 0
        self._fd = -1  # the number may soon be that of another socket
        self.socket.close()

    def named(self, address: bytes) -> tuple[str, int]:
        """Host and port."""
        (family,) = FAMILY.unpack_from(address)
        _, port, host = (V4 if family == socket.AF_INET else V6).unpack(address)
        return socket.inet_ntop(family, host), int.from_bytes(port, "big")

    def packed(self, host: str, port: int) -> bytes:
        """The address of a host, itself an address, and a port."""
        family = self.socket.family
        form = V4 if family == socket.AF_INET else V6
        return form.pack(family, port.to_bytes(2, "big"), socket.inet_pton(family, host))


class Single:
    """The same, one datagram a call, for other kernels. Addresses are those of Python's sockets."""

    def __init__(self, own: socket.socket) -> None:
        self.socket = own
        self._waiting: deque[tuple[bytes, Any]] = deque()

    def receive(self) -> list[tuple[bytes, Any]]:
        """What is there, at most `BATCH` datagrams, each with its sender's address."""
        found: list[tuple[bytes, Any]] = []
        with suppress(OSError):  # there is nothing more
            while len(found) < BATCH:
                data, address = self.socket.recvfrom(LARGEST)
                found.append((data, address[:2]))
        return found

    def queue(self, data: bytes, address: Any) -> None:
        """Keep a datagram for the next `flush`; lost if it is too long, or too many wait."""
        if len(data) <= LARGEST and (len(self._waiting) < QUEUE or self.flush()):
            self._waiting.append((data, address))

    def flush(self) -> bool:
        """True once everything that was queued has left, in its order; False if the network takes no more just now."""
        while self._waiting:
            try:
                self.socket.sendto(*self._waiting[0])
            except BlockingIOError:
                return False
            except OSError:
                pass  # this one goes nowhere, as its address or its size is wrong; those behind it may
            self._waiting.popleft()
        return True

    def close(self) -> None:
        """Send what can be sent at once, and give the socket back."""
        self.flush()
        self._waiting.clear()
        self.socket.close()

    def named(self, address: Any) -> tuple[str, int]:
        """Host and port."""
        return address[0], address[1]

    def packed(self, host: str, port: int) -> Address:
        """The address of a host, itself an address, and a port."""
        return host, port


def bound(host: str) -> Datagrams:
    """A socket at this address of ours, at a port that the system chooses; `OSError` if the address is not ours."""
    own = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        own.setblocking(False)
        own.bind((host, 0))
        for option in (socket.SO_RCVBUF, FORCE):
            with suppress(OSError):
                own.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    except OSError:
        own.close()
        raise
    system = _system(own)
    return Single(own) if system is None else Batched(own, system)


def _system(own: socket.socket) -> Any:
    """What has both calls; None where the library or the kernel lacks one."""
    system: Any = _ffi.dlopen(None)
    try:
        answers = (
            system.sendmmsg(own.fileno(), _ffi.NULL, 0, 0),
            system.recvmmsg(own.fileno(), _ffi.NULL, 0, socket.MSG_DONTWAIT, _ffi.NULL),
        )
    except AttributeError:
        return None
    return system if answers == (0, 0) else None


class _Ring:
    """Buffers for as many datagrams, and the headers that tell the kernel of them."""

    def __init__(self, count: int) -> None:
        data, names = _ffi.new("char[]", count * LARGEST), _ffi.new("char[]", count * NAME)
        self.headers: Any = _ffi.new("struct mmsghdr[]", count)
        self._parts, self._held = _ffi.new("struct iovec[]", count), (data, names)
        for place in range(count):
            part, header = self._parts[place], self.headers[place].msg_hdr
            part.iov_base, part.iov_len = data + place * LARGEST, LARGEST
            header.msg_name, header.msg_namelen = names + place * NAME, NAME
            header.msg_iov, header.msg_iovlen = self._parts + place, 1
        self.data, self.names = _ffi.buffer(data), _ffi.buffer(names)
        self.sizes = _column(self.headers, "I", _ffi.offsetof("struct mmsghdr", "msg_len"))
        """Of what was received."""

        self.lengths = _column(self._parts, "L", _ffi.offsetof("struct iovec", "iov_len"))
        """Of what shall be sent."""


def _column(table: Any, form: Literal["I", "L"], offset: int) -> "memoryview[int]":
    """One member of all structures of an array, as numbers that stay in their place."""
    numbers = memoryview(_ffi.buffer(table)).cast("B").cast(form)
    return numbers[offset // numbers.itemsize :: _ffi.sizeof(table[0]) // numbers.itemsize]
