"""Whatever strangers send to the bot's port in HTTP mode, nothing of it is done and nothing of it is logged."""

import asyncio
import io
import json
import time

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier

from tests.support.bot_harness import BotHarness, OpenBot

pytestmark = pytest.mark.long

MARK = "stranger-7f3a"
PATH = "/slack/events"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def forged(stamp: float) -> dict[str, str]:
    return {**FORM, "X-Slack-Request-Timestamp": f"{stamp:.0f}", "X-Slack-Signature": "v0=" + "0" * 64}


async def send(bot: BotHarness, headers: dict[str, str], body: bytes) -> int:
    url = f"http://127.0.0.1:{bot.stage.port}{PATH}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as response,
    ):
        return response.status


async def send_raw(bot: BotHarness, content: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", bot.stage.port)
    writer.write(content)
    await writer.drain()
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def challenge(bot: BotHarness, stamp: float, secret: str) -> tuple[int, str]:
    """Send what Slack sends when the address is entered; return the status and the text of the answer."""
    body = json.dumps({"token": "t", "type": "url_verification", "challenge": "c-3eZbrw1aB1"})
    signature = SignatureVerifier(secret).generate_signature(timestamp=f"{stamp:.0f}", body=body)
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": f"{stamp:.0f}",
        "X-Slack-Signature": str(signature),
    }
    url = f"http://127.0.0.1:{bot.stage.port}{PATH}"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
async def test_requests_that_slack_did_not_sign_are_refused_and_leave_nothing_in_the_log(
    open_bot: OpenBot, level: str
) -> None:
    async with open_bot("http", environment={"TUNEBOT_LOG_LEVEL": level}) as bot:
        body = f"command=%2Ftune&text={MARK}&team_id=T1&user_id=U1".encode()
        now = time.time()
        assert await send(bot, FORM, body) == 401
        assert await send(bot, forged(now), body) == 401
        assert await send(bot, forged(now - 3600), body) == 401
        assert await send(bot, forged(now), b"\xff\xfe" + body) == 401
        assert await send(bot, {**forged(now), "X-Slack-Signature": MARK}, body) == 401
        assert await send(bot, {**forged(now), "User-Agent": MARK, "X-Slack-Retry-Reason": MARK}, body) == 401
        assert await send(bot, forged(now), MARK.encode() * 200_000) == 413
        # Source: https://docs.slack.dev/reference/events/url_verification.
        assert await challenge(bot, now, bot.slack.app.signing_secret) == (200, '{"challenge": "c-3eZbrw1aB1"}')
        for stamp, secret in ((now, MARK), (now - 3600, bot.slack.app.signing_secret)):
            status, text = await challenge(bot, stamp, secret)
            assert (status, "c-3eZbrw1aB1" in text) == (401, False)
        assert b" 400 " in await send_raw(bot, f"GET /{MARK} HTTP/9.9\r\n\r\n".encode())
        assert b" 400 " in await send_raw(bot, f"{MARK}\r\n\r\n".encode())
        assert MARK not in bot.stage.log_end(10_000)
        assert not bot.messages()
