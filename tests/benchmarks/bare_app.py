"""A Bolt app that acknowledges `/tune` and does nothing else: what Tunebot's acknowledgements are held against.

    .venv/bin/python -m tests.benchmarks.bare_app socket default

`default` is Bolt as its documentation starts it; `fastest` has the two settings that make it quick.
"""

import asyncio
import os

import aiohttp
import click
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient


async def acknowledge(ack: AsyncAck) -> None:
    await ack()


def built(session: aiohttp.ClientSession | None) -> AsyncApp:
    """`session` set: the fastest configuration."""
    client = AsyncWebClient(
        token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"], session=session
    )
    app = AsyncApp(
        client=client,
        signing_secret=os.environ.get("SLACK_SIGNING_SECRET"),
        process_before_response=session is not None,
    )
    app.command("/tune")(acknowledge)
    return app


async def serve(way_in: str, *, fastest: bool) -> None:
    """Until the process is ended."""
    async with aiohttp.ClientSession() as session:
        app = built(session if fastest else None)
        if way_in == "socket":
            handler = AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"])
            await handler.connect_async()  # type: ignore[no-untyped-call]
        else:
            runner = web.AppRunner(app.web_app(), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
        await asyncio.Event().wait()


@click.command()
@click.argument("way_in", type=click.Choice(["socket", "http"]))
@click.argument("configuration", type=click.Choice(["default", "fastest"]))
def main(way_in: str, configuration: str) -> None:
    """Serve."""
    asyncio.run(serve(way_in, fastest=configuration == "fastest"))


if __name__ == "__main__":
    main()
