"""Receives Slack's requests by Socket Mode or by HTTP, and serves health and metrics."""

import asyncio
import errno
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from slack_bolt.app.async_app import AsyncApp

from bot.errors import SettingsError
from bot.runtime.metrics import CONTENT_TYPE, Metrics
from bot.settings import Settings, reveal
from handlers.transport.signatures import Signatures
from handlers.transport.socket_mode import SocketMode

logger = logging.getLogger(__name__)

EVENTS_PATH: Final = "/slack/events"
HEALTH_PATH: Final = "/healthz"
LIVE_PATH: Final = "/livez"
READY_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"
# A database that takes longer to answer counts as not healthy.
HEALTH_SECONDS: Final = 2.0
# Slack stops waiting after three seconds (docs.slack.dev/apis/events-api), so a slower body is of no use.
BODY_SECONDS: Final = 3.0
# How long a connection may be idle or leave its headers unfinished; proxies keep theirs for up to a minute.
IDLE_SECONDS: Final = 75.0

_NOT_SIGNED: Final = "not signed by Slack"


class _WithoutStrangers(logging.Filter):
    """Drops aiohttp's records about requests that are not HTTP: their errors quote what the stranger sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_server_logger: Final = logging.getLogger(f"{__name__}.server")
_server_logger.addFilter(_WithoutStrangers())

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpServer:
    """Uses Socket Mode where there is a `socket`, else HTTP.

    `/livez` asks the database alone: what a restart may repair. `/healthz` also asks the socket and each of
    `problems`, which return what is wrong or an empty text.
    `/readyz` also has what `unready` returns: why no tuning can be started, though the process itself is healthy,
    and `limits`: what works in part.
    `measure` is awaited before each answer of `/metrics`.
    """

    def __init__(
        self,
        settings: Settings,
        app: AsyncApp,
        metrics: Metrics,
        socket: SocketMode | None,
        database_problem: Callable[[], Awaitable[str]],
        problems: Sequence[Callable[[], str]],
        unready: Callable[[], Sequence[str]],
        limits: Callable[[], Sequence[str]],
        measure: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._app = app
        self._metrics = metrics
        self._database_problem = database_problem
        self._problems = problems
        self._unready = unready
        self._limits = limits
        self._measure = measure
        self._socket = socket
        self._signatures = Signatures(reveal(settings.slack_signing_secret))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Receive Slack's requests inside this block. Raises SettingsError if the port cannot be used."""
        port = self._settings.port
        async with AsyncExitStack() as stack:
            if self._socket is None:
                application = self._app.web_app(path=EVENTS_PATH)
                application.middlewares.append(self._refuse_unsigned)
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

    async def problems(self) -> list[str]:
        """Return what is wrong now."""
        found = [problem() for problem in self._problems]
        if self._socket is not None:
            found.append(self._socket.problem())
        found.append(await self._bounded_database_problem())
        return [problem for problem in found if problem]

    async def _bounded_database_problem(self) -> str:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                return await self._database_problem()
        except TimeoutError:
            return f"the database did not answer within {HEALTH_SECONDS:.0f} seconds"

    async def _live(self, _: web.Request) -> web.Response:
        """Answer whether a restart would help: neither Slack nor Google counts here."""
        problem = await self._bounded_database_problem()
        return _state([problem] if problem else [])

    async def _health(self, _: web.Request) -> web.Response:
        return _state(await self.problems())

    async def _ready(self, _: web.Request) -> web.Response:
        return _state([*await self.problems(), *self._unready()], limits=self._limits())

    async def _metrics_page(self, _: web.Request) -> web.Response:
        await self._measure()
        return web.Response(body=self._metrics.text(), headers={"content-type": CONTENT_TYPE})

    @web.middleware
    async def _refuse_unsigned(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse what Slack did not sign before anything is parsed or logged, and measure the rest."""
        if request.path != EVENTS_PATH:
            return await handler(request)
        began = time.perf_counter()
        if not self._signatures.may_be_valid(request.headers):
            return web.Response(status=401, text=_NOT_SIGNED)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408, text="the body did not come in time")
        except ConnectionError:
            return web.Response(status=400)  # The sender is gone, so nobody reads the answer.
        if not self._signatures.valid(request.headers, body):
            return web.Response(status=401, text=_NOT_SIGNED)
        response = await handler(request)
        if response.status == 200:
            self._metrics.acknowledged(time.perf_counter() - began)
        return response

    @asynccontextmanager
    async def _http(self, port: int, application: web.Application) -> AsyncIterator[None]:
        """Serve the application, `/livez`, `/healthz` and `/readyz` (200 or 503), and `/metrics`."""
        application.router.add_get(LIVE_PATH, self._live)
        application.router.add_get(HEALTH_PATH, self._health)
        application.router.add_get(READY_PATH, self._ready)
        application.router.add_get(METRICS_PATH, self._metrics_page)
        runner = web.AppRunner(
            application,
            access_log=None,
            logger=_server_logger,
            shutdown_timeout=2.0,
            keepalive_timeout=IDLE_SECONDS,
        )
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


def _state(problems: Sequence[str], **more: Sequence[str]) -> web.Response:
    body = {"ok": not problems, "problems": problems, **more}
    return web.json_response(body, status=503 if problems else 200)
