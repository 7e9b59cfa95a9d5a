"""Builds what the bot says first: in a channel into which it came, and above the direct messages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.domain.jobs import TuningJob
from bot.domain.names import quoted
from handlers.blocks.elements import button, section
from handlers.blocks.jobs.wording import NAME
from handlers.blocks.message import Message, compose, escape_line, readable, shorten
from handlers.blocks.private_metadata import ModelPick, pack_choice

CHOOSE_ACTION = "choose_model"
GREETING: Final = "What would you like to do?"
_MODELS: Final = 2  # Slack shows four prompts at most
_TITLE: Final = 60


def build_first_contact() -> Message:
    """Build the two lines for a channel into which the bot came."""
    text = (
        "I tune Gemini models on your files: type `/tune`, or mention me with a JSONL file.\n"
        "Ask a tuned model with `/ask`, or choose one for this channel with `/tune use NAME` and mention me."
    )
    return compose(text, [section(text, "first_contact")])


def build_choice(models: Sequence[TuningJob], asked: ModelPick) -> Message:
    """Build the models to choose from for direct messages; each button asks the chosen one what was asked."""
    text = "Which model shall answer you here?"
    blocks = [section(text, "choice")]
    for index, job in enumerate(models):
        pick = button(
            "Ask it", CHOOSE_ACTION, pack_choice(replace(asked, job=job.key)), label=f"Ask {shorten(job.name, 60)}"
        )
        blocks.append(section(f"*{escape_line(job.name, NAME)}*", f"choice_{index}", accessory=pick))
    names = ", ".join(escape_line(job.name, NAME) for job in models)
    return compose(f"{text} {names}", blocks)


def suggested_prompts(models: Sequence[TuningJob]) -> list[dict[str, str]]:
    """Build the prompts above the direct messages: what each shows, and what a press sends as a message.

    Source: docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts.
    """
    asks = [_prompt(f"Ask {readable(job.name)}", f"use {quoted(job.name)}") for job in models[:_MODELS]]
    return [_prompt("Tune a model", "tune"), *asks, _prompt("What can I do?", "help")]


def _prompt(title: str, message: str) -> dict[str, str]:
    return {"title": shorten(title, _TITLE), "message": message}
