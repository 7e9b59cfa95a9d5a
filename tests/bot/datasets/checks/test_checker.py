"""Files that go wrong in every way we know, each with exactly the findings it must give.

Expected findings are (rule, how many rows, first lines); `few-examples` is left out, as all of these are small.
"""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.datasets.formats.json_lines import PIECE_BYTES
from bot.datasets.formats.unpacker import MAX_UNPACKED_BYTES, Unpacker
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.dataset_builders import (
    GEMINI_API,
    PNG,
    VERTEX,
    chat,
    check_bytes,
    contents,
    jsonl,
    pair,
    rules,
    zipped,
)

GOOD = pair("1", "2")
TALK = chat("user: hi", "assistant: hello")
TURN = contents("user: hi", "model: hello")
G = jsonl(GOOD)
T = jsonl(TALK)
C = jsonl(TURN)


def answers(*scores: float, role: str = "model") -> dict[str, Any]:
    texts = ("good", "bad", "worse")
    parts = [
        {"score": s, "completion": {"role": role, "parts": [{"text": t}]}}
        for s, t in zip(scores, texts, strict=False)
    ]
    return {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "completions": parts}


FILES: dict[str, tuple[bytes, list[tuple[str, int, tuple[int, ...]]]]] = {
    # The file as a whole.
    "nothing": (b"", [("empty-file", 1, ())]),
    "only blank lines": (b"\n \n\t\n", [("empty-file", 1, ()), ("blank-lines", 3, (1, 2, 3))]),
    "only a byte order mark": (b"\xef\xbb\xbf", [("empty-file", 1, ()), ("byte-order-mark", 1, ())]),
    "a sign-in page": (
        b"<!DOCTYPE html><html><title>Sign in | Slack</title><body>Sign in</body></html>",
        [("sign-in-page", 1, ())],
    ),
    "a web page": (b"<!DOCTYPE html><html><body><h1>Our canvas</h1></body></html>", [("html-page", 1, ())]),
    "a web page after space": (b"\n  <HTML lang=en>\n" * 3, [("html-page", 1, ())]),
    "an Excel file": (zipped({"[Content_Types].xml": b"<x/>"}), [("not-a-text-file", 1, ())]),
    "a zip that is none": (b"PK\x03\x04" + bytes(range(256)) * 20, [("broken-zip", 1, ())]),
    "a zip with one file": (zipped({"__MACOSX/._a": b"x", "dir/": b"", "dir/a.jsonl": G}), []),
    "a zip with two files": (zipped({"a.jsonl": G, "b.jsonl": G}), [("several-files", 1, ())]),
    "a zip that is cut off": (zipped({"a.jsonl": G * 9})[:50], [("broken-zip", 1, ())]),
    "an Arrow stream": (b"\xff\xff\xff\xff" + bytes(99), [("broken-table", 1, ())]),
    "an RTF file": (b"{\\rtf1\\ansi\n\\f0 \\{\\}\n}", [("not-a-text-file", 1, ())]),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        [("lfs-pointer", 1, ())],
    ),
    "a server's error": (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", [("error-page", 1, ())]),
    "an export of Slack": (
        json.dumps([{"type": "message", "user": "U1", "text": "hi", "ts": "1.2"}]).encode(),
        [("slack-export", 1, ())],
    ),
    "a picture": (PNG, [("only-a-picture", 1, ())]),
    "a picture of another kind": (b"GIF89a" + b"x" * 99, [("only-a-picture", 1, ())]),
    "a PDF": (b"%PDF-1.7\n" + b"x" * 99, [("not-a-text-file", 1, ())]),
    "a Parquet file": (b"PAR1" + b"\x00" * 99, [("broken-table", 1, ())]),
    "UTF-16": (b"\xff\xfe" + '{"text_input": "1"}\n'.encode("utf-16-le"), [("utf-16", 1, ())]),
    "pretty-printed JSON": (json.dumps(GOOD, indent=2).encode(), []),
    "a broken gzip": (gzip.compress(G)[:10] + b"broken", [("broken-gzip", 1, ())]),
    "a cut gzip": (gzip.compress(G * 50)[:-9], [("broken-gzip", 1, ())]),
    "an array that is never closed": (
        b"[" + G.strip() + b", " + jsonl(pair("3", "4")).strip(),
        [("broken-array", 1, ())],
    ),
    "an array with text after it": (b"[" + G.strip() + b"] oops", [("not-json", 1, (2,))]),
    "an empty array": (b"[]", [("empty-file", 1, ())]),
    # Lines that are no rows.
    "plain text": (b"hello\nworld\n", [("not-json", 2, (1, 2))]),
    "one broken row": (G + b'{"text_input": "1", "output": \n' + jsonl(pair("3", "4")), [("not-json", 1, (2,))]),
    "a trailing comma": (G + b'{"text_input": "3", "output": "4"},\n', [("almost-json", 1, (2,))]),
    "a comma before the bracket": (G + b'{"text_input": "3", "output": "4",}\n', [("almost-json", 1, (2,))]),
    "single quotes": (b"{'text_input': '1', 'output': '2'}\n", [("almost-json", 1, (1,))]),
    "curly quotes": ("{“text_input”: “1”, “output”: “2”}\n".encode(), [("almost-json", 1, (1,))]),
    "no-break spaces": (G + '{"text_input":\u00a0"3","output":"a\u00a0b"}\n'.encode(), [("odd-spaces", 1, (2,))]),
    "a code fence": (b"```jsonl\n" + G + b"```\n", [("not-json", 2, (1, 3))]),
    "a raw line end in a text": (
        G + b'{"text_input":"3","output":"a\n\nb"}\n' + jsonl(pair("5", ""), pair("1", "2")),
        [("empty-field", 1, (5,)), ("line-end-in-text", 1, (2,)), ("duplicate", 1, (6,))],
    ),
    "a byte order mark in the middle": (
        G + b"\xef\xbb\xbf" + jsonl(pair("3", "4")),
        [("byte-order-mark-inside", 1, (2,))],
    ),
    "lone carriage returns": (G.replace(b"\n", b"\r") + jsonl(pair("3", "4")).strip(), []),
    "two rows on a line": (
        G + b'{"text_input":"3","output":"4"} {"text_input":"5","output":"6"}\n',
        [("not-json", 1, (2,))],
    ),
    "a row over two lines beside two on one": (
        G + b'{"text_input":"3",\n"output":"4"}{"text_input":"5","output":"6"}\n',
        [("not-json", 2, (2, 3))],
    ),
    "a raw control character": (G + b'{"text_input":"a\x01b","output":"4"}\n', [("almost-json", 1, (2,))]),
    "a raw NUL": (G + b'{"text_input":"a\x00b","output":"4"}\n', [("not-json", 1, (2,))]),
    "cut off in the middle": (G + b'{"text_input": "3", "outp', [("not-json", 1, (2,))]),
    "numbers": (b"1\n2\n", [("not-an-object", 2, (1, 2))]),
    "text in quotes": (b'"a"\n', [("not-an-object", 1, (1,))]),
    "null": (G + b"null\n", [("not-an-object", 1, (2,))]),
    "a list as a row": (G + b"[1]\n", [("not-an-object", 1, (2,))]),
    "Latin-1": (G + '{"text_input":"é","output":"4"}\n'.encode("latin-1"), [("not-utf8", 1, (2,))]),
    "a cut UTF-8 sequence": (G + b'{"text_input":"\xe2\x82","output":"4"}\n', [("not-utf8", 1, (2,))]),
    "UTF-8 surrogates": (G + b'{"text_input":"\xed\xa0\x80","output":"4"}\n', [("not-utf8", 1, (2,))]),
    "bytes that are no UTF-8 in broken JSON": (G + b"{\xff\n", [("not-utf8", 1, (2,))]),
    "an escaped NUL": (G + b'{"text_input":"a\\u0000b","output":"4"}\n', [("nul-character", 1, (2,))]),
    "a backslash before u0000": (G + b'{"text_input":"a\\\\u0000b","output":"4"}\n', []),
    "a lone surrogate": (G + b'{"text_input":"\\ud83d","output":"4"}\n', [("lone-surrogate", 1, (2,))]),
    "a surrogate pair": (G + b'{"text_input":"\\ud83d\\ude00","output":"4"}\n', []),
    "NaN": (G + b'{"text_input":NaN,"output":"4"}\n', [("not-a-number", 1, (2,))]),
    "Infinity": (G + b'{"text_input":"1","output":-Infinity}\n', [("not-a-number", 1, (2,))]),
    "a huge number": (G + b'{"text_input":1e999,"output":"4"}\n', [("not-a-number", 1, (2,))]),
    "ten thousand digits": (
        G + b'{"text_input":' + b"9" * 10_000 + b',"output":"4"}\n',
        [("not-a-number", 1, (2,))],
    ),
    "a line of five megabytes": (
        G + b'{"text_input":"' + b"x" * 5_000_000 + b'"}\n' + jsonl(pair("3", "4")),
        [("line-too-long", 1, (2,))],
    ),
    "five megabytes without a line end": (G + b"x" * 5_000_000, [("line-too-long", 1, (2,))]),
    "an item of five megabytes": (
        b"[" + G.strip() + b',{"a":"' + b"x" * 5_000_000 + b'"}]',
        [("line-too-long", 1, (2,))],
    ),
    "a hundred thousand brackets": (G + b"[" * 100_000 + b"\n", [("nested-too-deep", 1, (2,))]),
    "brackets that close": (G + b"[" * 5_000 + b"]" * 5_000 + b"\n", [("nested-too-deep", 1, (2,))]),
    "lists by the million": (G + b'{"a":[' + b"[]," * 400_000 + b"[]]}\n", [("too-many-values", 1, (2,))]),
    "a deep value in a spare key": (
        G + b'{"text_input":"3","output":"4","x":' + b"[" * 200 + b"]" * 200 + b"}\n",
        [("nested-too-deep", 1, (2,))],
    ),
    "NaN in a key that is not sent": (
        G + b'{"text_input":"3","output":"4","x":NaN}\n',
        [("keys-left-out", 1, (2,)), ("number-left-out", 1, (2,))],
    ),
    # Rows of pairs.
    "a missing output": (G + jsonl({"text_input": "3"}), [("missing-field", 1, (2,))]),
    "a missing input": (G + jsonl({"output": "3"}), [("missing-field", 1, (2,))]),
    "an empty object": (G + b"{}\n", [("missing-field", 1, (2,)), ("missing-field", 1, (2,))]),
    "null for a text": (G + jsonl(pair("3", None)), [("missing-field", 1, (2,))]),
    "an empty output": (G + jsonl(pair("3", "")), [("empty-field", 1, (2,))]),
    "a blank input": (G + jsonl(pair(" \n", "3")), [("empty-field", 1, (2,))]),
    "an ideographic space": (G + jsonl(pair("\u3000", "3")), [("empty-field", 1, (2,))]),
    "a number for a text": (G + jsonl(pair(3, 4.5)), [("wrong-type", 1, (2,)), ("wrong-type", 1, (2,))]),
    "a list for a text": (G + jsonl(pair(["3"], "4")), [("wrong-type", 1, (2,))]),
    "a spare key": (G + jsonl(pair("3", "4", id=7)), [("keys-left-out", 1, (2,))]),
    "keys of no dialect": (jsonl({"a": 1, "b": [2]}), [("unknown-keys", 1, (1,))]),
    "two kinds of pairs": (G + jsonl({"input_text": "3", "output_text": "4"}), [("mixed-dialects", 1, (2,))]),
    "pairs and chats": (T + G * 2, [("mixed-dialects", 1, (1,)), ("duplicate", 1, (3,))]),
    "OpenAI's and Google's messages": (
        T + jsonl({"messages": [{"role": "user", "content": "a"}, {"role": "model", "content": "b"}]}),
        [("mixed-dialects", 1, (2,))],
    ),
    # Conversations.
    "no messages": (T + jsonl({"messages": []}), [("empty-field", 1, (2,))]),
    "messages as an object": (T + jsonl({"messages": {"role": "user"}}), [("wrong-type", 1, (2,))]),
    "a message that is text": (T + jsonl({"messages": ["hi", TALK["messages"][1]]}), [("wrong-type", 1, (2,))]),
    "no role": (T + jsonl({"messages": [{"content": "hi"}, TALK["messages"][1]]}), [("missing-field", 1, (2,))]),
    "an unknown role": (T + jsonl(chat("human: hi", "assistant: yo")), [("wrong-role", 1, (2,))]),
    "a role that is a number": (
        T + jsonl({"messages": [{"role": 1, "content": "a"}, TALK["messages"][1]]}),
        [("wrong-type", 1, (2,))],
    ),
    "model and assistant in one row": (
        T + jsonl(chat("user: hi", "model: a", "user: b", "assistant: c")),
        [("wrong-role", 1, (2,))],
    ),
    "no content": (T + jsonl({"messages": [{"role": "user"}, TALK["messages"][1]]}), [("missing-field", 1, (2,))]),
    "an empty turn": (T + jsonl(chat("user: hi", "assistant: ")), [("empty-field", 1, (2,))]),
    "an empty system text": (T + jsonl(chat("system: ", "user: a", "assistant: b")), []),
    "no user turn": (T + jsonl(chat("system: be kind", "assistant: hi")), [("no-user-turn", 1, (2,))]),
    "no answer at the end": (
        T + jsonl(chat("user: a", "assistant: b", "user: c")),
        [("no-answer-at-end", 1, (2,))],
    ),
    "only a question": (T + jsonl(chat("user: a")), [("no-answer-at-end", 1, (2,))]),
    "the model first": (T + jsonl(chat("assistant: a", "user: b", "assistant: c")), [("role-order", 1, (2,))]),
    "two user turns in OpenAI's row": (
        T + jsonl(chat("user: a", "user: b", "assistant: c")),
        [("turns-merged", 1, (2,))],
    ),
    "two user turns in Google's row": (
        C + jsonl(contents("user: a", "user: b", "model: c")),
        [("same-role-twice", 1, (2,))],
    ),
    "a system text in the middle": (
        T + jsonl(chat("user: a", "system: x", "assistant: b")),
        [("system-texts-differ", 1, ()), ("system-moved", 1, (2,))],
    ),
    "a system text in the middle of Google's messages": (
        jsonl(chat("user: a", "model: b"), chat("user: a", "system: x", "model: c")),
        [("role-order", 1, (2,))],
    ),
    "a tool call": (
        T + jsonl({"messages": [*TALK["messages"], {"role": "assistant", "tool_calls": [{"id": "1"}]}]}),
        [("tool-calls", 1, (2,))],
    ),
    "a tool's answer": (
        T + jsonl({"messages": [{"role": "tool", "content": "1"}, *TALK["messages"]]}),
        [("tool-calls", 1, (2,))],
    ),
    "tools that are declared": (T + jsonl({**TALK, "tools": [{"type": "function"}]}), [("tool-calls", 1, (2,))]),
    "a picture in OpenAI's row": (
        T
        + jsonl(
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
                    TALK["messages"][1],
                ]
            }
        ),
        [("not-text", 1, (2,))],
    ),
    "text in parts in OpenAI's row": (
        T
        + jsonl({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, TALK["messages"][1]]}),
        [],
    ),
    "a turn of no weight": (
        T
        + jsonl(
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]}
        ),
        [("weight-zero", 1, (2,))],
    ),
    "a name beside a turn": (
        T + jsonl({"messages": [{"role": "user", "content": "a", "name": "Jo"}, TALK["messages"][1]]}),
        [("keys-left-out", 1, (2,))],
    ),
    "parts as an object": (
        C + jsonl({"contents": [{"role": "user", "parts": {"text": "a"}}, TURN["contents"][1]]}),
        [("wrong-type", 1, (2,))],
    ),
    "no parts": (
        C + jsonl({"contents": [{"role": "user", "parts": []}, TURN["contents"][1]]}),
        [("empty-field", 1, (2,))],
    ),
    "a picture in Google's row": (
        C
        + jsonl(
            {
                "contents": [
                    {"role": "user", "parts": [{"fileData": {"fileUri": "gs://b/a.png"}}]},
                    TURN["contents"][1],
                ]
            }
        ),
        [("not-text", 1, (2,))],
    ),
    "a function call in Google's row": (
        C
        + jsonl(
            {"contents": [TURN["contents"][0], {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]}
        ),
        [("tool-calls", 1, (2,))],
    ),
    "an assistant in Google's row": (C + jsonl(contents("user: a", "assistant: b")), [("wrong-role", 1, (2,))]),
    "a system turn in Google's row": (
        C + jsonl(contents("system: a", "user: a", "model: b")),
        [("wrong-role", 1, (2,))],
    ),
    "contents without role": (
        C + jsonl({"contents": [{"parts": [{"text": "a"}]}, TURN["contents"][1]]}),
        [("missing-field", 1, (2,))],
    ),
    "two parts in Google's row": (
        C + jsonl({"contents": [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}, TURN["contents"][1]]}),
        [],
    ),
    # Preferences, for a supervised target.
    "preferences": (jsonl(answers(1, 0)), [("preferred-only", 1, (1,))]),
    "three answers": (
        jsonl(answers(1, 0), answers(1, 0, 0)),
        [("completions", 1, (2,)), ("preferred-only", 2, (1, 2))],
    ),
    "two answers of one score": (
        jsonl(answers(1, 0), answers(1, 1)),
        [("completions", 1, (2,)), ("preferred-only", 2, (1, 2))],
    ),
    "an answer by the user": (
        jsonl(answers(1, 0, role="user")),
        [("wrong-role", 1, (1,)), ("preferred-only", 1, (1,))],
    ),
    # What a person should know.
    "a byte order mark": (b"\xef\xbb\xbf" + G, [("byte-order-mark", 1, ())]),
    "Windows line ends": (G.replace(b"\n", b"\r\n") + jsonl(pair("3", "4")), [("windows-line-ends", 1, ())]),
    "blank lines between": (G + b"\n\n" + jsonl(pair("3", "4")), [("blank-lines", 2, (2, 3))]),
    "duplicates": (G + jsonl(pair("3", "4")) + G + G, [("duplicate", 2, (3, 4))]),
    "duplicates written differently": (
        G + b'{ "output":"\\u0032" , "text_input":"1" }\n',
        [("duplicate", 1, (2,))],
    ),
    "two answers to one question": (G + jsonl(pair("1", "two")), [("conflicting-outputs", 1, (2,))]),
    "everything answered alike": (
        jsonl(*(pair(str(i), "no") for i in range(30))),
        [("lopsided-outputs", 1, (1,))],
    ),
    "an e-mail address": (
        jsonl(pair("Who is it?", "Write to jo.doe@corp.org please")),
        [("personal-data", 1, (1,))],
    ),
    "a card number": (jsonl(pair("Pay with 4111 1111 1111 1111", "ok")), [("personal-data", 1, (1,))]),
    "a number like a card's": (jsonl(pair("Take 4111 1111 1111 1112", "ok")), []),
    "a phone number": (jsonl(pair("Call +49 30 1234 5678", "ok")), [("personal-data", 1, (1,))]),
    "a key": (G + jsonl(pair("My key is AKIA" + "ABCDEFGH12345678", "ok")), [("personal-data", 1, (2,))]),
}


@pytest.mark.parametrize("case", FILES, ids=str)
@pytest.mark.parametrize("chunk", [1_000_003, 7], ids=["one chunk", "tiny chunks"])
def test_hostile_file_gives_exactly_its_findings(case: str, chunk: int) -> None:
    data, expected = FILES[case]
    if chunk == 7 and len(data) > 100_000:
        chunk = 4_096
    report = check_bytes(data, VERTEX, Dialect.VERTEX, chunk=chunk)
    assert rules(report) == expected
    assert report.ok is all(f.severity == "warning" for f in report.findings)


def test_there_are_enough_hostile_files() -> None:
    assert len(FILES) >= 60


@pytest.mark.parametrize(
    "case", [name for name in FILES if "megabytes" not in name and "zip" not in name], ids=str
)
def test_hostile_file_gives_the_same_findings_when_it_is_compressed(case: str) -> None:
    data, expected = FILES[case]
    assert rules(check_bytes(gzip.compress(data), chunk=100)) == expected


TARGETED: dict[str, tuple[bytes, DatasetLimits, Dialect, list[tuple[str, int, tuple[int, ...]]]]] = {
    "an input over the limit": (
        G + jsonl(pair("x" * 40_001, "2")),
        GEMINI_API,
        Dialect.GEMINI,
        [("input-too-long", 1, (2,))],
    ),
    "an input at the limit": (G + jsonl(pair("x" * 40_000, "2")), GEMINI_API, Dialect.GEMINI, []),
    "an output over the limit": (
        G + jsonl(pair("3", "é" * 5_001)),
        GEMINI_API,
        Dialect.GEMINI,
        [("output-too-long", 1, (2,))],
    ),
    "an output at the limit": (G + jsonl(pair("3", "é" * 5_000)), GEMINI_API, Dialect.GEMINI, []),
    "a conversation for a target of pairs": (
        jsonl(chat("user: a", "assistant: b", "user: c", "assistant: d")),
        GEMINI_API,
        Dialect.GEMINI,
        [("many-turns", 1, (1,))],
    ),
    "a system text for a target of pairs": (
        jsonl(chat("system: s", "user: a", "assistant: b")),
        GEMINI_API,
        Dialect.GEMINI,
        [("system-in-input", 1, (1,))],
    ),
    "a system text that makes the input too long": (
        jsonl(chat("system: s", "user: " + "x" * 39_998, "assistant: b")),
        GEMINI_API,
        Dialect.GEMINI,
        [("input-too-long", 1, (1,)), ("system-in-input", 1, (1,))],
    ),
    "more than a request holds": (
        jsonl(*(pair(f"{i} " + "x" * 9_000, "2") for i in range(500))),
        GEMINI_API,
        Dialect.GEMINI,
        [("inline-too-large", 1, ()), ("lopsided-outputs", 1, (1,))],
    ),
    "too many tokens": (
        G + jsonl(pair("ab" * 300_000, "2")),
        VERTEX,
        Dialect.VERTEX,
        [("too-many-tokens", 1, (2,))],
    ),
    "many bytes, few characters": (
        G + jsonl(pair("語" * 180_000, "2")),
        VERTEX,
        Dialect.VERTEX,
        [("too-many-tokens", 1, (2,))],
    ),
    "many characters, few tokens": (G + jsonl(pair("ab" * 200_000, "2")), VERTEX, Dialect.VERTEX, []),
    "too few examples": (G, replace(VERTEX, min_examples=2), Dialect.VERTEX, [("too-few-examples", 1, ())]),
    "too many examples": (
        G + jsonl(pair("3", "4")),
        replace(VERTEX, max_examples=1),
        Dialect.VERTEX,
        [("too-many-examples", 1, ())],
    ),
    "too large a file": (G, replace(VERTEX, file_bytes=5), Dialect.VERTEX, [("file-too-large", 1, ())]),
    "pairs where preferences are wanted": (G, VERTEX, Dialect.PREFERENCE, [("no-preference", 1, (1,))]),
    "preferences where they are wanted": (jsonl(answers(0, 1)), VERTEX, Dialect.PREFERENCE, []),
}


@pytest.mark.parametrize("case", TARGETED, ids=str)
def test_file_is_held_against_its_target(case: str) -> None:
    data, limits, target, expected = TARGETED[case]
    assert rules(check_bytes(data, limits, target)) == expected


TABLES: dict[str, tuple[bytes, FieldMapping | None, list[tuple[str, int, tuple[int, ...]]]]] = {
    "a table of questions": (b"question,answer\n1,2\n", None, [("unknown-keys", 1, (2,))]),
    "a mapped table": (b"question,answer\n1,2\n3,4\n", FieldMapping("question", "answer"), []),
    "a table in a dialect": (b"text_input,output\n1,2\n", None, []),
    "capitals in the names": (b"Text_Input,OUTPUT\n1,2\n", None, []),
    "a table with semicolons": (b"text_input;output\n1;2\n", None, []),
    "semicolons and many commas": (b'Frage;Antwort\n1, a, b;"2, c"\n', FieldMapping("Frage", "Antwort"), []),
    "Excel's line of the separator": (b"sep=;\ntext_input;output\n1;2\n3;\n", None, [("empty-field", 1, (4,))]),
    "quoted line ends": (b'text_input,output\n"a\nb","c ""d"""\n1,\n', None, [("empty-field", 1, (3,))]),
    "a row too short": (b"text_input,output\n1\n3,4\n", None, [("wrong-columns", 1, (2,))]),
    "a row too long": (b"text_input,output\n1,2,x\n3,4\n", None, [("wrong-columns", 1, (2,))]),
    "Latin-1 in a table": ("text_input,output\né,2\n3,4\n".encode("latin-1"), None, [("not-utf8", 1, (2,))]),
    "blank rows": (b"text_input,output\n1,2\n\n3,4\n", None, [("blank-lines", 1, (3,))]),
    "empty columns and rows at the end": (
        b"text_input,output,,\n1,2,,\n,,,\n3,4,,\n",
        None,
        [("blank-lines", 1, (3,))],
    ),
    "a column of one name twice": (b"text_input,output,output\n1,2,3\n", None, [("doubled-column", 1, ())]),
    "no names": (
        b"How old is the tree?,A hundred years.\nWho planted it?,Nobody knows.\n",
        None,
        [("unknown-keys", 2, (1, 2)), ("no-column-names", 1, (1,))],
    ),
    "no names, and a mapping": (
        b"How old is the tree?,A hundred years.\nWho planted it?,Nobody knows.\n",
        FieldMapping("column1", "column2"),
        [("no-column-names", 1, (1,))],
    ),
    "a title above the names": (
        b"Questions of May,\n,\ntext_input,output\n1,2\n3,\n",
        None,
        [("empty-field", 1, (5,)), ("title-row", 1, (1,))],
    ),
    "a cell as long as Excel allows": (
        b"text_input,output\n1," + b"x" * 32_767 + b"\n",
        None,
        [("cell-limit", 1, (2,))],
    ),
    "lone carriage returns": (b"text_input,output\r1,2\r3,4", None, []),
    "tabs, and quotes as characters": (b'text_input\toutput\n"a" is\t5" wide\n"b\t"c"\n', None, []),
    "a quote that is never closed": (
        b'text_input,output\n"1,2\n3,4\n',
        None,
        [("no-closing-quote", 1, (2,))],
    ),
}


@pytest.mark.parametrize("case", TABLES, ids=str)
@pytest.mark.parametrize("chunk", [65_536, 3])
def test_table_gives_exactly_its_findings(case: str, chunk: int) -> None:
    data, mapping, expected = TABLES[case]
    chunk = max(chunk, len(data) // 1000)
    assert rules(check_bytes(data, mapping=mapping, name="rows.csv", chunk=chunk)) == expected


def test_few_examples_are_held_against_the_backends_and_then_the_tasks_advice() -> None:
    few = check_bytes(jsonl(*(pair(f"{i}?", f"it is {i}") for i in range(50))))
    assert [(f.value, f.limit) for f in few.warnings] == [("50", 100)]
    more = check_bytes(jsonl(*(pair(f"{i}?", f"it is {i}") for i in range(120))))
    assert [(f.value, f.limit) for f in more.warnings] == [("120", 500)]
    assert "question answering" in more.warnings[0].message
    enough = check_bytes(jsonl(*(pair(f"{i}?", f"it is {i}") for i in range(500))))
    assert enough.findings == ()


def test_outputs_that_look_cut_off_are_shown_where_most_are_not() -> None:
    whole = [pair(str(i), f"{i} " + "word " * 60 + "end.") for i in range(20)]
    cut = pair("x", "word " * 60 + "and then the")
    report = check_bytes(jsonl(*whole, cut))
    assert rules(report) == [("cut-off-output", 1, (21,))]
    style = check_bytes(jsonl(*(pair(str(i), f"{i} " + "word " * 60 + "end") for i in range(20))))
    assert rules(style) == []


@pytest.mark.long
def test_two_megabytes_that_unpack_without_end_are_left_at_the_limit() -> None:
    member = gzip.compress(bytes(1024 * 1024))
    bomb = member * (2 * MAX_UNPACKED_BYTES // (1024 * 1024))
    assert len(bomb) < 5_000_000
    unpacker, unpacked = Unpacker(), 0
    for piece in unpacker.feed(bomb):
        assert len(piece) <= PIECE_BYTES
        unpacked += len(piece)
    assert unpacked <= MAX_UNPACKED_BYTES
    assert unpacker.problem is not None
    assert unpacker.problem.rule == "file-too-large"
    assert list(unpacker.feed(member)) == []


def test_equal_bad_rows_count_like_bad_rows_that_differ() -> None:
    rows = [b"{}", b"{}", b'{"a":1}', b'{"a":1}', b"[]", b"no JSON", b"no JSON", b"", G.strip(), b"{}", T.strip()]
    equal = rows * 150
    different = [row + b" " * (i + 1) if row else row for i, row in enumerate(equal)]

    def found(lines: list[bytes]) -> tuple[int, list[tuple[str, int, tuple[int, ...]]]]:
        report = check_bytes(b"\n".join(lines), target=Dialect.GEMINI)
        return report.rows, [(f.rule, f.count, f.lines) for f in report.findings]

    assert found(equal) == found(different)
    assert found(equal)[0] == 10 * 150
    assert ("not-json", 300, (6, 7, 17, 18, 28)) in found(equal)[1]
