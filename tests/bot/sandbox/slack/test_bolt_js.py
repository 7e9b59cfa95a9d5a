"""Bolt for JavaScript against the stand-in: a judge that shares no code with the Python SDK."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.slack import APP_TOKEN, BOT_TOKEN, SlackStandIn
from tests.support.npm_packages import install

pytestmark = [pytest.mark.outside, pytest.mark.long]

BOLT = "@slack/bolt@4"


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[SlackStandIn]:
    await install(BOLT, tmp_path)
    node = shutil.which("node")
    assert node is not None
    script = shutil.copy(Path(__file__).with_name("bolt_app.cjs"), tmp_path)
    async with SlackStandIn() as standin:
        tokens = {"BOT_TOKEN": BOT_TOKEN, "APP_TOKEN": APP_TOKEN, "SLACK_API_URL": standin.api_url}
        process = await asyncio.create_subprocess_exec(
            node, script, cwd=tmp_path, env=os.environ | tokens,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            await standin.wait_connected()
            yield standin
        finally:
            process.kill()
            output, _ = await process.communicate()
            print(output.decode())


async def test_bolt_for_javascript_takes_it_for_slack(slack: SlackStandIn) -> None:
    ana = slack.person("ana")
    general = slack.add_channel("general", ana)

    assert (await ana.slash_command(general, "/tune", "numbers")).acked
    await slack.workspace.wait_for_message(lambda message: message.text == "node heard numbers")
    answer = await slack.workspace.wait_for_message(lambda message: message.text == "node responded")
    assert answer.visible_to == ana.id

    await slack.workspace.wait_for_view(ana.id)
    assert (await ana.submit_view(values={"name": "first"})).action == "close"
    posted = await slack.workspace.wait_for_message(lambda message: message.text == "node got first")
    assert slack.workspace.channels[posted.channel].members == {ana.id, slack.app.bot_user_id}

    said = ana.post(general, ana.typed("@Tunebot hello"))
    reply = await slack.workspace.wait_for_message(lambda message: message.text.startswith("node was told"))
    assert reply.thread_ts == said.ts
    await slack.settle()
    assert all(delivery.acked for delivery in slack.workspace.deliveries)
