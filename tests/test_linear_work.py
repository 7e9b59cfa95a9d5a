"""The work on text that others write grows no faster than the text: for every parser and for every renderer.

Work is counted in steps and not in seconds: `sys.settrace` counts the lines that run. A pattern
of `re` runs no lines, so the modules that read such text may not use `re` at all: RE2 is linear by construction.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import bot
import handlers
from bot.backends.google.error_hints import hint_for
from bot.backends.google.google_errors import sanitize
from bot.backends.profiles import VERTEX
from bot.datasets import DatasetChecker
from bot.datasets.checks.personal_data import PersonalData
from bot.datasets.rewrite.row_repair import repair_row
from bot.datasets.rows.row_checker import RowChecker
from bot.domain.backend_profile import DatasetLimits
from bot.domain.chat import Answer, ModelAnswer, ModelRef
from bot.domain.datasets import Dialect
from bot.domain.names import check_name, did_you_mean, quoted, same_name, written_name
from bot.errors import BotError
from handlers.blocks.chat.answer import build_answer, build_asked_answer
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.notices import build_ended
from handlers.blocks.message import clip, code, compose, escape, escape_line, escape_markdown, markdown_as_text
from handlers.blocks.replies import build_reply
from handlers.errors import message_for
from handlers.syntax.arguments import parse_ask
from handlers.syntax.lexer import file_location, undo_markup, unquoted, words
from handlers.syntax.start_options import parse_start
from handlers.syntax.typed_text import parse_mention, parse_tune
from tests.support.block_samples import NOW, done

pytestmark = pytest.mark.long

ROOT = Path(bot.__file__).parent.parent
SMALL = 2_000
# A Markdown parser takes thousands of lines for each of these characters, so an answer shows its growth earlier.
SMALL_ANSWER = 400
# A cut, a page or a warm-up may add some steps; a loop in a loop would double the ratio.
MOST_GROWTH = 2.3
SOME_STEPS = 400

COUNTER = ModelRef("vertex", "endpoints/1", "counter")

UNITS = {
    "blanks": " ",
    "blanks and commas": " ,",
    "newlines": "\n",
    "letters": "a",
    "words": "ab ",
    "quotes": '"',
    "quoted words": '"a" ',
    "apostrophes": "'a",
    "backslashes": "\\",
    "backticks": "`",
    "odd backticks": "`a``",
    "fences": "```\n",
    "tildes": "~~~\n",
    "less than": "<",
    "tags": "<a>",
    "half tags": "<a|",
    "links in angle brackets": "<http://a.b|c>",
    "mentions": "<@UBOT>",
    "half mentions": "<@UBOT|",
    "mentions with blanks": "<@UBOT>  ",
    "ampersands": "&",
    "entities": "&amp;",
    "keys": "a=",
    "keys with blanks": "a = ",
    "equals": "=",
    "brackets": "[",
    "closed brackets": "]",
    "pairs of brackets": "[]",
    "links": "[a](b)",
    "half links": "[a](",
    "nested links": "[![",
    "definitions": "[a]: b\n",
    "parentheses": "(",
    "asterisks": "*a ",
    "asterisks on both sides": "*a_",
    "underscores": "_",
    "block quotes": ">",
    "lists": "- ",
    "nested lists": " - a\n",
    "tables": "|a",
    "table rows": "|a|b|\n|-|-|\n",
    "headings": "# a\n",
    "direction marks": "\u202e",
    "combining characters": "e\u0301",
    "emoji": "👩‍💻",
    "control characters": "\x07",
    "queries": "http://a?",
    "addresses": "http://",
    "tokens": "eyJ",
    "quota": "quota tuning ",
    "at signs": "@",
    "broadcasts": "@here ",
}


def steps(work: Callable[[str], object], text: str) -> int:
    """How many lines of Python run while the work is done."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(BotError):
            work(text)
    finally:
        sys.settrace(before)
    return count


def card_named(name: str) -> object:
    job = done()
    job = replace(job, spec=replace(job.spec, name=name))
    return build_card(job, VERTEX, [], NOW), build_ended(job, VERTEX)


PARSERS: dict[str, Callable[[str], object]] = {
    "/tune": parse_tune,
    "/tune start": lambda text: parse_tune("start " + text),
    "/tune use": lambda text: parse_tune("use " + text),
    "/ask": parse_ask,
    "/ask model=": lambda text: parse_ask("model=" + text + " why"),
    "mention": lambda text: parse_mention("<@UBOT> " + text, "UBOT"),
    "mention at the end": lambda text: parse_mention(text + " <@UBOT>", "UBOT"),
    "mention of a start": lambda text: parse_mention("<@UBOT> start " + text, "UBOT"),
    "mention with a file": lambda text: parse_mention("<@UBOT> start " + text, "UBOT", has_file=True),
    "start options": parse_start,
    "words": lambda text: list(words(text)),
    "markup": undo_markup,
    "unquoted": unquoted,
    "file": file_location,
    "gs:// file": lambda text: file_location("gs://bucket/" + text),
    "name": check_name,
    "same name": same_name,
    "quoted name": lambda text: quoted(written_name(text)),
    "suggestion": lambda text: did_you_mean(text, ["capitals", text]),
    "Google's message": sanitize,
    "hint": lambda text: hint_for(text, 400, reasons=text),
}
RENDERERS: dict[str, Callable[[str], object]] = {
    "escape": escape,
    "escape a line": lambda text: escape_line(text, 100),
    "code": code,
    "clip": lambda text: clip(escape(text), 1_000),
    "compose": lambda text: compose(escape(text), []),
    "Markdown": escape_markdown,
    "Markdown as text": markdown_as_text,
    "answer": lambda text: build_answer(ModelAnswer(COUNTER, Answer(text))),
    "answer with a link before": lambda text: build_answer(ModelAnswer(COUNTER, Answer("[a](b) " + text))),
    "answer with a link behind": lambda text: build_answer(ModelAnswer(COUNTER, Answer(text + "\n\n[a](b)"))),
    "asked answer": lambda text: build_asked_answer("U1", text, ModelAnswer(COUNTER, Answer("eight"))),
    "job": card_named,
    "reply": build_reply,
    "error": lambda text: message_for(BotError(text, text)),
}


def test_steps_that_grow_with_the_square_are_seen() -> None:
    def pairs(text: str) -> object:
        return sum(one == other for one in text for other in text)

    once, twice = (steps(pairs, "a" * size) for size in (200, 400))
    assert twice > MOST_GROWTH * once + SOME_STEPS


@pytest.mark.parametrize("what", [*PARSERS, *RENDERERS])
def test_twice_the_text_is_at_most_twice_the_work(what: str) -> None:
    work = (PARSERS | RENDERERS)[what]
    small = SMALL_ANSWER if what.startswith("answer") else SMALL
    steps(work, "a")  # What is imported or compiled once is no part of the work.
    grew = {}
    for name, unit in UNITS.items():
        text = unit * (small // len(unit))
        once, twice, four_times = counts = tuple(steps(work, text * times) for times in (1, 2, 4))
        if twice > MOST_GROWTH * once + SOME_STEPS or four_times > MOST_GROWTH * twice + SOME_STEPS:
            grew[name] = counts
    assert grew == {}


ASKED, SAID = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
PICTURE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://charts/a.png"}}
CALLS = [{"id": f"c{i}", "type": "function", "function": {"name": "tide", "arguments": "{}"}} for i in range(1000)]
TOOLS = [{"type": "function", "function": {"name": "tide"}}]
ROWS: dict[str, Callable[[int], Any]] = {
    "turns": lambda n: {"messages": [ASKED, SAID] * n},
    "turns of one role": lambda n: {"messages": [*[ASKED] * n, SAID]},
    "turns of one role beside tools": lambda n: {"messages": [*[ASKED] * n, SAID], "tools": TOOLS},
    "calls and answers": lambda n: {
        "messages": [
            *(ASKED, {"role": "assistant", "tool_calls": CALLS[:n]}),
            *({"role": "tool", "tool_call_id": call["id"], "content": "six"} for call in CALLS[:n]),
            SAID,
        ],
        "tools": TOOLS * n,
    },
    "turns that call": lambda n: {"messages": [ASKED, *[{"role": "assistant", "tool_calls": CALLS[:1]}] * n]},
    "parts": lambda n: {"contents": [{"role": "user", "parts": [{"text": "q"}] * n}]},
    "pictures": lambda n: {"contents": [{"role": "user", "parts": [PICTURE] * n}]},
    "keys": lambda n: {"question": "q", "answer": "a"} | dict.fromkeys(map(str, range(n)), "x"),
    "keys with dots": lambda n: {"question": "q", "answer": {f"a.{i}": "x" for i in range(n)}},
    "wrappers": lambda n: {"request": {"contents": [{"role": "user", "parts": [{"text": "q"}]}] * n}},
    "two dialogues": lambda n: dict.fromkeys(("chosen", "rejected"), "\n\nHuman: q\n\nAssistant: a" * n),
    "conversations": lambda n: {
        "conversations": [{"from": "human", "value": "<image>"}] * n,
        "images": ["a.png"] * n,
    },
    "items of a response": lambda n: {"input": [ASKED] * n, "output": [{"type": "message", **SAID}] * n},
    "calls of a response": lambda n: {
        "input": [ASKED, *({"type": "function_call", "call_id": f"c{i}", "name": "tide"} for i in range(n))],
        "output": [{"type": "function_call_output", "call_id": f"c{i}", "output": "six"} for i in range(n)],
    },
    "texts of two speakers": lambda n: {"data": ["q", "a"] * n},
    "pairs of turns": lambda n: {"conversation": [{"system": "s", "human": "q", "assistant": "a"}] * n},
    "a history": lambda n: {"prompt": "q", "completion": "a", "history": [ASKED, SAID] * n},
    "keys in capitals": lambda n: (
        {"MESSAGES": [{"Role": "user", "Content": "q"}] * n} | {f"K{i}": 1 for i in range(n)}
    ),
    "messages of LangChain": lambda n: {"messages": [{"type": "human", "data": {"content": "q"}}] * n},
    "two answers": lambda n: {"prompt": "q", "win": [SAID] * n, "lose": [SAID] * n},
    "an answer beside": lambda n: {"messages": [ASKED] * n, "response": {"choices": [{"message": SAID}] * n}},
    "calls in texts": lambda n: {
        "messages": [
            *(
                ASKED,
                {"role": "assistant", "content": '<tool_call>{"name": "f", "arguments": {}}</tool_call>' * n},
            ),
            *({"role": "tool", "content": "<tool_response>six</tool_response>" * n}, SAID),
        ]
    },
}


@pytest.mark.parametrize("what", ROWS)
def test_twice_the_turns_of_a_row_are_at_most_twice_the_work(what: str) -> None:
    def check(row: str) -> object:
        checker = RowChecker(DatasetLimits(takes_tools=True))
        checker.survey([row.encode()])
        parsed = checker.check_row(row.encode()).parsed
        return repair_row(parsed.row, parsed.dialect, None) if parsed and parsed.row else None

    check(json.dumps(ROWS[what](1)))
    once, twice, four_times = (steps(check, json.dumps(ROWS[what](n))) for n in (250, 500, 1000))
    assert once
    assert twice <= MOST_GROWTH * once + SOME_STEPS
    assert four_times <= MOST_GROWTH * twice + SOME_STEPS


# What stands before the parts that repeat, the part, and what stands behind them.
ROW_OF_TEXT = b'{"text_input": "', b'", "output": "an answer"}'
FILES: dict[str, tuple[str, bytes, bytes, bytes]] = {
    "addresses": ("jsonl", ROW_OF_TEXT[0], b"a@b.c ", ROW_OF_TEXT[1]),
    "thoughts": ("jsonl", ROW_OF_TEXT[0], b"<think>", ROW_OF_TEXT[1]),
    "calls in a text": ("jsonl", ROW_OF_TEXT[0], b"<tool_call>{}</tool_call>", ROW_OF_TEXT[1]),
    "card numbers": ("jsonl", ROW_OF_TEXT[0], b"4111 1111 1111 1111 ", ROW_OF_TEXT[1]),
    "dialogues": ("jsonl", b'{"chosen": "', b"\\n\\nHuman: a", b'", "rejected": "b"}'),
    "tabs": ("jsonl", ROW_OF_TEXT[0], b"\t", ROW_OF_TEXT[1]),
    "no UTF-8": ("jsonl", ROW_OF_TEXT[0], b"\xff", ROW_OF_TEXT[1]),
    "line ends in a text": ("jsonl", ROW_OF_TEXT[0], b"a\n", ROW_OF_TEXT[1]),
    "half surrogates": ("jsonl", ROW_OF_TEXT[0], b"\\ud83d", ROW_OF_TEXT[1]),
    "quotes": ("jsonl", b'{"a":', b'"', b"}"),
    "commas": ("jsonl", b'{"a":[1', b",", b"]}"),
    "open brackets": ("jsonl", b"", b'{"a":[', b""),
    "half rows": ("jsonl", b"", b'{"text_input": "a\n', b""),
    "rows over lines": ("jsonl", b"", b"{\n}\n", b""),
    "good and bad rows": ("jsonl", b"", b'{"prompt": "q", "completion": "a"}\n{"a":1}\n', b""),
    "wrappers": ("jsonl", b"", b'{"row": {"prompt": "q", "completion": "a"}}\n', b""),
    "comments": ("json", b"[", b"/* a */ {}, // b\n", b"{}]"),
    "empty items": ("json", b"[", b"{},", b"{}]"),
    "texts that are never closed": ("json", b"[", b'{"a": "b\n{', b"]"),
    "quotes of cells": ("csv", b"prompt,completion\n", b'"', b""),
    "cells that are never closed": ("csv", b"prompt,completion\n", b'"a,b\n"c,d\n', b""),
    "columns": ("csv", b"", b"a,", b"\nb\n"),
    "empty cells": ("csv", b"prompt,completion\n", b",", b"\n"),
    "names again": ("csv", b"prompt,completion\n", b"prompt,completion\n", b""),
}


@pytest.mark.parametrize("what", FILES)
def test_twice_the_file_is_at_most_twice_the_work(what: str) -> None:
    ending, before, part, behind = FILES[what]

    def check(times: str) -> object:
        checker = DatasetChecker(f"rows.{ending}", DatasetLimits(takes_tools=True), Dialect.VERTEX)
        checker.feed(before + part * int(times) + behind)
        return checker.finish()

    check("1")
    once, twice, four_times = (steps(check, str(n)) for n in (500, 1000, 2000))
    assert once
    assert twice <= MOST_GROWTH * once + SOME_STEPS
    assert four_times <= MOST_GROWTH * twice + SOME_STEPS


@pytest.mark.parametrize("what", ["addresses", "thoughts", "dialogues"])
def test_a_sign_that_a_line_has_already_takes_a_few_steps(what: str) -> None:
    _, before, part, behind = FILES[what]
    fewer, more = (
        steps(lambda times: PersonalData().scan(before + part * int(times) + behind, 1), times)
        for times in ("1000", "2000")
    )
    assert more - fewer <= 25 * 1000


@pytest.mark.parametrize(
    "file",
    [
        *sorted((Path(handlers.__file__).parent / "syntax").rglob("*.py")),
        *sorted((Path(handlers.__file__).parent / "blocks").rglob("*.py")),
        ROOT / "bot/runtime/logs.py",
        ROOT / "bot/backends/google/error_hints.py",
        ROOT / "bot/backends/google/google_errors.py",
        ROOT / "bot/domain/names.py",
    ],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_what_reads_the_text_of_others_uses_no_pattern_of_pythons_own(file: Path) -> None:
    lines = {line.strip() for line in file.read_text().splitlines()}
    assert not {line for line in lines if line == "import re" or line.startswith("from re import")}
