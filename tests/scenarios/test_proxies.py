"""The bot reaches Slack and Google through the proxy of the environment, and directly where NO_PROXY says so."""

from urllib.parse import urlsplit

import pytest

from tests.support.bot_harness import BotHarness, OpenBot, free_port
from tests.support.forward_proxy import forward_proxy


async def works(bot: BotHarness) -> None:
    """Use every kind of connection: Web API, socket or response URL, file download, Google."""
    await bot.answering("counter")
    await bot.ada.slash_command(bot.channel, "/ask", "seven")
    await bot.message("counter", "eight")


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_everything_goes_through_the_proxy(open_bot: OpenBot, mode: str) -> None:
    async with forward_proxy() as proxy:
        environment = {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url}
        async with open_bot(mode, job_seconds=0.0, environment=environment) as bot:
            await works(bot)
            assert proxy.targets[urlsplit(bot.slack.api_url).netloc]
            assert proxy.targets[urlsplit(bot.google.url).netloc]


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_hosts_in_no_proxy_are_reached_directly(open_bot: OpenBot, mode: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    environment = {"HTTP_PROXY": nobody, "HTTPS_PROXY": nobody, "NO_PROXY": "localhost,127.0.0.1"}
    async with open_bot(mode, job_seconds=0.0, environment=environment) as bot:
        await works(bot)
