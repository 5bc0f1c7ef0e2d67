"""WebSockets whose compression keeps no memory between messages.

Two thousand people may wait in one process, each with a socket that says a few words a minute. A compression context that
stays costs about 40 kB of each; one for each message costs nothing while nobody speaks, and an offer, which is what
weak lines need it for, is compressed as well by itself (RFC 7692, 7.1.1).
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


class Frugal(WebSocketsSansIOProtocol):
    """uvicorn's protocol with such a compression."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn.available_extensions = [
            ServerPerMessageDeflateFactory(
                server_no_context_takeover=True,
                client_no_context_takeover=True,
                server_max_window_bits=12,
                client_max_window_bits=12,
                compress_settings={"memLevel": 5},
            )
        ]
