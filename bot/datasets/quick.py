"""Reads rows that are as they should be, at parse speed; anything else is left to `explain.py`.

A typed decode refuses unknown keys, other roles and other types by itself, in C. What is left for Python is the
order of roles, which is looked up by the whole sequence, and texts that hold only whitespace.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from bot.datasets.examples import PAIRS
from bot.datasets.mapping import input_keys
from bot.domain import Dialect, FieldMapping

# System text ("" where there is none) and alternating texts, user first; None: ask `explain`.
Read = tuple[str, list[str]]
Reader = Callable[[bytes], Read | None]

# Distinct sequences of roles that are remembered; a hostile file could bring a new one in each row.
_MOST_SHAPES = 10_000
_NOT_HERE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Struct(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Decoded, looked at once and dropped: no row is ever part of a cycle."""


class _AssistantMessage(_Struct):
    role: Literal["system", "user", "assistant"]
    content: str


class _AssistantRow(_Struct):
    messages: list[_AssistantMessage]


class _ModelMessage(_Struct):
    role: Literal["system", "user", "model"]
    content: str


class _ModelRow(_Struct):
    messages: list[_ModelMessage]


class _Part(_Struct):
    text: str


class _Instruction(_Struct):
    parts: tuple[_Part]
    role: str = "system"


class _Content(_Struct):
    role: Literal["user", "model"]
    parts: tuple[_Part]


class _VertexRow(_Struct, rename={"system": "systemInstruction"}):
    contents: list[_Content]
    system: _Instruction | None = None


class _MappedRow(msgspec.Struct, gc=False):
    """Other keys than the mapped ones are expected in these rows, and left out."""


def quick_reader(dialect: Dialect, mapping: FieldMapping | None = None) -> Reader | None:
    """The reader of a dialect's rows; None where there is no quick one."""
    match dialect:
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            return _pair_reader(*PAIRS[dialect], _Struct)
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
    decode = msgspec.json.Decoder(row).decode

    def read(line: bytes) -> Read | None:
        try:
            pair = decode(line)
        except _NOT_HERE:
            return None
        texts = [pair.question, pair.answer]  # type: ignore[attr-defined]
        return ("", texts) if all(map(str.strip, texts)) else None

    return read


def _chat_reader(row: type[_AssistantRow] | type[_ModelRow], answering: str) -> Reader:
    decode: Callable[[bytes], _AssistantRow | _ModelRow] = msgspec.json.Decoder(row).decode
    # Roles -> whether the first is a system text; only sequences that are in order are in here.
    plain: dict[tuple[str, ...], bool] = {}

    def read(line: bytes) -> Read | None:
        try:
            messages = decode(line).messages
        except _NOT_HERE:
            return None
        roles = tuple([message.role for message in messages])
        has_system = plain.get(roles)
        if has_system is None:
            if not _in_order(roles, answering):
                return None
            has_system = roles[0] == "system"
            if len(plain) < _MOST_SHAPES:
                plain[roles] = has_system
        texts = [message.content for message in messages]
        if not all(map(str.strip, texts)):
            return None
        return (texts.pop(0), texts) if has_system else ("", texts)

    return read


def _in_order(roles: tuple[str, ...], answering: str) -> bool:
    turns = roles[1:] if roles[:1] == ("system",) else roles
    return bool(turns) and len(turns) % 2 == 0 and turns == ("user", answering) * (len(turns) // 2)


def _vertex_reader() -> Reader:
    decode = msgspec.json.Decoder(_VertexRow).decode
    plain: set[tuple[str, ...]] = set()

    def read(line: bytes) -> Read | None:
        try:
            row = decode(line)
        except _NOT_HERE:
            return None
        contents = row.contents
        roles = tuple([content.role for content in contents])
        if roles not in plain:
            if not _in_order(roles, "model"):
                return None
            if len(plain) < _MOST_SHAPES:
                plain.add(roles)
        texts = [content.parts[0].text for content in contents]
        if not all(map(str.strip, texts)):
            return None
        if row.system is None:
            return "", texts
        system = row.system.parts[0].text
        return (system, texts) if system.strip() else None

    return read
