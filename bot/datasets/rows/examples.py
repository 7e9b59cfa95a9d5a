"""Defines an example, which every dialect is read into and written from.

Writing is strict: what a dialect cannot hold is an error, never left out in silence. `fast_reader.py` reads
correct rows, `slow_reader.py` all others.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from bot.datasets.rows.column_mapping import input_keys
from bot.domain.chat import Role, Turn, after_system
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import UserError

PAIRS: dict[Dialect, tuple[str, str]] = {
    Dialect.GEMINI: ("text_input", "output"),
    Dialect.PALM: ("input_text", "output_text"),
    Dialect.PROMPT: ("prompt", "completion"),
}
# What system texts, and parts of a mapped input, are joined with.
BLANK_LINE = "\n\n"

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


class Example(msgspec.Struct, frozen=True, gc=False):
    """A system text (empty where there is none) and turns that alternate: user first, model last.

    `texts` are the turns' texts without their roles, which follow from their order. `rejected` is the answer to
    prefer less, in preference rows only. `whole` is the row as Vertex AI takes it where it has tools or files,
    which texts alone cannot hold; `files` counts those that it shows, `pictures` are the paths of those beside it.
    """

    system: str
    texts: tuple[str, ...]
    rejected: str = ""
    whole: bytes = b""
    files: int = 0
    pictures: tuple[str, ...] = ()

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(Turn(Role.MODEL if i % 2 else Role.USER, text) for i, text in enumerate(self.texts))

    @property
    def question(self) -> str:
        """The input of a single pair, the system text in front of it."""
        return after_system(self.system, self.texts[0]) if self.system else self.texts[0]


class _Conversation(NamedTuple):
    """How a dialect writes a conversation: the JSON around its texts.

    Joining bytes takes half of the time of building dicts, and conversion is bound by it.
    """

    begin: bytes
    begin_with_system: tuple[bytes, bytes]
    turns: tuple[bytes, bytes]
    turn_end: bytes
    takes_whole: bool = False

    def line(self, example: Example) -> bytes:
        """Return the row without a line end. Raises UserError for tools or files that the dialect cannot hold."""
        if example.whole:
            return _whole(example, takes_whole=self.takes_whole)
        begin = self.begin
        if example.system:
            before, after = self.begin_with_system
            begin = before + _encode(example.system) + after
        turns, end = self.turns, self.turn_end
        texts = map(_encode, example.texts)
        return begin + b",".join([turns[i & 1] + text + end for i, text in enumerate(texts)]) + b"]}"


def _messages(answering: bytes) -> _Conversation:
    return _Conversation(
        b'{"messages":[',
        (b'{"messages":[{"role":"system","content":', b"},"),
        (b'{"role":"user","content":', b'{"role":"' + answering + b'","content":'),
        b"}",
    )


_CONVERSATIONS: dict[Dialect, _Conversation] = {
    Dialect.MESSAGES: _messages(b"model"),
    Dialect.OPENAI: _messages(b"assistant"),
    Dialect.CLAUDE: _Conversation(
        b'{"messages":[',
        (b'{"system":', b',"messages":['),
        (b'{"role":"user","content":', b'{"role":"assistant","content":'),
        b"}",
    ),
    Dialect.SHAREGPT: _Conversation(
        b'{"conversations":[',
        (b'{"conversations":[{"from":"system","value":', b"},"),
        (b'{"from":"human","value":', b'{"from":"gpt","value":'),
        b"}",
    ),
    Dialect.VERTEX: _Conversation(
        b'{"contents":[',
        (b'{"systemInstruction":{"parts":[{"text":', b'}]},"contents":['),
        (b'{"role":"user","parts":[{"text":', b'{"role":"model","parts":[{"text":'),
        b"}]}",
        takes_whole=True,
    ),
}


def _whole(example: Example, *, takes_whole: bool) -> bytes:
    if not takes_whole:
        raise UserError("The row has tools or files.", "Of all forms only vertex holds them here.")
    return example.whole


def encode(example: Example, dialect: Dialect, mapping: FieldMapping | None = None) -> bytes:
    """Return the example as one line of JSON, without a line end.

    Raises:
        UserError: the dialect cannot hold the example.
    """
    conversation = _CONVERSATIONS.get(dialect)
    return _encode(_row(example, dialect, mapping)) if conversation is None else conversation.line(example)


def encode_lines(examples: Iterable[Example], dialect: Dialect, mapping: FieldMapping | None = None) -> bytes:
    """Return the examples as JSONL, each line with its line end. Raises UserError, see `encode`."""
    conversation = _CONVERSATIONS.get(dialect)
    if conversation is None:
        return _encoder.encode_lines([_row(example, dialect, mapping) for example in examples])
    lines = list(map(conversation.line, examples))
    return b"\n".join(lines) + b"\n" if lines else b""


def _row(example: Example, dialect: Dialect, mapping: FieldMapping | None) -> dict[str, Any]:
    """Return the row of a dialect that is not written as a conversation, as plain JSON values."""
    if example.whole:
        _whole(example, takes_whole=False)
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
        raise UserError("The example has no second answer to prefer less.", "Use a supervised dialect.")
