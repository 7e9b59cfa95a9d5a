"""Reads the rows that hold conversations: messages, ShareGPT's conversations, contents, and turns on two sides.

Each function returns the example, or None where it added an error to `problems`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.datasets.findings.collector import Problems
from bot.datasets.rows.chat_turns import ChatTurn, order_turns
from bot.datasets.rows.column_mapping import value_at
from bot.datasets.rows.examples import Example
from bot.datasets.rows.side_keys import read_side_keys
from bot.datasets.rows.turn_names import (
    MESSAGES_ROLES,
    OPENAI_ROLES,
    PALM_ROLES,
    SHAREGPT_ROLES,
    conversation_key,
    has_texts,
    holds_turns,
    pair_of_turns,
)
from bot.datasets.rows.turn_reader import read_answer, read_content_turns, read_list, read_prompt, read_turns
from bot.domain.datasets import Dialect


def read_messages(row: Mapping[str, Any], dialect: Dialect, problems: Problems) -> Example | None:
    """Read a row of `messages`, as OpenAI, PaLM's chat or gemini-1.0-pro-002 on Vertex AI write them."""
    roles = OPENAI_ROLES if dialect is Dialect.OPENAI else MESSAGES_ROLES
    turns = read_side_keys(row, {"messages"}, problems)
    messages = read_list(row, "messages", problems)
    if any(isinstance(message, dict) and "author" in message for message in messages):
        roles = PALM_ROLES
    turns += read_turns(messages, "messages", roles, problems)
    return _example(turns, problems, lenient=dialect is Dialect.OPENAI)


def read_conversations(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of ShareGPT: `conversations` of {from, value} or {role, content}."""
    key = conversation_key(row)
    turns = read_side_keys(row, {key}, problems)
    held = read_list(row, key, problems)
    turns += (
        _of_texts(held, key) or _of_pairs(held, key, problems) or read_turns(held, key, SHAREGPT_ROLES, problems)
    )
    return _example(turns, problems, lenient=True)


def read_contents(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of `contents`, as Gemini on Vertex AI takes it today."""
    turns = read_side_keys(row, {"contents"}, problems) + read_content_turns(row, problems)
    return _example(turns, problems, lenient=False)


def read_sides(
    row: Mapping[str, Any], question: str, answer: str, system: Sequence[ChatTurn], problems: Problems
) -> Example | None:
    """Read a row whose question, answer or both are lists of turns, as TRL, LangSmith and Langfuse write them.

    `system` are the system texts beside them.
    """
    turns = [*system, *read_prompt(value_at(row, question), question, problems)]
    said = value_at(row, answer)
    if holds_turns(said):
        turns += read_prompt(said if isinstance(said, list) else [said], answer, problems)
    else:
        turns.append(ChatTurn("model", read_answer(said, answer, problems), answer))
    return _example(turns, problems, lenient=True)


def _of_texts(held: list[Any], key: str) -> list[ChatTurn]:
    """Return the turns of a list of texts, as UltraChat has them: the person speaks first, then each in turn."""
    if not all(isinstance(text, str) for text in held):
        return []
    return [ChatTurn("model" if i % 2 else "user", text, f"{key}[{i}]") for i, text in enumerate(held)]


def _of_pairs(held: list[Any], key: str, problems: Problems) -> list[ChatTurn]:
    """Return the turns of a list of pairs, each a question with its answer, as MOSS and XTuner write them."""
    names = pair_of_turns(key, held[0]) if held else None
    if names is None or not all(has_texts(pair, names) for pair in held):
        return []
    turns: list[ChatTurn] = []
    for i, pair in enumerate(held):
        turns += [
            turn._replace(place=f"{key}[{i}].{turn.place}") for turn in read_side_keys(pair, names, problems)
        ]
        turns += [
            ChatTurn(role, pair[name], f"{key}[{i}].{name}")
            for role, name in zip(("user", "model"), names, strict=True)
        ]
    return turns


def _example(turns: list[ChatTurn], problems: Problems, *, lenient: bool) -> Example | None:
    if problems.refused:
        return None
    system, texts = order_turns(turns, problems, lenient=lenient)
    return None if problems.refused else Example(system, tuple(texts))
