"""Faults on demand: what can go wrong between an app and Slack, switched on by a test or from the page.

Methods are named with patterns such as ``chat.*``. Besides the Web API's own names there are
``files.upload``, ``files.download`` and ``response_url`` for the addresses outside of the Web API.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from aiohttp import web

from bot.sandbox.slack.records import WebCall
from bot.sandbox.slack.workspace import SlackWorkspace


class Cut(StrEnum):
    """What happens to the connection instead of an answer."""

    RESET = "reset"
    HANG = "hang"
    LOSE_ANSWER = "lose_answer"


@dataclass(slots=True)
class Fault:
    """One rule; `times` counts down, None lasts until it is cleared."""

    method: str
    times: int | None = 1
    status: int = 200
    error: str = ""
    retry_after: int | None = None
    delay: float = 0.0
    cut: Cut | None = None
    where: dict[str, str] = field(default_factory=dict)

    @property
    def refuses(self) -> bool:
        """Whether the call is answered with an error and not performed."""
        return bool(self.error) or self.status != 200


class Faults:
    """All faults that are switched on; `clear` ends every one of them."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []
        self.silent = False
        self.ignores_pings = False
        self.sends_hello = True
        self.login_redirects = False
        self._duplicates = 0
        self._expired_tickets = 0
        self._held: list[asyncio.Future[None]] = []
        self._holding = 0
        self._drop: Callable[[bool], None] = lambda _: None
        self._reconnect: Callable[[str], None] = lambda _: None

    def control_sockets(self, drop: Callable[[bool], None], reconnect: Callable[[str], None]) -> None:
        """Take the handles by which open sockets are dropped or sent elsewhere."""
        self._drop, self._reconnect = drop, reconnect

    # The Web API

    def fail(
        self, method: str = "*", *, times: int | None = 1, error: str = "", status: int = 200, **where: str
    ) -> None:
        """Answer the next calls with any Slack error code, an HTTP status, or both; 500 if neither is given.

        `where` limits it to calls with these arguments, as ``channel="C1"``.
        """
        if not error and status == 200:
            status = 500
        self.rules.append(Fault(method, times, status=status, error=error, where=where))

    def rate_limit(self, method: str = "*", *, retry_after: int = 1, times: int | None = 1) -> None:
        """Answer HTTP 429 with Retry-After, in seconds."""
        self.rules.append(Fault(method, times, status=429, error="ratelimited", retry_after=retry_after))

    def delay(self, method: str = "*", *, seconds: float, times: int | None = 1) -> None:
        """Answer late."""
        self.rules.append(Fault(method, times, delay=seconds))

    def hang(self, method: str = "*", *, times: int | None = 1) -> None:
        """Never answer and leave the connection open; the call is not performed."""
        self.rules.append(Fault(method, times, cut=Cut.HANG))

    def reset(self, method: str = "*", *, times: int | None = 1) -> None:
        """Reset the connection; the call is not performed."""
        self.rules.append(Fault(method, times, cut=Cut.RESET))

    def lose_answer(self, method: str = "*", *, times: int | None = 1) -> None:
        """Perform the call, then reset the connection before it is answered."""
        self.rules.append(Fault(method, times, cut=Cut.LOSE_ANSWER))

    def take(self, method: str, args: Mapping[str, object] | None = None) -> Fault | None:
        """Return the first rule for this method and its arguments, and count it down."""
        for rule in self.rules:
            here = all(str((args or {}).get(name)) == value for name, value in rule.where.items())
            if here and fnmatchcase(method, rule.method):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self.rules.remove(rule)
                return rule
        return None

    # Deliveries

    def duplicate_deliveries(self, times: int = 1) -> None:
        """Deliver the next payloads twice, at once, under two envelope ids."""
        self._duplicates += times

    def reorder_deliveries(self, count: int = 2) -> None:
        """Hold the next `count` payloads until all are there, then send the last first."""
        self._holding = count

    def take_duplicate(self) -> bool:
        """Tell whether the next payload goes out twice."""
        if self._duplicates:
            self._duplicates -= 1
            return True
        return False

    async def gate(self) -> None:
        """Wait here while payloads are held to be reordered."""
        if not self._holding:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append(future)
        if len(self._held) == self._holding:
            self._let_go()
        await future

    def _let_go(self) -> None:
        held, self._held, self._holding = self._held, [], 0
        for future in reversed(held):
            if not future.done():
                future.set_result(None)

    # Sockets

    def silence(self, *, ignore_pings: bool = False) -> None:
        """Keep sockets open and send nothing on them, with `ignore_pings` no answer to a ping either."""
        self.silent, self.ignores_pings = True, ignore_pings

    def speak(self) -> None:
        """End the silence."""
        self.silent = self.ignores_pings = False

    def drop_sockets(self, *, abort: bool = True) -> None:
        """Cut every open socket at once: reset, or closed politely where `abort` is false."""
        self._drop(abort)

    def ask_to_reconnect(self, reason: str = "refresh_requested") -> None:
        """Send Slack's ``disconnect`` frame (``warning``, ``refresh_requested``) and close after it."""
        self._reconnect(reason)

    def omit_hello(self) -> None:
        """Open sockets without Slack's ``hello`` until `clear`."""
        self.sends_hello = False

    def expire_tickets(self, times: int) -> None:
        """Hand out the next addresses of sockets expired, so that they open nothing."""
        self._expired_tickets = times

    def take_expired_ticket(self) -> bool:
        """Return whether the next address is expired from the start."""
        if self._expired_tickets:
            self._expired_tickets -= 1
            return True
        return False

    def outage(self) -> None:
        """Answer nothing: cut all sockets and reset every call until `clear`."""
        self.rules.insert(0, Fault("*", None, cut=Cut.RESET))
        self.silence(ignore_pings=True)
        self.drop_sockets()

    def clear(self) -> None:
        """End all faults, and send the deliveries that were held."""
        self.rules.clear()
        self._duplicates = self._expired_tickets = 0
        self.login_redirects = False
        self.sends_hello = True
        self.speak()
        self._let_go()


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


class RequestFaults:
    """Logs each request of the app in the workspace, and applies its fault; `closing` ends what hangs."""

    def __init__(self, faults: Faults, workspace: SlackWorkspace) -> None:
        self.faults = faults
        self.closing = asyncio.Event()
        self._workspace = workspace

    async def carry_out(
        self,
        record: WebCall,
        request: web.Request,
        perform: Callable[[], Awaitable[web.StreamResponse]],
        lost: Callable[[], Awaitable[web.StreamResponse]] | None = None,
    ) -> web.StreamResponse:
        """Log the request, perform it unless a fault comes before that, and note the answer.

        `perform` sets `record.performed` if it did what was asked. Where a fault loses the answer, the connection
        is reset, or `lost` answers in another way.
        """
        self._workspace.calls.append(record)
        self._workspace.changed()
        started = time.perf_counter()
        try:
            fault = self.faults.take(record.method, record.args)
            if fault is not None and (refused := await self._before(fault, request)) is not None:
                if fault.refuses:
                    record.status, record.response = refused.status, {"ok": False, "error": fault.error}
                return refused
            response = await perform()
            if record.performed and fault is not None and fault.cut is Cut.LOSE_ANSWER:
                record.response = None
                return reset(request) if lost is None else await lost()
            record.status = response.status
            if record.response is None:
                record.response = {"ok": record.performed}
            return response
        finally:
            record.seconds = time.perf_counter() - started
            self._workspace.changed()

    async def _before(self, fault: Fault, request: web.Request) -> web.Response | None:
        """Delay, hang, reset or refuse; None means that the request is to be performed."""
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
