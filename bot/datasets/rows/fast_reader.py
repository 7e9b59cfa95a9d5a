"""Reads rows that are as they should be, many at a time; anything else is left to `explain.py`.

A typed decode refuses unknown keys, other roles and other types by itself. Everything after it runs over whole
columns inside C (`map`, `chain`, list comparison), since Python per row would cost more than the decoding.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, Literal

import msgspec

from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.examples import PAIRS, Example
from bot.domain.datasets import Dialect, FieldMapping

# Stands between the texts of an input when they are hashed; no text that is passed on holds it.
SEPARATOR = "\0"
# Longer conversations are read by `explain`; so are rows that are no plain system-user-model sequence.
_MOST_TEXTS = 200
NOT_QUICK = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Columns:
    """Good rows, taken apart.

    `inputs` are all texts before the answer, joined by SEPARATOR; `counts` says how many texts a row has, the
    answer included. An even count is turns alone; an odd one means that the first text is a system text.
    """

    inputs: list[str]
    outputs: list[str]
    counts: list[int]

    def examples(self) -> Iterable[Example]:
        for joined, output, count in zip(self.inputs, self.outputs, self.counts, strict=True):
            texts = joined.split(SEPARATOR) if count > 2 else [joined]
            system = texts.pop(0) if count % 2 else ""
            yield Example(system, (*texts, output))


def columns_of(example: Example) -> Columns:
    """One example as columns."""
    texts = [example.system, *example.texts] if example.system else [*example.texts]
    # Two answers count as one output: rows that differ in either are not the same.
    return Columns([SEPARATOR.join(texts[:-1])], [texts[-1] + example.rejected], [len(texts)])


@dataclass(frozen=True, slots=True)
class Reader:
    """How to read one dialect: decode lines (raising NOT_QUICK), then take the rows apart.

    `columns` is None where at least one of the rows is for `explain`.
    """

    decode: Callable[[bytes], Any]
    decode_lines: Callable[[bytes], list[Any]]
    columns: Callable[[list[Any]], Columns | None]


def _reader(row: type[msgspec.Struct], columns: Callable[[list[Any]], Columns | None]) -> Reader:
    decoder = msgspec.json.Decoder(row)
    return Reader(decoder.decode, decoder.decode_lines, columns)


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Decoded, taken apart at once and dropped, so that the garbage collector need not know it."""


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
    """Keys that are not mapped are expected in these rows, and left out."""


def quick_reader(dialect: Dialect, mapping: FieldMapping | None = None) -> Reader | None:
    """The reader of a dialect's rows; None where there is no quick one."""
    match dialect:
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            return _pair_reader(*PAIRS[dialect], _Strict)
        case Dialect.MAPPED if mapping is not None and len({*input_keys(mapping), mapping.output}) == 2:
            return _pair_reader(mapping.input, mapping.output, _MappedRow)
        case Dialect.MESSAGES:
            return _chat_reader(_ModelRow, "model")
        case Dialect.OPENAI:
            return _chat_reader(_AssistantRow, "assistant")
        case Dialect.VERTEX:
            return _vertex_reader()
        case _:
            return None


def _pair_reader(question: str, answer: str, base: type[msgspec.Struct]) -> Reader:
    row = msgspec.defstruct(
        "_PairRow",
        [("question", str), ("answer", str)],
        bases=(base,),
        rename={"question": question, "answer": answer},
    )
    inputs_of, outputs_of = attrgetter("question"), attrgetter("answer")

    def columns(rows: list[Any]) -> Columns | None:
        inputs, outputs = list(map(inputs_of, rows)), list(map(outputs_of, rows))
        if not (all(map(str.strip, inputs)) and all(map(str.strip, outputs))):
            return None
        return Columns(inputs, outputs, [2] * len(rows))

    return _reader(row, columns)


def _chat_reader(row: type[msgspec.Struct], answering: str) -> Reader:
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


def _vertex_reader() -> Reader:
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
    """By the number of messages, the only order of roles they can have."""
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
