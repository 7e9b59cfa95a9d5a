"""The bot reaches Slack and Google through the proxy of the environment, and directly where NO_PROXY says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from handlers.transport.manifest import manifest
from tests.support.bot_harness import NEXT_NUMBER, BotHarness, OpenBot
from tests.support.connect_proxy import ConnectProxy, connect_proxy, tls_in_front, write_certificate
from tests.support.forward_proxy import forward_proxy
from tests.support.http_server import free_port

pytestmark = pytest.mark.long


async def works(bot: BotHarness) -> None:
    """Use every kind of connection: Web API, socket or response URL, file download, Google."""
    file = bot.ada.upload(bot.channel, "numbers.jsonl", NEXT_NUMBER)
    await bot.shows(await bot.start("counter", file=file.id), "done, ", "Ask it")
    await bot.type("use counter")
    await bot.message("counter* answers in this channel now")
    await bot.ada.slash_command(bot.channel, "/ask", "seven")
    await bot.message("counter", "eight")


@pytest.mark.parametrize(("mode", "scheme"), [("socket", "http://"), ("http", "http://"), ("http", "")])
async def test_everything_goes_through_the_proxy(open_bot: OpenBot, mode: str, scheme: str) -> None:
    async with forward_proxy() as proxy:
        url = f"{scheme}{urlsplit(proxy.url).netloc}"
        environment = {"HTTP_PROXY": url, "HTTPS_PROXY": url}
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


SLACK, GOOGLE = "acme.slack.com", "google.test"


@asynccontextmanager
async def behind_tls(directory: Path, *, direct: bool) -> AsyncIterator[tuple[BotHarness, ConnectProxy]]:
    """A bot that knows Slack and Google by https:// addresses, which only the proxy finds unless `direct`."""
    certificate = write_certificate(directory / "certificate.pem", [SLACK, GOOGLE, "localhost"])
    async with (
        GoogleStandIn(job_seconds=0.0, seed=1) as google,
        SlackStandIn(manifest=manifest("")) as slack,
        tls_in_front(slack.origin, certificate) as slack_port,
        tls_in_front(google.url, certificate) as google_port,
        connect_proxy({SLACK: slack_port, GOOGLE: google_port}) as proxy,
    ):
        google.create_bucket(BUCKET)
        ada = slack.person("ada", "Ada Lovelace")
        channel = slack.add_channel("tuning", ada)
        slack.serve_as(f"https://localhost:{slack_port}" if direct else f"https://{SLACK}")
        google.scheme = "https"
        google_url = f"https://localhost:{google_port}" if direct else f"https://{GOOGLE}"
        # Tokens come from the same host, so their renewal takes the same way.
        key = google.credentials.service_account_file(directory, google_url)
        environment = {
            **dict.fromkeys(("TUNEBOT_VERTEX_URL", "TUNEBOT_GENAI_URL", "STORAGE_EMULATOR_HOST"), google_url),
            "HTTPS_PROXY": proxy.url,
            "NO_PROXY": "localhost" if direct else "",
            "SSL_CERT_FILE": str(certificate),
            "TUNEBOT_TUNINGS_AT_ONCE": "0",
            "GOOGLE_OAUTH_ACCESS_TOKEN": "",
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        }
        async with Stage(slack, google, directory, environment=environment) as stage:
            yield BotHarness(slack, google, stage, ada, channel), proxy


@pytest.mark.long
async def test_everything_goes_through_the_tunnels_of_a_connect_proxy(tmp_path: Path) -> None:
    async with behind_tls(tmp_path, direct=False) as (bot, proxy):
        await works(bot)
        assert proxy.targets.keys() == {SLACK, GOOGLE}
        assert proxy.refused == []
        assert bot.google.credentials.issued > 1, "the bot got a token of its own"


@pytest.mark.long
async def test_hosts_in_no_proxy_get_no_tunnel(tmp_path: Path) -> None:
    async with behind_tls(tmp_path, direct=True) as (bot, proxy):
        await works(bot)
        assert not proxy.targets
        assert proxy.refused == []
