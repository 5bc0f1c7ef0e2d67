"""Sockets keep no compression context between messages, and large messages still cross compressed."""

import asyncio
import socket

import uvicorn
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import connect

from infra.sockets import Frugal

OFFER = "a=rtpmap:111 opus/48000/2\r\n" * 500


async def test_each_message_is_compressed_by_itself() -> None:
    app, listening = FastAPI(), socket.socket()
    listening.bind(("127.0.0.1", 0))

    @app.websocket("/echo")
    async def echo(client: WebSocket) -> None:
        await client.accept()
        await client.send_text(await client.receive_text())

    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws=Frugal))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    async with connect(f"ws://127.0.0.1:{listening.getsockname()[1]}/echo") as client:
        assert client.response is not None
        agreed = client.response.headers["Sec-WebSocket-Extensions"]
        await client.send(OFFER)
        assert await client.recv() == OFFER
    server.should_exit = True
    await task

    assert "permessage-deflate" in agreed
    assert "server_no_context_takeover" in agreed
    assert "client_no_context_takeover" in agreed
