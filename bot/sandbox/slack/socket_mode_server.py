"""Socket Mode: WebSocket connections on which envelopes go out and acknowledgements come back."""

import asyncio
import itertools
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from bot.sandbox.slack.deliveries import DeliveryFailed
from bot.sandbox.slack.records import Delivery, Json
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.slack_faults import Faults, abort
from bot.sandbox.slack.workspace import SlackWorkspace

MOST_CONNECTIONS = 10
PING_SECONDS = 10.0


@dataclass(eq=False, slots=True)
class Connection:
    """One open socket and the envelopes that await its acknowledgement."""

    id: str
    socket: web.WebSocketResponse
    request: web.Request
    pending: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    leaving: bool = False

    def give_up(self, reason: str) -> None:
        """Fail everything that waits on this socket."""
        for future in self.pending.values():
            if not future.done():
                future.set_exception(DeliveryFailed("error", reason))


class SocketMode:
    """Accepts sockets that hold a ticket and hands envelopes to any one of them."""

    name = "socket"

    def __init__(self, workspace: SlackWorkspace, app: SlackApp, faults: Faults) -> None:
        self.connections: list[Connection] = []
        self.opened = 0
        self.origin = ""
        self._workspace = workspace
        self._app = app
        self._faults = faults
        self._tickets: set[str] = set()
        self._turn = itertools.count()
        self._farewells: set[asyncio.Task[None]] = set()
        faults.control_sockets(self.drop, self.ask_to_reconnect)

    def new_url(self) -> str:
        """Return a WebSocket address that admits one connection."""
        ticket = secrets.token_urlsafe(16)
        if not self._faults.take_expired_ticket():
            self._tickets.add(ticket)
        return f"{self.origin.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._app.app_id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until either side ends it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False, max_msg_size=0)
        await socket.prepare(request)
        if len(self.connections) >= MOST_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        connection = Connection(secrets.token_hex(4), socket, request)
        self.connections.append(connection)
        self.opened += 1
        pinging = asyncio.create_task(self._ping(connection))
        try:
            if self._faults.sends_hello:
                await socket.send_json(self._hello())
            self._workspace.changed()
            await self._listen(connection)
        finally:
            pinging.cancel()
            self._forget(connection, "connection_closed")
        return socket

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app.app_id},
        }

    async def _ping(self, connection: Connection) -> None:
        """Ping as Slack does; Bolt for JavaScript reconnects where no ping comes."""
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(PING_SECONDS)
                if not self._faults.ignores_pings:
                    await connection.socket.ping(b"Ping from the sandbox")

    async def _listen(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if frame.type is WSMsgType.PING and not self._faults.ignores_pings:
                await connection.socket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                self._acknowledged(connection, frame.data)

    def _acknowledged(self, connection: Connection, text: str) -> None:
        answer = json.loads(text)
        future = connection.pending.get(str(answer.get("envelope_id")))
        if future is not None and not future.done():
            future.set_result(answer.get("payload") or {})

    async def hand_over(self, delivery: Delivery, retry_num: int, retry_reason: str) -> Json:
        """Send an envelope on one of the sockets and return the payload of its acknowledgement."""
        ready = [connection for connection in self.connections if not connection.leaving]
        if not ready:
            raise DeliveryFailed("no_connection")
        connection = ready[next(self._turn) % len(ready)]
        envelope: Json = {
            "envelope_id": delivery.envelope_id,
            "type": delivery.envelope_type,
            "accepts_response_payload": delivery.envelope_type != "events_api",
            "payload": delivery.payload,
        }
        if delivery.envelope_type == "events_api":
            envelope |= {"retry_attempt": retry_num, "retry_reason": retry_reason}
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        connection.pending[delivery.envelope_id] = future
        try:
            if not self._faults.silent:
                await connection.socket.send_json(envelope)
            return await future
        except ConnectionError as error:
            raise DeliveryFailed("error", "connection_closed") from error
        finally:
            connection.pending.pop(delivery.envelope_id, None)

    def drop(self, abruptly: bool) -> None:
        """Cut all sockets: with a reset, or with a polite close."""
        for connection in list(self.connections):
            connection.leaving = True
            if abruptly and connection.request.transport is not None:
                abort(connection.request.transport)
                self._forget(connection, "connection_reset")
            else:
                self._say_farewell(connection, None)

    def ask_to_reconnect(self, reason: str) -> None:
        """Send the ``disconnect`` frame; a ``warning`` keeps the socket open, anything else closes it."""
        for connection in list(self.connections):
            connection.leaving = reason != "warning"
            self._say_farewell(connection, reason)

    def _say_farewell(self, connection: Connection, reason: str | None) -> None:
        task = asyncio.create_task(self._farewell(connection, reason))
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _farewell(self, connection: Connection, reason: str | None) -> None:
        with suppress(ConnectionError):
            if reason is not None:
                debug = {"host": "sandbox"}
                await connection.socket.send_json({"type": "disconnect", "reason": reason, "debug_info": debug})
            if reason != "warning":
                await connection.socket.close()

    def _forget(self, connection: Connection, reason: str) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            connection.give_up(reason)
            self._workspace.changed()

    async def close(self) -> None:
        """End all sockets."""
        self.drop(abruptly=True)
        for task in list(self._farewells):
            task.cancel()
        await asyncio.gather(*self._farewells, return_exceptions=True)
