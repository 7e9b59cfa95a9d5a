"""What a repair puts right, what it rejects, and that it says why."""

import json
import random

import pytest

from bot.datasets import Repairer
from bot.datasets.rewrite.file_repair import HashSet
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.dataset_builders import GEMINI_API, VERTEX, chat, check_bytes, contents, jsonl, pair, rows_of


def repaired(
    data: bytes,
    limits: DatasetLimits = VERTEX,
    target: Dialect | None = Dialect.VERTEX,
    mapping: FieldMapping | None = None,
    name: str = "rows.jsonl",
):
    repairer = Repairer(name, limits, target, mapping)
    parts = [repairer.feed(data), repairer.finish()]
    return (
        rows_of(b"".join(p.kept_rows for p in parts)),
        rows_of(b"".join(p.rejected_rows for p in parts)),
        parts[-1],
    )


GOOD_TALK = chat("user: hi", "assistant: hello")
GOOD_TURN = contents("user: hi", "model: hello")

REPAIRED_ROWS = [
    ("a number is written as text", pair("1", "2"), pair("3", 4.5), pair("3", "4.5")),
    ("a NUL is taken out", pair("1", "2"), pair("a\0b", "c"), pair("ab", "c")),
    (
        "two turns of one role are merged",
        GOOD_TURN,
        contents("user: a", "user: b", "model: c"),
        contents("user: a\n\nb", "model: c"),
    ),
    (
        "an unanswered end is cut off",
        GOOD_TALK,
        chat("user: a", "assistant: b", "user: c"),
        chat("user: a", "assistant: b"),
    ),
    (
        "a greeting is cut off",
        GOOD_TALK,
        chat("assistant: hi!", "user: a", "assistant: b"),
        chat("user: a", "assistant: b"),
    ),
    (
        "an empty system text is left out",
        GOOD_TALK,
        chat("system: ", "user: a", "assistant: b"),
        chat("user: a", "assistant: b"),
    ),
    (
        "parts become a list",
        GOOD_TURN,
        {"contents": [{"role": "user", "parts": {"text": "a"}}, GOOD_TURN["contents"][1]]},
        contents("user: a", "model: hello"),
    ),
    (
        "an assistant becomes a model",
        GOOD_TURN,
        contents("user: a", "assistant: b"),
        contents("user: a", "model: b"),
    ),
    ("a row of another dialect is written anew", GOOD_TALK, pair("a", "b"), chat("user: a", "assistant: b")),
]


@pytest.mark.parametrize(
    ("good", "bad", "repaired_row"), [case[1:] for case in REPAIRED_ROWS], ids=[case[0] for case in REPAIRED_ROWS]
)
def test_repair_changes_the_row(good, bad, repaired_row):
    assert not check_bytes(jsonl(good, bad)).ok
    kept, rejected, counts = repaired(jsonl(good, bad))
    assert kept == [good, repaired_row]
    assert rejected == []
    assert (counts.kept, counts.repaired, counts.rejected) == (2, 1, 0)
    assert check_bytes(jsonl(*kept)).ok


def test_rejected_rows_come_with_their_line_rules_reasons_and_content():
    data = jsonl(pair("1", "2")) + b"oops\n" + jsonl(pair("3", ""), pair("1", "2"))
    kept, rejected, counts = repaired(data)
    assert kept == [pair("1", "2")]
    assert [(row["line"], row["rules"], row["row"]) for row in rejected] == [
        (2, ["not-json"], "oops"),
        (3, ["empty-field"], pair("3", "")),
        (4, ["duplicate"], pair("1", "2")),
    ]
    assert rejected[1]["reasons"] == ["output is empty. Write a text there or take the row out."]
    assert (counts.rejected, counts.duplicates) == (3, 1)


def test_rows_that_the_target_cannot_take_are_rejected():
    talk = chat("user: a", "assistant: b", "user: c", "assistant: d")
    kept, rejected, _ = repaired(jsonl(chat("user: a", "assistant: b"), talk), GEMINI_API, Dialect.GEMINI)
    assert len(kept) == 1
    assert [row["rules"] for row in rejected] == [["many-turns"]]


def test_good_rows_keep_their_bytes_and_their_dialect():
    repairer = Repairer("rows.jsonl", VERTEX, Dialect.VERTEX)
    line = b'{ "output" : "\\u00e9",  "text_input":"1" }'
    kept = repairer.feed(b"\xef\xbb\xbf" + line + b"\r\n\r\n").kept_rows + repairer.finish().kept_rows
    assert kept == line + b"\n"


def test_rows_of_a_table_are_kept_as_json_lines():
    kept, rejected, _ = repaired(
        b"question,answer\n1,2\n3,\n", mapping=FieldMapping("question", "answer"), name="a.csv"
    )
    assert kept == [{"question": "1", "answer": "2"}]
    assert [(row["line"], row["row"], row["rules"]) for row in rejected] == [
        (3, {"question": "3", "answer": ""}, ["empty-field"])
    ]


def test_text_that_is_no_utf8_is_shown_with_its_bytes():
    _, [row], _ = repaired(b'{"text_input": "\xff"}\n')
    assert row["rules"] == ["not-utf8"]
    assert row["row"] == '{"text_input": "\\xff"}'
    assert json.dumps(row)


def test_hash_set_holds_what_a_set_holds():
    chance = random.Random(2)
    values = [chance.getrandbits(chance.choice([4, 64])) or 1 for _ in range(20_000)]
    small, big = HashSet(), set()
    for value in values:
        assert small.add(value) is (value not in big)
        big.add(value)
    assert len(small) == len(big)
