"""Reads correct rows, many at a time; `slow_reader.py` reads all others.

msgspec's typed decode refuses unknown keys, other roles and other types by itself. All work after it runs over
columns in C (`map`, `chain`, list comparison), because Python code for each row would cost more than decoding.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, repeat
from operator import attrgetter
from typing import Any, Literal

import msgspec

from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.examples import PAIRS, Example
from bot.datasets.rows.side_keys import MEANING_KEYS
from bot.domain.datasets import Dialect, FieldMapping

# Stands between the texts of an input when they are hashed; no text that is passed on holds it.
SEPARATOR = "\0"
# `slow_reader` reads longer conversations, and rows that are no plain system-user-model sequence.
_MOST_TEXTS = 200
FAST_READER_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Columns:
    """The texts of correct rows, by column.

    `inputs` are all texts before the answer, joined by SEPARATOR; `counts` says how many texts a row has, the
    answer included. An even count is turns alone; an odd one means that the first text is a system text.
    `rejected` are the answers to prefer less; empty where no row has one.
    """

    inputs: list[str]
    outputs: list[str]
    counts: list[int]
    rejected: list[str] = field(default_factory=list)

    def examples(self) -> Iterable[Example]:
        rejected = self.rejected or repeat("", len(self.inputs))
        rows = zip(self.inputs, self.outputs, self.counts, rejected, strict=True)
        for joined, output, count, other in rows:
            texts = joined.split(SEPARATOR) if count > 2 else [joined]
            system = texts.pop(0) if count % 2 else ""
            yield Example(system, (*texts, output), other)

    def compared_outputs(self) -> list[str]:
        """Return what makes two rows of one input the same: the answer, and the one to prefer less."""
        if not self.rejected:
            return self.outputs
        return [f"{output}{SEPARATOR}{other}" for output, other in zip(self.outputs, self.rejected, strict=True)]


def columns_of(example: Example) -> Columns:
    """Return one example as columns."""
    texts = [example.system, *example.texts] if example.system else [*example.texts]
    rejected = [example.rejected] if example.rejected else []
    return Columns([SEPARATOR.join(texts[:-1])], [texts[-1]], [len(texts)], rejected)


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the rows of several columns as one."""
    rejected = any(part.rejected for part in parts)
    return Columns(
        [text for part in parts for text in part.inputs],
        [text for part in parts for text in part.outputs],
        [count for part in parts for count in part.counts],
        [text for part in parts for text in part.rejected or [""] * len(part.inputs)] if rejected else [],
    )


@dataclass(frozen=True, slots=True)
class FastReader:
    """Reads one dialect: decodes lines (raises FAST_READER_ERRORS), then splits the rows into columns.

    `columns` returns None where `slow_reader` must read at least one of the rows.
    """

    decode: Callable[[bytes], Any]
    decode_lines: Callable[[bytes], list[Any]]
    columns: Callable[[list[Any]], Columns | None]


def _reader(row: type[msgspec.Struct], columns: Callable[[list[Any]], Columns | None]) -> FastReader:
    decoder = msgspec.json.Decoder(row)
    return FastReader(decoder.decode, decoder.decode_lines, columns)


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Lives only until its columns are read, so the garbage collector need not track it."""


class _AssistantMessage(_Strict):
    role: Literal["system", "user", "assistant"]
    content: str


class _AssistantRow(_Strict):
    messages: list[_AssistantMessage]


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
            return _pair_reader(*PAIRS[dialect], _Strict)
        case Dialect.MAPPED if mapping is not None and len({*input_keys(mapping), mapping.output}) == 2:
            return _pair_reader(mapping.input, mapping.output, _MappedRow, MEANING_KEYS)
        case Dialect.MESSAGES:
            return _chat_reader(_ModelRow, "model")
        case Dialect.OPENAI:
            return _chat_reader(_AssistantRow, "assistant")
        case Dialect.VERTEX:
            return _vertex_reader()
        case _:
            return None


def _pair_reader(
    question: str, answer: str, base: type[msgspec.Struct], watched: Sequence[str] = ()
) -> FastReader:
    """Return a reader of rows with two keys. A row with a value in a `watched` key is left to `slow_reader`."""
    watched = [key for key in watched if key not in (question, answer)]
    names = [f"watched_{i}" for i in range(len(watched))]
    row = msgspec.defstruct(
        "_PairRow",
        [("question", str), ("answer", str), *((name, Any, None) for name in names)],
        bases=(base,),
        rename={"question": question, "answer": answer} | dict(zip(names, watched, strict=True)),
    )
    inputs_of, outputs_of = attrgetter("question"), attrgetter("answer")
    watched_of = attrgetter(*names) if names else None
    nothing = (None,) * len(names)

    def columns(rows: list[Any]) -> Columns | None:
        if watched_of is not None and any(map(nothing.__ne__, map(watched_of, rows))):
            return None
        inputs, outputs = list(map(inputs_of, rows)), list(map(outputs_of, rows))
        if not (all(map(str.strip, inputs)) and all(map(str.strip, outputs))):
            return None
        return Columns(inputs, outputs, [2] * len(rows))

    return _reader(row, columns)


def _chat_reader(row: type[msgspec.Struct], answering: str) -> FastReader:
    messages_of, role_of, text_of = attrgetter("messages"), attrgetter("role"), attrgetter("content")
    orders = _orders("user", answering, system=True)

    def columns(rows: list[Any]) -> Columns | None:
        conversations = list(map(messages_of, rows))
        counts = list(map(len, conversations))
        messages = list(chain.from_iterable(conversations))
        texts = list(map(text_of, messages))
        if not (_in_order(counts, map(role_of, messages), orders) and all(map(str.strip, texts))):
            return None
        return _columns(texts, counts)

    return _reader(row, columns)


def _vertex_reader() -> FastReader:
    contents_of, system_of = attrgetter("contents"), attrgetter("system")
    role_of, parts_of, text_of = attrgetter("role"), attrgetter("parts"), attrgetter("text")
    orders = _orders("user", "model", system=False)

    def columns(rows: list[Any]) -> Columns | None:
        conversations = list(map(contents_of, rows))
        counts = list(map(len, conversations))
        contents = list(chain.from_iterable(conversations))
        # Each has exactly one part, as the type says.
        texts = list(map(text_of, chain.from_iterable(map(parts_of, contents))))
        if not (_in_order(counts, map(role_of, contents), orders) and all(map(str.strip, texts))):
            return None
        taken = _columns(texts, counts)
        for i, system in enumerate(map(system_of, rows)):
            if system is not None:
                text = system.parts[0].text
                if not text.strip():
                    return None
                taken.inputs[i] = f"{text}{SEPARATOR}{taken.inputs[i]}"
                counts[i] += 1
        return taken

    return _reader(_VertexRow, columns)


def _orders(asking: str, answering: str, *, system: bool) -> dict[int, tuple[str, ...]]:
    """Return, for each number of messages, the only valid order of roles."""
    turns = (asking, answering)
    orders = {n: turns * (n // 2) for n in range(2, _MOST_TEXTS, 2)}
    if system:
        orders |= {n + 1: ("system", *order) for n, order in orders.items()}
    return orders


def _in_order(counts: list[int], roles: Iterable[str], orders: dict[int, tuple[str, ...]]) -> bool:
    try:
        return list(chain.from_iterable(map(orders.__getitem__, counts))) == list(roles)
    except KeyError:
        return False


def _columns(texts: Sequence[str], counts: list[int]) -> Columns:
    ends = list(accumulate(counts))
    inputs = [SEPARATOR.join(texts[end - n : end - 1]) for end, n in zip(ends, counts, strict=True)]
    return Columns(inputs, [texts[end - 1] for end in ends], counts)
