"""Streamed answers: server-sent events, or one JSON list written piece by piece, as `alt` asks."""

import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from bot.sandbox.google.faults import Cut
from bot.sandbox.google.router import Call


async def stream(call: Call, responses: AsyncIterator[dict[str, Any]]) -> web.StreamResponse:
    """Send each response as soon as there is one.

    Raises:
        Cut: a fault asked for the connection to be cut after so many pieces.
    """
    events = call.query.get("alt") == "sse"
    reply = web.StreamResponse(
        headers={"Content-Type": "text/event-stream" if events else "application/json; charset=UTF-8"}
    )
    await reply.prepare(call.request)
    sent = 0
    async for response in responses:
        if call.cut_after is not None and sent >= call.cut_after:
            raise Cut
        text = json.dumps(response, ensure_ascii=False)
        before, after = ("data: ", "\r\n\r\n") if events else (",\r\n" if sent else "[", "")
        await reply.write(f"{before}{text}{after}".encode())
        sent += 1
    # Google's own client for REST refuses anything after the bracket, even a line break.
    if not events:
        await reply.write(b"]" if sent else b"[]")
    await reply.write_eof()
    return reply
