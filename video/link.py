"""What may stand between the sockets and the encryption of a transport: nothing, but in tests a bad line."""

from collections.abc import Callable

Deliver = Callable[[bytes], None]
Link = Callable[[Deliver], Deliver]
"""Asked once for each direction; given what delivers a protected datagram, it returns what is called in its place."""


def straight(deliver: Deliver) -> Deliver:
    """Nothing in between."""
    return deliver
