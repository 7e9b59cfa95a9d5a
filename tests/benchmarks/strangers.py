"""What a request that Slack did not sign costs the bot in HTTP mode, beside a bare aiohttp handler.

    .venv/bin/python -m tests.benchmarks.strangers

Both servers run in this process and answer the same requests one after the other, so the times contain the same
client. The command fails where the bot needs over a millisecond more for a request than the bare handler.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import click
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp

from bot.runtime.metrics import Metrics
from bot.settings import Settings
from handlers.transport.http_server import EVENTS_PATH, HttpServer
from tests.support.http_server import free_port

BOUND_SECONDS = 0.001
BODY = b"payload=" + b"a" * 2_000


async def _nothing() -> None:
    return None


async def _healthy() -> str:
    return ""


@asynccontextmanager
async def bare() -> AsyncIterator[str]:
    """A handler that reads the body and answers 401."""

    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=401)

    application = web.Application()
    application.router.add_post(EVENTS_PATH, refuse)
    runner, port = web.AppRunner(application, access_log=None), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}{EVENTS_PATH}"
    await runner.cleanup()


@asynccontextmanager
async def tunebot() -> AsyncIterator[str]:
    """The bot's own server before Bolt."""
    port = free_port()
    settings = Settings.read(
        {
            "SLACK_BOT_TOKEN": "xoxb-1-1",
            "SLACK_SIGNING_SECRET": "secret",
            "TUNEBOT_BACKENDS": "gemini",
            "PORT": str(port),
            "HOST": "127.0.0.1",
        }
    )
    app = AsyncApp(token="xoxb-1-1", signing_secret="secret", process_before_response=True)
    server = HttpServer(settings, app, Metrics(), None, _healthy, [], list, list, _nothing)
    async with server.serving():
        yield f"http://127.0.0.1:{port}{EVENTS_PATH}"


def forged() -> dict[str, str]:
    """Headers that make the bot read the body and compute the signature."""
    return {"X-Slack-Request-Timestamp": f"{time.time():.0f}", "X-Slack-Signature": "v0=" + "0" * 64}


async def seconds_each(url: str, headers: Callable[[], dict[str, str]], requests: int) -> float:
    """The median time of a request."""
    times = []
    async with aiohttp.ClientSession() as session:
        for _ in range(requests):
            began = time.perf_counter()
            async with session.post(url, data=BODY, headers=headers()) as response:
                await response.read()
            times.append(time.perf_counter() - began)
            if response.status != 401:
                raise click.ClickException(f"the answer was {response.status}")
    return statistics.median(times)


async def measure(requests: int) -> None:
    async with bare() as plain, tunebot() as own:
        await seconds_each(plain, dict, requests // 10)
        floor = await seconds_each(plain, dict, requests)
        click.echo(f"{'a bare aiohttp handler':<40}{floor * 1000:8.3f} ms")
        for name, headers in (("without a signature", dict), ("with a forged signature", forged)):
            each = await seconds_each(own, headers, requests)
            click.echo(f"{'Tunebot, ' + name:<40}{each * 1000:8.3f} ms   {each / floor:6.2f} times")
            if each - floor > BOUND_SECONDS:
                raise click.ClickException("over a millisecond more than the bare handler")


@click.command()
@click.option("--requests", default=2000, show_default=True)
def main(requests: int) -> None:
    """Measure and print."""
    asyncio.run(measure(requests))


if __name__ == "__main__":
    main()
