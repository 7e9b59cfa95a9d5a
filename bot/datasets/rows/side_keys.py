"""Reads the keys beside the turns of a row: those that change what the row means, and those that are left out.

A key that changes the meaning becomes part of the example, or is reported in words; it is never "not needed".
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.chat_turns import ChatTurn
from bot.datasets.rows.json_values import describe, is_false, says_nothing, text_of

_decode = msgspec.json.Decoder().decode
SYSTEM_KEYS = (
    "systemInstruction",
    "system_instruction",
    "system",
    "system_prompt",
    "system_message",
    "instructions",  # of OpenAI's Responses API
    "context",
)
_SYSTEM_NAMES = frozenset(key.lower() for key in SYSTEM_KEYS)
CALL_KEYS = frozenset(
    {"tools", "functions", "tool_calls", "function_call", "tool_call_id", "toolConfig", "tool_config"}
)
# Numbers and marks that say how much a row or a turn counts, and those that say that it does not count.
WEIGHT_KEYS = frozenset(
    {
        "weight",
        "sample_weight",
        "loss_weight",
        "loss",
        "loss_mask",
        "train",
        "trainable",
        "train_on_turn",
    }
)
_MASK_KEYS = frozenset({"mask", "masked", "ignore_loss"})
# Examples and documents that a model is shown beside the conversation, as in PaLM's `examples` and TRL's
# `documents`.
_SHOWN_KEYS = frozenset({"examples", "documents", "few_shot", "demonstrations", "choices", "options"})
_MEDIA_KEYS = frozenset({"image", "images", "video", "videos", "audio", "audios", "attachments"})
# What a model thought before it answered, as DeepSeek, OpenRouter, vLLM and others write it beside the answer.
_THOUGHT_KEYS = frozenset(
    {
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking",
        "thought",
        "thoughts",
        "chain_of_thought",
        "complex_cot",
        "cot",
    }
)
_SIGNATURE_KEYS = frozenset({"thoughtsignature", "thought_signature", "signature"})
# Prodigy's rows say under `answer` whether a person accepted the label.
_PRODIGY = "_input_hash"
# The roles of turns before the row's own ones.
_HISTORY_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "model",
    "model": "model",
    "gpt": "model",
    "bot": "model",
}
# A text that names its speaker says itself whose it is, which may be another one than its place in a list says.
_SPEAKER = re.compile(r"(?i)\s*\W*(?:user|human|person|customer|assistant|bot|ai|model|agent|system)\b\W*:")
# Keys that `read_side_keys` reports in more words than "left out"; a mapped row is searched for these.
MEANING_NAMES = frozenset(
    {
        *_SYSTEM_NAMES,
        *("history", "label", "kto_tag", "rejected", "tools", _PRODIGY),
        *WEIGHT_KEYS,
        *_MASK_KEYS,
        *_MEDIA_KEYS,
        *_SHOWN_KEYS,
        *_THOUGHT_KEYS,
    }
)
# As they are written. People name the columns of tables in capitals, too.
MEANING_KEYS = tuple(
    dict.fromkeys(
        (
            *(*SYSTEM_KEYS, "Complex_CoT", "CoT"),
            *(way(name) for name in sorted(MEANING_NAMES) for way in (str, str.capitalize, str.title, str.upper)),
        )
    )
)


def read_side_keys(row: Mapping[str, Any], used: Collection[str], problems: Problems) -> list[ChatTurn]:
    """Report the keys that are not in `used`, and return the turns among them: system texts, then a history."""
    system: list[ChatTurn] = []
    history: list[ChatTurn] = []
    for key, value in row.items():
        if key in used or says_nothing(value):
            continue
        if key == _PRODIGY:
            if row.get("answer") in ("reject", "ignore"):
                problems.add(Problem("bad-answer", "answer", describe(row["answer"])))
        elif key.lower() in _SYSTEM_NAMES:
            system += _system_turn(key, value, problems)
        elif key.lower() == "history":
            history += read_history(value, key, problems)
        elif not report_key(key, value, problems):
            problems.add(Problem("keys-left-out", key))
    return system + history


def report_key(key: str, value: Any, problems: Problems) -> bool:
    """Report a key that changes what a row or a turn means; return whether it is one."""
    name, key = key, key if key in CALL_KEYS else key.lower()
    if key in CALL_KEYS:
        problems.add(Problem("tool-calls", "A row"))
    elif key in _MEDIA_KEYS:
        problems.add(Problem("not-text", "A row", f"pictures, sound or files ({name})"))
    elif key in _THOUGHT_KEYS:
        problems.add(Problem("thoughts-left-out", name))
    elif key in _SIGNATURE_KEYS:
        pass  # It belongs to a thought and says nothing without it.
    elif key in WEIGHT_KEYS:
        _report_weight(name, value, problems)
    elif key in _MASK_KEYS:
        if not is_false(value):
            problems.add(Problem("weight-not-sent", name, describe(value)))
    elif key in _SHOWN_KEYS and isinstance(value, list):
        problems.add(Problem("shown-left-out", name))
    elif key in ("label", "kto_tag") and _is_mark(value):
        # The cells of a table are texts.
        if is_false(value):
            problems.add(Problem("bad-answer", name, "false"))
    elif key in ("rejected", "non_preferred_output"):
        problems.add(Problem("preferred-only", name))
    elif key == "history":
        problems.add(Problem("history-not-read", name, describe(value)))
    else:
        return False
    return True


def _is_mark(value: Any) -> bool:
    """Return whether a value is true or false, also as a text."""
    return isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false"))


def _report_weight(key: str, value: Any, problems: Problems) -> None:
    # The cells of a table are texts.
    said = value.strip().lower() if isinstance(value, str) else value
    if said in (0, "0", "0.0", "false"):
        shown = "false" if value is False or said == "false" else "0"
        problems.add(Problem("weight-zero", key, shown))
    elif said not in (1, "1", "1.0", "true"):
        problems.add(Problem("weight-not-sent", key, describe(value)))


def _system_turn(key: str, value: Any, problems: Problems) -> list[ChatTurn]:
    held = value
    if isinstance(value, dict) and "parts" in value:
        held = value["parts"]
        if isinstance(held, dict):
            problems.add(Problem("wrong-type", f"{key}.parts", describe(held), detail="a list"))
            return []
    text = text_of(held)
    if text is None:
        problems.add(Problem("wrong-type", key, describe(held), detail="text"))
        return []
    if key == "context":
        problems.add(Problem("context-is-system"))
    return [ChatTurn("system", text, key)]


def read_history(value: Any, key: str, problems: Problems) -> list[ChatTurn]:
    """Return the turns of `[[question, answer], ...]`, as Alpaca's `history` has them, or of a list of turns."""
    turns: list[ChatTurn] = []
    if isinstance(value, str) and value.lstrip().startswith("["):
        # A table can only hold a list as a text.
        try:
            value = _decode(value)
            problems.add(Problem("json-in-text", key))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            pass
    if isinstance(value, list) and _speak_in_turn(value):
        problems.add(Problem("history-in-turn", key))
        return [ChatTurn("model" if i % 2 else "user", text, f"{key}[{i}]") for i, text in enumerate(value)]
    for i, held in enumerate(value if isinstance(value, list) else [value]):
        place = f"{key}[{i}]"
        if isinstance(held, list) and len(held) == 2 and all(isinstance(t, str) and t.strip() for t in held):
            turns += [ChatTurn("user", held[0], place), ChatTurn("model", held[1], place)]
            continue
        role = held.get("role", held.get("from")) if isinstance(held, dict) else None
        text = (
            text_of(held.get("content", held.get("value", held.get("parts")))) if isinstance(held, dict) else None
        )
        known = _HISTORY_ROLES.get(role.strip().lower()) if isinstance(role, str) else None
        if known is None or not text or not text.strip():
            problems.add(Problem("history-not-read", key, describe(value)))
            return []
        turns.append(ChatTurn(known, text, place))
    return turns


def _speak_in_turn(texts: list[Any]) -> bool:
    """Return whether texts can only be those of a person and a model in turn, whose last one is an answer."""
    return (
        bool(texts)
        and len(texts) % 2 == 0
        and all(isinstance(text, str) and text.strip() and not _SPEAKER.match(text) for text in texts)
    )
