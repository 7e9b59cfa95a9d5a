"""Writes examples as rows of a dialect.

It is strict: what a dialect cannot hold is an error, never left out in silence.
"""

from typing import Any, NamedTuple

import msgspec

from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.columns import Columns, columns_of
from bot.datasets.rows.examples import PAIRS, Example
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import UserError

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


class _Conversation(NamedTuple):
    """How a dialect writes a conversation: the JSON around its texts, `%b` for a text.

    Templates that are filled for many rows at once take a sixth of the time of building dicts.
    """

    begin: bytes
    begin_with_system: bytes
    turns: tuple[bytes, bytes]
    takes_whole: bool = False


def _messages(answering: bytes) -> _Conversation:
    return _Conversation(
        b'{"messages":[',
        b'{"messages":[{"role":"system","content":%b},',
        (b'{"role":"user","content":%b}', b'{"role":"' + answering + b'","content":%b}'),
    )


_CONVERSATIONS: dict[Dialect, _Conversation] = {
    Dialect.MESSAGES: _messages(b"model"),
    Dialect.OPENAI: _messages(b"assistant"),
    Dialect.CLAUDE: _Conversation(
        b'{"messages":[',
        b'{"system":%b,"messages":[',
        (b'{"role":"user","content":%b}', b'{"role":"assistant","content":%b}'),
    ),
    Dialect.SHAREGPT: _Conversation(
        b'{"conversations":[',
        b'{"conversations":[{"from":"system","value":%b},',
        (b'{"from":"human","value":%b}', b'{"from":"gpt","value":%b}'),
    ),
    Dialect.VERTEX: _Conversation(
        b'{"contents":[',
        b'{"systemInstruction":{"parts":[{"text":%b}]},"contents":[',
        (b'{"role":"user","parts":[{"text":%b}]}', b'{"role":"model","parts":[{"text":%b}]}'),
        takes_whole=True,
    ),
}


def _template(dialect: Dialect, texts: int) -> bytes:
    """Return a row of so many texts; an odd number means that the first one is a system text."""
    conversation = _CONVERSATIONS[dialect]
    begin = conversation.begin_with_system if texts & 1 else conversation.begin
    return begin + b",".join(conversation.turns * (texts // 2)) + b"]}"


def encode(example: Example, dialect: Dialect, mapping: FieldMapping | None = None) -> bytes:
    """Return the example as one line of JSON, without a line end.

    Raises:
        UserError: the dialect cannot hold the example.
    """
    conversation = _CONVERSATIONS.get(dialect)
    if example.whole:
        if conversation is None or not conversation.takes_whole:
            raise UserError("The row has tools or files.", "Of all forms only vertex holds them here.")
        return example.whole
    if conversation is None:
        return _encode(_row(example, dialect, mapping))
    return _conversations(columns_of(example), dialect)


def encode_columns(columns: Columns, dialect: Dialect, mapping: FieldMapping | None = None) -> bytes:
    """Return the rows as JSONL, each line with its line end. Raises UserError, see `encode`."""
    if dialect not in _CONVERSATIONS:
        return _encoder.encode_lines([_row(example, dialect, mapping) for example in columns.examples()])
    return _conversations(columns, dialect) + b"\n" if len(columns) else b""


def _conversations(columns: Columns, dialect: Dialect) -> bytes:
    templates = {texts: _template(dialect, texts) for texts in set(columns.counts)}
    return b"\n".join(map(templates.__getitem__, columns.counts)) % tuple(map(_encode, columns.texts))


def _row(example: Example, dialect: Dialect, mapping: FieldMapping | None) -> dict[str, Any]:
    """Return the row of a dialect that is not written as a conversation, as plain JSON values."""
    match dialect:
        case Dialect.MAPPED:
            if mapping is None or len(input_keys(mapping)) != 1:
                raise UserError("Rows cannot be written with these keys.", "Convert to another dialect.")
            return _pair(example, mapping.input, mapping.output)
        case Dialect.ALPACA:
            return _alpaca(example)
        case Dialect.TRL:
            _require_rejected(example)
            return _pair(example, "prompt", "chosen") | {"rejected": example.rejected}
        case Dialect.PREFERENCE:
            return _preference(example)
        case _:
            return _pair(example, *PAIRS[dialect])


def _pair(example: Example, question: str, answer: str) -> dict[str, Any]:
    if len(example.texts) != 2:
        raise UserError(
            f"A conversation of {len(example.texts)} turns does not fit into one input and one output.",
            "Use a dialect that takes many turns: vertex, messages, openai, sharegpt, alpaca or claude.",
        )
    return {question: example.question, answer: example.texts[1]}


def _alpaca(example: Example) -> dict[str, Any]:
    *before, question, answer = example.texts
    row: dict[str, Any] = {"instruction": question, "input": "", "output": answer}
    if example.system:
        row["system"] = example.system
    if before:
        row["history"] = [[before[i], before[i + 1]] for i in range(0, len(before), 2)]
    return row


def _preference(example: Example) -> dict[str, Any]:
    _require_rejected(example)
    row: dict[str, Any] = {"systemInstruction": {"parts": [{"text": example.system}]}} if example.system else {}
    row["contents"] = [_content(i, text) for i, text in enumerate(example.texts[:-1])]
    answers = (1, example.texts[-1]), (0, example.rejected)
    row["completions"] = [{"score": score, "completion": _content(1, text)} for score, text in answers]
    return row


def _content(place: int, text: str) -> dict[str, Any]:
    return {"role": "model" if place % 2 else "user", "parts": [{"text": text}]}


def _require_rejected(example: Example) -> None:
    if not example.rejected:
        raise UserError("The row has no second answer to prefer less.", "Use a supervised dialect.")
