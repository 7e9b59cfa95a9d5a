"""Knows how rows name turns, roles and texts, and tells by these names whether a value is a turn."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from bot.datasets.rows.column_mapping import is_about_row

# `chatbot` is Cohere's word for the model.
OPENAI_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "model",
    "chatbot": "model",
}
MESSAGES_ROLES = {"system": "system", "user": "user", "model": "model"}
# PaLM's chat examples have authors of free choice; these two are Google's own.
# Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-text-models-supervised (2023)
PALM_ROLES = OPENAI_ROLES | {"bot": "model", "model": "model"}
# Source: the conversation templates of FastChat, and the data sets that LLaMA-Factory and axolotl read.
SHAREGPT_ROLES = OPENAI_ROLES | {
    "human": "user",
    "gpt": "model",
    "model": "model",
    "bot": "model",
    "chatgpt": "model",
    "bard": "model",
    "bing": "model",
}
CONVERSATION_KEYS = ("conversations", "conversation")
# Names that programs give to the role and the text of a turn; the first one is that of the dialect itself.
ROLE_NAMES = ("role", "from", "author", "speaker", "sender")
TEXT_NAMES = ("content", "value", "text", "message", "parts")
# Other names of the turns that data sets and exports have; the value must be a list of turns, too.
# UltraChat's `data` is a list of texts; a list of objects under this name may be rows.
_OTHER_TURN_KEYS = frozenset(
    {"turns", "dialog", "dialogue", "chat", "chat_messages", "transcript", "thread", "utterances", "data"}
)
# Names of a question and its answer in a list of pairs. Sources: MOSS, Firefly and XTuner.
_PAIRS_OF_TURNS = (("human", "assistant"), ("user", "assistant"), ("input", "output"), ("question", "answer"))
# Beside these a list of texts is what is summed up, asked about or labelled, or questions alone, as in MT-Bench.
_BESIDE_TEXTS = frozenset(
    {"summary", "label", "intent", "question", "query", "answer", "response", "output", "target", "completion"}
    | {"reference", "question_id"}
)
# Texts that name their speakers are not read as the words of two speakers in turn.
_SPEAKER = re.compile(r"\s{0,3}(?:user|human|customer|assistant|bot|ai|agent|model|system) ?:", re.IGNORECASE)


def conversation_key(row: Mapping[str, Any]) -> str:
    """Return the key of the turns in a row of ShareGPT."""
    return next((key for key in CONVERSATION_KEYS if key in row), "") or turns_key(row) or CONVERSATION_KEYS[0]


def turns_key(row: Mapping[str, Any]) -> str:
    """Return another key that holds turns, in any letter case; empty where there is none."""
    for key, value in row.items():
        if not isinstance(value, list) or key.lower() not in _OTHER_TURN_KEYS:
            continue
        if key.lower() == "data" and not all(map(is_about_row, row.keys() - {key})):
            continue  # beside other texts it may be a list of anything
        if key.lower() != "data" and holds_turns(value):
            return key
        if _is_dialogue(value) and _BESIDE_TEXTS.isdisjoint(map(str.lower, row)):
            return key
    return ""


def _is_dialogue(value: list[Any]) -> bool:
    """Return whether a value is a list of texts by two speakers."""
    return len(value) > 1 and all(isinstance(text, str) and not _SPEAKER.match(text) for text in value)


def pair_of_turns(key: str, value: Any) -> tuple[str, str] | None:
    """Return the names of a question and its answer in an item of a list of pairs, or None where it is no pair.

    Under `conversations` such a list holds the rows of a file.
    """
    pairs = _PAIRS_OF_TURNS if key == "conversation" else ()
    return next((pair for pair in pairs if has_texts(value, pair)), None)


def has_texts(value: Any, names: Collection[str]) -> bool:
    """Return whether a value is an object with a text under each of these names."""
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)


def holds_turns(value: Any) -> bool:
    """Return whether a value is a turn, with a role and a text, or a list of turns."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(turn, dict) and holds_turns(turn) for turn in value)
    return isinstance(value, dict) and not (
        value.keys().isdisjoint(ROLE_NAMES) or value.keys().isdisjoint(TEXT_NAMES)
    )


def is_conversation(value: Any) -> bool:
    """Return whether a value is a list of turns by known speakers."""
    return (
        isinstance(value, list) and holds_turns(value) and all(speaker(turn) in SHAREGPT_ROLES for turn in value)
    )


def speaker(turn: Mapping[str, Any]) -> str:
    """Return the role of a turn in small letters; empty where it has none."""
    role = next((turn[key] for key in ROLE_NAMES if key in turn), None)
    return role.strip().lower() if isinstance(role, str) else ""
