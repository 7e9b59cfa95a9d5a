"""Names what rows are that other programs export and that are no examples as they stand, and how to get examples.

Such rows hold questions without answers, answers without questions, or trees of messages. A guess of their keys
would train on ids.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from bot.datasets.rows.column_mapping import guess_mapping, holds_known_pair, is_about_row, words_of

_PAIR = '{"prompt": ..., "completion": ...}'
_CHAT = '{"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}'


_OF_ERRORS = frozenset({"error", "ok", "success", "status", "code", "message", "detail", "request_id"})
_OF_SHORTCUTS = frozenset({"", "url", "doc_id", "resource_key", "email"})


# Values of a row that are looked through for marks of speakers, as Glaive and guanaco write them.
_MOST_VALUES = 20
_ASKING = re.compile(r"(?:^|\n)[# ]{0,5}(?:USER|User|Human|Customer)(?: ?\d{1,3})?:")
_ANSWERING = re.compile(r"(?:\n|[#.] ?)[# ]{0,5}(?:ASSISTANT|Assistant|AI|Bot|BOT|Agent)(?: ?\d{1,3})?:")


class Export(NamedTuple):
    """What the rows of a file are, and what to do with them."""

    what: str
    advice: str


_Test: TypeAlias = Callable[[Mapping[str, Any]], bool]
# The keys without which a test fits no row.
_NEEDED: dict[_Test, frozenset[str]] = {}
# The tests for a row's keys are stored where these are at most so many, with so many characters together.
_FEW_KEYS, _SHORT_KEYS = 20, 500


def _needing(keys: Iterable[str], test: _Test) -> _Test:
    _NEEDED[test] = frozenset(keys)
    return test


def _has(*keys: str) -> _Test:
    return _needing(keys, lambda row: row.keys() >= {*keys})


def _holds(**kinds: type) -> _Test:
    """Return a test for keys with values of these types."""
    return _needing(kinds, lambda row: all(isinstance(row.get(key), kind) for key, kind in kinds.items()))


def _lists(key: str, *keys: str) -> _Test:
    """Return a test for a key that holds a list, whose first item is an object with these keys."""

    def fits(row: Mapping[str, Any]) -> bool:
        items = row.get(key)
        return bool(
            isinstance(items, list) and items and isinstance(items[0], dict) and items[0].keys() >= {*keys}
        )

    return _needing((key,), fits)


def _is_error(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("error"), dict | str) and row.keys() <= _OF_ERRORS


_SPEAKERS = ("role", "from", "sender", "author", "speaker")


def _is_turn(row: Mapping[str, Any]) -> bool:
    keys = row.keys()
    if keys.isdisjoint(_SPEAKERS) or keys.isdisjoint(("content", "text", "parts", "message", "value")):
        return False
    speaker = any(isinstance(row.get(key), str) for key in _SPEAKERS)
    return speaker and guess_mapping(row, known_only=True) is None


def _is_transcript(row: Mapping[str, Any]) -> bool:
    """Return whether the only text of a row is a conversation; beside others it may be what is summed up."""
    texts = [
        value
        for key, value in islice(row.items(), _MOST_VALUES)
        if isinstance(value, str) and "system" not in key.lower() and not is_about_row(key)
    ]
    return len(texts) == 1 and _ASKING.search(texts[0]) is not None and _ANSWERING.search(texts[0]) is not None


def _is_measurement(row: Mapping[str, Any]) -> bool:
    return "step" in row and any("loss" in words_of(key).split("_") for key in row)


def _is_job(row: Mapping[str, Any]) -> bool:
    return row.get("object") == "fine_tuning.job"


def _is_shortcut(row: Mapping[str, Any]) -> bool:
    named = "doc_id" in row or str(row.get("url", "")).startswith("https://docs.google.com/")
    return named and row.keys() <= _OF_SHORTCUTS


def _by(key: str) -> str:
    return f"Join them by `{key}` with the rows that were sent, which have the questions; write both as {_CHAT}."


_PATHS = "Write one conversation of each row, from the first question to an answer, as " + _CHAT + "."
_TICKETS = f"Write what the customer asked and what was answered as one row: {_PAIR}."
_NEEDED.update(
    {_is_error: frozenset({"error"}), _is_measurement: frozenset({"step"}), _is_job: frozenset({"object"})}
)
# Sources: OpenAI's Batch API, Anthropic's Message Batches, Google's batch mode; the exports of Label Studio,
# Argilla, OpenAssistant, ChatGPT, Zendesk and Intercom; Axolotl's `input_output` rows; LMSYS's arena.
_EXPORTS: tuple[tuple[_Test, Export], ...] = (
    (
        _has("custom_id", "response"),
        Export("answers of a batch of OpenAI, without their questions", _by("custom_id")),
    ),
    (
        _has("custom_id", "result"),
        Export("answers of a batch of Anthropic, without their questions", _by("custom_id")),
    ),
    (_holds(key=str, response=dict), Export("answers of a batch, without their questions", _by("key"))),
    (
        _holds(data=dict, annotations=list),
        Export(
            "tasks of Label Studio with their annotations",
            "Export them as JSON-MIN or CSV, where the answers are columns.",
        ),
    ),
    (
        _holds(fields=dict, responses=dict),
        Export(
            "records of Argilla, with lists of responses",
            f"Write one field and the response that counts as one row: {_PAIR}.",
        ),
    ),
    (
        _lists("segments", "label", "text"),
        Export(
            "segments of Axolotl, of which only some are learned",
            f"Write what stands before an answer, and the answer, as one row: {_PAIR}.",
        ),
    ),
    (_has("message_tree_id", "prompt"), Export("trees of OpenAssistant's messages", _PATHS)),
    (_has("message_id", "parent_id"), Export("single messages of OpenAssistant, one a row", _PATHS)),
    (_holds(mapping=dict, title=str), Export("an export of ChatGPT's conversations, each a tree", _PATHS)),
    (_has("conversation_a", "conversation_b"), Export("pairs of conversations that were compared", _PATHS)),
    (_holds(conversation_parts=dict), Export("conversations of Intercom", _TICKETS)),
    (_holds(tickets=list), Export("an export of tickets", _TICKETS)),
    (_holds(title=str, body=str, comments=list), Export("issues or posts with their comments", _TICKETS)),
    (_has("subject", "description", "comments"), Export("tickets of a help desk", _TICKETS)),
    (
        _holds(intents=list),
        Export("intents of a chatbot", f"Write each pattern with a response as one row: {_PAIR}."),
    ),
    (
        _lists("paragraphs", "qas"),
        Export(
            "articles of SQuAD, with the questions inside",
            f"Write each question and its answer as one row: {_PAIR}.",
        ),
    ),
    (
        _is_job,
        Export("fine-tuning jobs of OpenAI, and not their files", "Take the training file of a job: import that."),
    ),
    (_is_measurement, Export("measurements of a training", "Use the file that was trained on instead.")),
    (
        _has("cells", "nbformat"),
        Export("a Jupyter notebook", "Write the rows from it as JSONL, and use that file."),
    ),
    (
        _is_shortcut,
        Export("a shortcut, not the Google document itself", "Download it as CSV instead."),
    ),
    (
        _is_error,
        Export("the error message of a server", "Download the file again, and look what is in it."),
    ),
    (
        _is_transcript,
        Export(
            "whole conversations, each as one text",
            f"Divide each into its turns and write them as {_CHAT}.",
        ),
    ),
    (
        lambda row: row.get("object") == "response" and "input" not in row,
        Export(
            "answers of OpenAI's Responses API, without their questions",
            "Write the `input` of the request beside the `output` of each.",
        ),
    ),
    (
        _is_turn,
        Export("single turns, one a row", f"Put the turns of one conversation into one row: {_CHAT}."),
    ),
    (
        lambda row: row.keys() == {"text"},
        Export(
            "single texts, without question and answer",
            f"Divide each into what people ask and what the model should say: {_PAIR}.",
        ),
    ),
)


@lru_cache(256)
def _possible(keys: frozenset[str]) -> tuple[tuple[_Test, Export], ...]:
    """Return the tests that may fit a row of these keys: rows of one file have mostly the same ones."""
    return tuple((fits, export) for fits, export in _EXPORTS if _NEEDED.get(fits, frozenset()) <= keys)


def export_of(row: Mapping[str, Any]) -> Export | None:
    """Return what a row of unknown keys is where that is known, or None."""
    if holds_known_pair(row):
        return None
    few = len(row) <= _FEW_KEYS and sum(map(len, row)) <= _SHORT_KEYS
    return next((export for fits, export in (_possible(frozenset(row)) if few else _EXPORTS) if fits(row)), None)
