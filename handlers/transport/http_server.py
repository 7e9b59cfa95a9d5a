"""The two ways in for Slack's requests: Socket Mode, or HTTP on a port, where health and metrics are, too."""

import asyncio
import errno
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web
from slack_bolt.app.async_app import AsyncApp

from bot.errors import SettingsError
from bot.runtime.metrics import CONTENT_TYPE, Metrics
from bot.settings import Settings
from handlers.transport.socket_mode import SocketMode

logger = logging.getLogger(__name__)

EVENTS_PATH: Final = "/slack/events"
HEALTH_PATH: Final = "/healthz"
METRICS_PATH: Final = "/metrics"
# A question of health that takes longer than this is an answer.
RETRY_POLICY: Final = 2.0
# Slack gives up on a request after as long; a body that takes longer only holds a place.
BODY_SECONDS: Final = 3.0
# As long may a connection say nothing or not end its headers; proxies keep theirs for up to a minute.
IDLE_SECONDS: Final = 75.0

_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")
_STAMP: Final = re.compile(r"[0-9]{1,12}")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpServer:
    """Socket Mode where there is a `socket`, else HTTP.

    `problems` are what `/healthz` asks beside the way in and the database; each gives what is wrong, or nothing.
    `measure` is awaited before each `/metrics`.
    """

    def __init__(
        self,
        settings: Settings,
        app: AsyncApp,
        metrics: Metrics,
        socket: SocketMode | None,
        database_problem: Callable[[], Awaitable[str]],
        problems: Sequence[Callable[[], str]],
        measure: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._app = app
        self._metrics = metrics
        self._database_problem = database_problem
        self._problems = problems
        self._measure = measure
        self._socket = socket

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Slack's requests reach the app inside this block. Raises SettingsError if the port is taken."""
        port = self._settings.port
        async with AsyncExitStack() as stack:
            if self._socket is None:
                application = self._app.web_app(path=EVENTS_PATH)
                application.middlewares.append(self._door)
                await stack.enter_async_context(self._http(self._settings.http_port, application))
                self._metrics.connected(True)
                logger.info("listening for Slack on port %d, path %s", self._settings.http_port, EVENTS_PATH)
            else:
                if port is not None:
                    await stack.enter_async_context(self._http(port, web.Application()))
                stack.push_async_callback(self._socket.close)
                await self._socket.open(self._app)
                logger.info("connected to Slack by Socket Mode")
            yield

    async def unwell(self) -> list[str]:
        """What is wrong now."""
        found = [problem() for problem in self._problems]
        if self._socket is not None:
            found.append(self._socket.problem())
        try:
            async with asyncio.timeout(RETRY_POLICY):
                found.append(await self._database_problem())
        except TimeoutError:
            found.append(f"the database did not answer within {RETRY_POLICY:.0f} seconds")
        return [problem for problem in found if problem]

    async def _health(self, _: web.Request) -> web.Response:
        problems = await self.unwell()
        return web.json_response({"ok": not problems, "problems": problems}, status=503 if problems else 200)

    async def _numbers(self, _: web.Request) -> web.Response:
        await self._measure()
        return web.Response(body=self._metrics.text(), headers={"content-type": CONTENT_TYPE})

    @web.middleware
    async def _door(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Keep out what cannot be Slack's before Bolt looks at it, and measure the rest."""
        if request.path != EVENTS_PATH:
            return await handler(request)
        began = time.perf_counter()
        if not _looks_signed(request):
            return web.Response(status=401, text="no signature of Slack's")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await request.read()
        except TimeoutError:
            return web.Response(status=408, text="the body did not come in time")
        except ConnectionError:
            return web.Response(status=400)  # nobody is there any more to read it
        response = await handler(request)
        if response.status == 200:
            self._metrics.acknowledged(time.perf_counter() - began)
        return response

    @asynccontextmanager
    async def _http(self, port: int, application: web.Application) -> AsyncIterator[None]:
        """Serve the application, `/healthz`, 200 while all is well, else 503, and `/metrics`."""
        application.router.add_get(HEALTH_PATH, self._health)
        application.router.add_get(METRICS_PATH, self._numbers)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0, keepalive_timeout=IDLE_SECONDS)
        await runner.setup()
        try:
            for host in self._settings.hosts:
                await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise SettingsError(
                    f"This machine does not have the address {host}.", "Set HOST to addresses that it has."
                ) from error
            raise SettingsError(
                f"Port {port} cannot be used: {error.strerror}.", "Set PORT to a free one."
            ) from error
        try:
            yield
        finally:
            await runner.cleanup()


def _looks_signed(request: web.Request) -> bool:
    """Whether there is something to check; on anything else Bolt's own check fails with an error of its own."""
    signature = request.headers.get("X-Slack-Signature", "")
    stamp = request.headers.get("X-Slack-Request-Timestamp", "")
    return _SIGNATURE.fullmatch(signature) is not None and _STAMP.fullmatch(stamp) is not None
