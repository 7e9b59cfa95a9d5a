"""Ways in which the server leaves a client without an answer."""

import asyncio
import socket
import struct

from aiohttp import web

from bot.sandbox.slack.faults import Cut, Fault, Faults


def reset(request: web.Request) -> web.Response:
    """Reset the client's connection; the response that is returned reaches nobody."""
    if request.transport is not None:
        abort(request.transport)
    return web.Response()


def abort(transport: asyncio.BaseTransport) -> None:
    """Close a connection with a TCP reset instead of a polite end."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


class Trouble:
    """Applies a fault to a request before it is performed; `closing` ends what hangs."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.closing = asyncio.Event()

    async def before(self, fault: Fault | None, request: web.Request) -> web.Response | None:
        """Delay, hang, reset or refuse; None means that the request is to be performed."""
        if fault is None:
            return None
        if fault.delay:
            await self._wait(fault.delay)
        if fault.cut is Cut.HANG:
            await self.closing.wait()
            return reset(request)
        if fault.cut is Cut.RESET:
            return reset(request)
        if fault.refuses:
            return refusal(fault)
        return None

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return


def refusal(fault: Fault) -> web.Response:
    """Return what a refusing fault answers: Slack's JSON, or a bare HTTP error."""
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.error:
        return web.json_response({"ok": False, "error": fault.error}, status=fault.status, headers=headers)
    return web.Response(text="upstream error", status=fault.status, headers=headers)
