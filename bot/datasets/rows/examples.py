"""Defines an example, which every dialect is read into and written from.

Writing is strict: what a dialect cannot hold is an error, never left out in silence. `fast_reader.py` reads
correct rows, `slow_reader.py` all others.
"""

from collections.abc import Iterable
from typing import Any, assert_never

import msgspec

from bot.datasets.rows.column_mapping import input_keys
from bot.domain.chat import Role, Turn
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import UserError

PAIRS: dict[Dialect, tuple[str, str]] = {
    Dialect.GEMINI: ("text_input", "output"),
    Dialect.PALM: ("input_text", "output_text"),
    Dialect.PROMPT: ("prompt", "completion"),
}
# What a system text, and parts of a mapped input, are joined with.
BLANK_LINE = "\n\n"

_encoder = msgspec.json.Encoder()


class Example(msgspec.Struct, frozen=True, gc=False):
    """A system text (empty where there is none) and turns that alternate: user first, model last.

    `texts` are the turns' texts without their roles, which their places tell. `rejected` is the answer to prefer
    less, in preference rows only.
    """

    system: str
    texts: tuple[str, ...]
    rejected: str = ""

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(Turn(_role(i), text) for i, text in enumerate(self.texts))

    @property
    def question(self) -> str:
        """The input of a single pair, the system text in front of it."""
        return f"{self.system}{BLANK_LINE}{self.texts[0]}" if self.system else self.texts[0]


def encode(example: Example, dialect: Dialect, mapping: FieldMapping | None = None) -> bytes:
    """Return the example as one line of JSON, without a line end.

    Raises:
        UserError: the dialect cannot hold the example.
    """
    return _encoder.encode(build_row(example, dialect, mapping))


def encode_lines(examples: Iterable[Example], dialect: Dialect, mapping: FieldMapping | None = None) -> bytes:
    """Return the examples as JSONL, each line with its line end."""
    return _encoder.encode_lines([build_row(example, dialect, mapping) for example in examples])


def build_row(example: Example, dialect: Dialect, mapping: FieldMapping | None = None) -> dict[str, Any]:
    """Return the row of the dialect as plain JSON values. Raises UserError, see `encode`."""
    match dialect:
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            return _pair(example, *PAIRS[dialect])
        case Dialect.MAPPED:
            if mapping is None or len(input_keys(mapping)) != 1:
                raise UserError("Rows cannot be written with these keys.", "Convert to another dialect.")
            return _pair(example, mapping.input, mapping.output)
        case Dialect.MESSAGES:
            return _messages(example, "model")
        case Dialect.OPENAI:
            return _messages(example, "assistant")
        case Dialect.SHAREGPT:
            return _conversations(example)
        case Dialect.ALPACA:
            return _alpaca(example)
        case Dialect.CLAUDE:
            return _claude(example)
        case Dialect.TRL:
            _require_rejected(example)
            return _pair(example, "prompt", "chosen") | {"rejected": example.rejected}
        case Dialect.VERTEX:
            return _contents(example.system, example.texts)
        case Dialect.PREFERENCE:
            _require_rejected(example)
            return _contents(example.system, example.texts[:-1]) | {
                "completions": [
                    {"score": 1, "completion": _content(1, example.texts[-1])},
                    {"score": 0, "completion": _content(1, example.rejected)},
                ]
            }
        case _:
            assert_never(dialect)


def _role(place: int) -> Role:
    return Role.MODEL if place % 2 else Role.USER


def _pair(example: Example, question: str, answer: str) -> dict[str, Any]:
    if len(example.texts) != 2:
        raise UserError(
            f"A conversation of {len(example.texts)} turns does not fit into one input and one output.",
            "Use a dialect that takes many turns: vertex, messages, openai, sharegpt, alpaca or claude.",
        )
    return {question: example.question, answer: example.texts[1]}


def _messages(example: Example, answering: str) -> dict[str, Any]:
    names = ("user", answering)
    system = [{"role": "system", "content": example.system}] if example.system else []
    return {"messages": system + [{"role": names[i % 2], "content": t} for i, t in enumerate(example.texts)]}


def _require_rejected(example: Example) -> None:
    if not example.rejected:
        raise UserError("The example has no second answer to prefer less.", "Use a supervised dialect.")


def _conversations(example: Example) -> dict[str, Any]:
    names = ("human", "gpt")
    system = [{"from": "system", "value": example.system}] if example.system else []
    return {"conversations": system + [{"from": names[i % 2], "value": t} for i, t in enumerate(example.texts)]}


def _alpaca(example: Example) -> dict[str, Any]:
    *before, question, answer = example.texts
    row: dict[str, Any] = {"instruction": question, "input": "", "output": answer}
    if example.system:
        row["system"] = example.system
    if before:
        row["history"] = [[before[i], before[i + 1]] for i in range(0, len(before), 2)]
    return row


def _claude(example: Example) -> dict[str, Any]:
    names = ("user", "assistant")
    row: dict[str, Any] = {"system": example.system} if example.system else {}
    row["messages"] = [{"role": names[i % 2], "content": text} for i, text in enumerate(example.texts)]
    return row


def _contents(system: str, texts: Iterable[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
    row["contents"] = [_content(i, text) for i, text in enumerate(texts)]
    return row


def _content(place: int, text: str) -> dict[str, Any]:
    return {"role": "model" if place % 2 else "user", "parts": [{"text": text}]}
