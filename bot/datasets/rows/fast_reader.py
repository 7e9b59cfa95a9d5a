"""Reads correct rows, many at a time; `slow_reader.py` reads all others.

msgspec's typed decode refuses unknown keys, other roles and other types by itself. All work after it runs over
columns (`map`, `chain`, comprehensions, list comparison), because Python code for each row would cost more than
decoding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Literal

import msgspec

from bot.datasets.formats.re2 import compile_linear
from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.columns import Columns
from bot.datasets.rows.examples import BLANK_LINE, PAIRS
from bot.datasets.rows.preference_rows import DIALOGUE_START
from bot.datasets.rows.side_keys import MEANING_KEYS
from bot.domain.datasets import Dialect, FieldMapping

# `slow_reader` reads longer conversations, and rows that are no plain system-user-model sequence.
_MOST_TEXTS = 200
FAST_READER_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class FastReader:
    """Reads one dialect: decodes lines (raises FAST_READER_ERRORS), then splits the rows into columns.

    `columns` returns None where `slow_reader` must read at least one of the rows. `slow_reader` also reads
    each line that holds `mark`.
    """

    row: type[msgspec.Struct]
    decode: Callable[[bytes], Any]
    decode_lines: Callable[[bytes], list[Any]]
    columns: Callable[[list[Any]], Columns | None]
    mark: bytes = b""

    def without(self, mark: bytes) -> "FastReader":
        """Return a reader that leaves rows with these bytes to `slow_reader`."""
        refused = msgspec.DecodeError("for the slow reader")
        # Most texts have no such sign, and one byte is found ten times as fast as several.
        sign = b"_" if b"_" in mark else mark

        def decode(raw: bytes) -> Any:
            if sign in raw and mark in raw:
                raise refused
            return self.decode(raw)

        def decode_lines(raw: bytes) -> list[Any]:
            if sign in raw and mark in raw:
                raise refused
            return self.decode_lines(raw)

        return FastReader(self.row, decode, decode_lines, self.columns, mark)


def _reader(row: type[msgspec.Struct], columns: Callable[[list[Any]], Columns | None]) -> FastReader:
    decoder = msgspec.json.Decoder(row)
    return FastReader(row, decoder.decode, decoder.decode_lines, columns)


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Lives only until its columns are read, so the garbage collector need not track it."""


class _AssistantMessage(_Strict):
    role: Literal["system", "user", "assistant"]
    content: str


class _AssistantRow(_Strict):
    messages: list[_AssistantMessage]


class _ShareGptTurn(_Strict, rename={"role": "from", "content": "value"}):
    role: Literal["system", "human", "gpt"]
    content: str


class _ShareGptRow(_Strict, rename={"messages": "conversations"}):
    messages: list[_ShareGptTurn]


class _AlpacaRow(_Strict):
    instruction: str
    output: str
    input: str | None = None


class _PreferredRow(_Strict):
    """TRL's row of texts."""

    prompt: str
    chosen: str
    rejected: str


class _ModelMessage(_Strict):
    role: Literal["system", "user", "model"]
    content: str


class _ModelRow(_Strict):
    messages: list[_ModelMessage]


class _Part(_Strict):
    text: str


class _Instruction(_Strict):
    parts: tuple[_Part]
    role: str = "system"


class _Content(_Strict):
    role: Literal["user", "model"]
    parts: tuple[_Part]


class _VertexRow(_Strict, rename={"system": "systemInstruction"}):
    contents: list[_Content]
    system: _Instruction | None = None


class _MappedRow(msgspec.Struct, gc=False):
    """A row that may have keys that are not mapped; those that change its meaning are left to `slow_reader`."""


def build_fast_reader(dialect: Dialect, mapping: FieldMapping | None = None) -> FastReader | None:
    """Return the fast reader of a dialect's rows, or None where there is none."""
    match dialect:
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            return _pair_reader(*PAIRS[dialect])
        case Dialect.MAPPED if mapping is not None and len({*input_keys(mapping), mapping.output}) == 2:
            return _mapped_reader(mapping.input, mapping.output)
        case Dialect.MESSAGES:
            return _chat_reader(_ModelRow, "user", "model")
        case Dialect.OPENAI:
            return _chat_reader(_AssistantRow, "user", "assistant")
        case Dialect.SHAREGPT:
            return _chat_reader(_ShareGptRow, "human", "gpt")
        case Dialect.ALPACA:
            return _reader(_AlpacaRow, _alpaca_columns)
        case Dialect.VERTEX:
            return _vertex_reader()
        case Dialect.TRL:
            return _reader(_PreferredRow, _preferred_columns)
        case _:
            return None


def _pair_row(question: str, answer: str, base: type[msgspec.Struct], *others: str) -> type[msgspec.Struct]:
    """Return the type of rows with two texts; what the other keys hold are `other_0`, `other_1`, ..."""
    names = [f"other_{i}" for i in range(len(others))]
    return msgspec.defstruct(
        "_PairRow",
        [("question", str), ("answer", str), *((name, Any, None) for name in names)],
        bases=(base,),
        rename={"question": question, "answer": answer} | dict(zip(names, others, strict=True)),
    )


_pair_of = attrgetter("question", "answer")
_preferred_of = attrgetter("prompt", "chosen")


def _pair_columns(rows: list[Any]) -> Columns | None:
    texts = list(chain.from_iterable(map(_pair_of, rows)))
    return Columns(texts, [2] * len(rows)) if all(map(str.strip, texts)) else None


def _pair_reader(question: str, answer: str) -> FastReader:
    return _reader(_pair_row(question, answer, _Strict), _pair_columns)


def _alpaca_columns(rows: list[Any]) -> Columns | None:
    texts: list[str] = []
    for row in rows:
        if not (row.instruction.strip() and row.output.strip()):
            return None
        extra = row.input
        question = row.instruction + BLANK_LINE + extra if extra and extra.strip() else row.instruction
        texts += (question, row.output)
    return Columns(texts, [2] * len(rows))


def _preferred_columns(rows: list[Any]) -> Columns | None:
    texts = list(chain.from_iterable(map(_preferred_of, rows)))
    rejected = [row.rejected for row in rows]
    if not (all(map(str.strip, texts)) and all(map(str.strip, rejected))):
        return None
    # The text of a whole dialogue, as Anthropic's HH-RLHF has it.
    if any(text.lstrip().startswith(DIALOGUE_START) for text in texts[1::2]):
        return None
    return Columns(texts, [2] * len(rows), rejected)


def _mapped_reader(question: str, answer: str) -> FastReader:
    """Return a reader of rows that may have other keys; one with a value in a watched key is for `slow_reader`.

    A type with all the watched keys takes ten times as long, so it reads only where one of their names stands in
    front of something other than null.
    """
    watched = [key for key in MEANING_KEYS if key not in (question, answer)]
    holds_watched = compile_linear(rb'"(?:' + "|".join(watched).encode() + rb')"[ \t\r]*:[ \t\r]*[^ \t\rn]').search
    with_watched = _pair_row(question, answer, _MappedRow, *watched)
    watched_of = attrgetter(*(f"other_{i}" for i in range(len(watched))))
    nothing = (None,) * len(watched)
    plain, watching = (
        msgspec.json.Decoder(_pair_row(question, answer, _MappedRow)),
        msgspec.json.Decoder(with_watched),
    )

    def decode(raw: bytes) -> Any:
        return (watching if holds_watched(raw) else plain).decode(raw)

    def decode_lines(raw: bytes) -> list[Any]:
        return (watching if holds_watched(raw) else plain).decode_lines(raw)

    def columns(rows: list[Any]) -> Columns | None:
        looked_at = [row for row in rows if type(row) is with_watched]
        return None if any(map(nothing.__ne__, map(watched_of, looked_at))) else _pair_columns(rows)

    return FastReader(plain.type, decode, decode_lines, columns)


def _chat_reader(row: type[msgspec.Struct], asking: str, answering: str) -> FastReader:
    orders = _orders(asking, answering, system=True)

    def columns(rows: list[Any]) -> Columns | None:
        conversations = [row.messages for row in rows]
        counts = list(map(len, conversations))
        messages = list(chain.from_iterable(conversations))
        texts = [message.content for message in messages]
        ordered = _in_order(counts, [message.role for message in messages], orders)
        return Columns(texts, counts) if ordered and all(map(str.strip, texts)) else None

    return _reader(row, columns)


def _vertex_reader() -> FastReader:
    orders = _orders("user", "model", system=False)

    def columns(rows: list[Any]) -> Columns | None:
        conversations = [row.contents for row in rows]
        counts = list(map(len, conversations))
        contents = list(chain.from_iterable(conversations))
        if not _in_order(counts, [content.role for content in contents], orders):
            return None
        # Each has exactly one part, as the type says.
        texts = [content.parts[0].text for content in contents]
        if any(row.system is not None for row in rows):
            turns, texts = iter(texts), []
            for i, row in enumerate(rows):
                texts += [] if row.system is None else [row.system.parts[0].text]
                texts += islice(turns, counts[i])
                counts[i] += row.system is not None
        return Columns(texts, counts) if all(map(str.strip, texts)) else None

    return _reader(_VertexRow, columns)


def _orders(asking: str, answering: str, *, system: bool) -> dict[int, tuple[str, ...]]:
    """Return, for each number of messages, the only valid order of roles."""
    turns = (asking, answering)
    orders = {n: turns * (n // 2) for n in range(2, _MOST_TEXTS, 2)}
    if system:
        orders |= {n + 1: ("system", *order) for n, order in orders.items()}
    return orders


def _in_order(counts: list[int], roles: list[str], orders: dict[int, tuple[str, ...]]) -> bool:
    try:
        return list(chain.from_iterable(map(orders.__getitem__, counts))) == roles
    except KeyError:
        return False
