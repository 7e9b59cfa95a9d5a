"""The two ways in for Slack's requests: Socket Mode, or HTTP on a port. Health is served on the port as well."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from bot.errors import SettingsError
from bot.settings import Settings

logger = logging.getLogger(__name__)

EVENTS_PATH: Final = "/slack/events"
HEALTH_PATH: Final = "/healthz"

Healthy = Callable[[], Awaitable[bool]]


@asynccontextmanager
async def intake(settings: Settings, app: AsyncApp) -> AsyncIterator[None]:
    """Slack's requests reach the app inside this block. Raises SettingsError if the port is taken."""
    if settings.slack_app_token is None:
        async with _http(settings.http_port, app.web_app(path=EVENTS_PATH), _always):
            logger.info("listening for Slack on port %d, path %s", settings.http_port, EVENTS_PATH)
            yield
        return
    handler = AsyncSocketModeHandler(app, settings.slack_app_token.get_secret_value())
    async with AsyncExitStack() as stack:
        await handler.client.connect()  # type: ignore[no-untyped-call]
        stack.push_async_callback(handler.close_async)
        if settings.port is not None:
            await stack.enter_async_context(_http(settings.port, web.Application(), handler.client.is_connected))
        logger.info("connected to Slack by Socket Mode")
        yield


async def _always() -> bool:
    return True


@asynccontextmanager
async def _http(port: int, application: web.Application, healthy: Healthy) -> AsyncIterator[None]:
    """Serve the application and `/healthz`: 200 while Slack can reach us, else 503."""

    async def health(_: web.Request) -> web.Response:
        good = await healthy()
        return web.json_response({"ok": good}, status=200 if good else 503)

    application.router.add_get(HEALTH_PATH, health)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    try:
        # Inside a container only the outer address can be reached.
        await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(f"Port {port} cannot be used: {error.strerror}.", "Set PORT to a free one.") from error
    try:
        yield
    finally:
        await runner.cleanup()
