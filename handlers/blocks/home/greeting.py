"""Builds what the bot says first: in a channel into which it came, and above the direct messages."""

from collections.abc import Sequence
from typing import Final

from bot.domain.jobs import TuningJob
from bot.domain.names import quoted
from handlers.blocks.elements import section
from handlers.blocks.message import Message, compose, readable, shorten

GREETING: Final = "What would you like to do?"
_MODELS: Final = 2  # Slack shows four prompts at most
_TITLE: Final = 60


def build_first_contact() -> Message:
    """Build the two lines for a channel into which the bot came."""
    text = (
        "I tune Gemini models on your examples: type `/tune`, or mention me with a JSONL file.\n"
        "Ask a tuned model with `/ask`, or choose one for this channel with `/tune use NAME` and mention me."
    )
    return compose(text, [section(text, "first_contact")])


def suggested_prompts(models: Sequence[TuningJob]) -> list[dict[str, str]]:
    """Build the prompts above the direct messages: what each shows, and what a press sends as a message.

    Source: docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts.
    """
    asks = [_prompt(f"Ask {readable(job.name)}", f"use {quoted(job.name)}") for job in models[:_MODELS]]
    return [_prompt("Tune a model", "tune"), *asks, _prompt("What can I do?", "help")]


def _prompt(title: str, message: str) -> dict[str, str]:
    return {"title": shorten(title, _TITLE), "message": message}
