"""A scripted walk through the main job on this machine: every Slack message is printed as it appears.

A person, the stand-ins and the real bot; no account and no network. A toy answers, which only remembers the rows.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.sample_dataset import SAMPLE, SAMPLE_NAME
from bot.sandbox.slack import Channel, Message, Person, SlackStandIn, View
from bot.sandbox.stage import BUCKET, Stage

JOB_SECONDS: Final = 6.0


async def walk(echo: Callable[[str], None] = click.echo) -> None:
    """Tune on a small sample and ask the result, in about ten seconds."""
    with TemporaryDirectory(prefix="tunebot-sandbox-") as directory:
        async with GoogleStandIn(job_seconds=JOB_SECONDS) as google, SlackStandIn() as slack:
            google.create_bucket(BUCKET)
            ada = slack.person("ada", "Ada")
            channel = slack.add_channel("tuning", ada)
            echo(f"Stand-ins of Slack and Google: {slack.origin} and {google.url}. The bot is the real one.\n")
            async with Stage(slack, google, Path(directory)):
                shown: dict[str, str] = {}
                printer = asyncio.create_task(_print_messages(slack, echo, shown))
                try:
                    await _tune(slack, ada, channel, echo)
                    await _chat(slack, ada, channel, echo)
                finally:
                    await slack.settle()
                    printer.cancel()
                    with suppress(asyncio.CancelledError):
                        await printer
                    _print_news(slack, echo, shown)
    echo("\nThat was all. The answers came from a toy that only remembers the rows, not from Gemini.")


async def _tune(slack: SlackStandIn, ada: Person, channel: Channel, echo: Callable[[str], None]) -> None:
    echo(f"Ada types /tune, names the model and uploads {SAMPLE_NAME} in the form.\n")
    await ada.slash_command(channel, "/tune")
    await slack.workspace.wait_for_view(ada.id)
    await ada.submit_view(None, {"name": "next number", "file_upload": (SAMPLE_NAME, SAMPLE)})
    report = await slack.workspace.wait_for_view(ada.id, lambda view: view.definition.get("submit") is not None)
    echo(_framed("the form answers", _view_text(report)))
    echo("Ada presses Start tuning.\n")
    await ada.submit_view(report)
    await slack.workspace.wait_for_message(lambda message: "<@" in message.text and "/ask" in message.text, 60.0)


async def _chat(slack: SlackStandIn, ada: Person, channel: Channel, echo: Callable[[str], None]) -> None:
    echo('Ada chooses the model for the channel: /tune use "next number"\n')
    await ada.slash_command(channel, "/tune", 'use "next number"')
    await slack.workspace.wait_for_message(lambda message: "answers in this channel" in message.text, 20.0)
    echo("Ada asks: /ask ninety nine\n")
    await ada.slash_command(channel, "/ask", "ninety nine")
    answer = await slack.workspace.wait_for_message(lambda message: "one hundred" in message.text, 20.0)
    echo("Ada goes on in the thread: seven\n")
    ada.post(channel, "seven", thread_ts=answer.ts)
    await slack.workspace.wait_for_message(
        lambda message: "eight" in message.text and message.streaming_until is None, 20.0
    )


async def _print_messages(slack: SlackStandIn, echo: Callable[[str], None], shown: dict[str, str]) -> None:
    """Print each message of the bot when it appears and each time it is edited; `shown` is the text by `ts`."""
    version = -1
    while True:
        _print_news(slack, echo, shown)
        version = await slack.workspace.wait_for_change(version, within=3600.0)


def _print_news(slack: SlackStandIn, echo: Callable[[str], None], shown: dict[str, str]) -> None:
    """Print what is new; a stream that has no word yet is nothing to read."""
    for message in slack.workspace.messages():
        if message.bot_id is not None and message.text and shown.get(message.ts) != message.text:
            edited = message.ts in shown
            shown[message.ts] = message.text
            echo(_framed(_where(message, edited=edited), message.text))


def _where(message: Message, *, edited: bool) -> str:
    if message.visible_to is not None:
        return "Tunebot, only to Ada"
    place = "in the thread" if message.thread_ts not in (None, message.ts) else "in #tuning"
    return f"Tunebot {place}, edited" if edited else f"Tunebot {place}"


def _view_text(view: View) -> str:
    texts = [view.definition["title"]["text"]]
    for block in view.definition["blocks"]:
        if block["type"] == "section":
            texts += [text["text"] for text in [block.get("text"), *(block.get("fields") or [])] if text]
    return "\n".join(texts)


def _framed(title: str, text: str) -> str:
    lines = "\n".join(f"  │ {line}" for line in text.splitlines())
    return f"  ┌ {title}\n{lines}\n  └\n"
