"""What a repair puts right, what it rejects, and that it says why."""

import json
import random
from typing import Any

import pytest

from bot.datasets import Repairer
from bot.datasets.rewrite.file_repair import HashSet, Repaired
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.dataset_builders import GEMINI_API, VERTEX, chat, check_bytes, contents, jsonl, pair, rows_of


def repaired(
    data: bytes,
    limits: DatasetLimits = VERTEX,
    target: Dialect | None = Dialect.VERTEX,
    mapping: FieldMapping | None = None,
    name: str = "rows.jsonl",
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Repaired]:
    repairer = Repairer(name, limits, target, mapping)
    parts = [*repairer.feed(data), *repairer.finish()]
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
def test_repair_changes_the_row(good: dict[str, Any], bad: dict[str, Any], repaired_row: dict[str, Any]) -> None:
    assert not check_bytes(jsonl(good, bad)).ok
    kept, rejected, counts = repaired(jsonl(good, bad))
    assert kept == [good, repaired_row]
    assert rejected == []
    assert (counts.kept, counts.repaired, counts.rejected) == (2, 1, 0)
    assert check_bytes(jsonl(*kept)).ok


def test_turns_that_are_cut_off_are_counted() -> None:
    data = jsonl(
        GOOD_TALK,
        chat("user: a", "assistant: b", "user: thanks"),
        chat("assistant: hi!", "user: c", "assistant: d"),
    )
    _, rejected, counts = repaired(data)
    assert (counts.kept, counts.repaired, counts.cut_turns, rejected) == (3, 2, 2, [])


def test_a_stray_row_is_left_out_also_where_it_is_the_first() -> None:
    talks = [chat(f"user: {i}", "assistant: b") for i in range(12)]
    for stray in (pair("a", "b"), {"version": "1.2", "created": "today"}):
        kept, rejected, _ = repaired(jsonl(stray, *talks))
        assert kept == talks
        assert [row["line"] for row in rejected] == [1]


def test_two_forms_of_many_rows_each_become_one() -> None:
    kept, rejected, counts = repaired(
        jsonl(*(chat(f"user: {i}", "assistant: b") for i in range(6)), pair("a", "b"), pair("c", "d"))
    )
    assert kept[-2:] == [chat("user: a", "assistant: b"), chat("user: c", "assistant: d")]
    assert (counts.repaired, rejected) == (2, [])


ALMOST_JSON = {
    "a call": b"{'text_input': 'it\\'s', 'output': None or 'x'}",
    "Python's quotes": b"{'text_input': \"it's\", 'output': 'b'}",
    "curly quotes": "{“text_input”: “it’s”, “output”: “b”}".encode(),
    "a comma behind": b'{"text_input": "it\'s", "output": "b"},',
    "a comma inside": b'{"text_input": "it\'s", "output": "b",}',
}


@pytest.mark.parametrize("case", [case for case in ALMOST_JSON if case != "a call"])
def test_what_is_almost_json_is_repaired(case: str) -> None:
    kept, rejected, counts = repaired(ALMOST_JSON[case] + b"\n")
    assert [row["output"] for row in kept] == ["b"]
    assert kept[0]["text_input"] in ("it's", "it’s")
    assert (counts.repaired, rejected) == (1, [])


def test_what_is_no_literal_is_never_run() -> None:
    kept, rejected, _ = repaired(
        b"{'text_input': __import__('os').getcwd(), 'output': 'b'}\n" + ALMOST_JSON["a call"]
    )
    assert kept == []
    assert len(rejected) == 2


def test_rows_that_python_calls_json_are_kept_as_json() -> None:
    kept, _, counts = repaired(
        b'\xef\xbb\xbf{"text_input": "1", "output": "2"}\n{"text_input": "3", "output": "4", "x": NaN}\n'
    )
    assert kept == [pair("1", "2"), pair("3", "4", x=None)]
    assert counts.rejected == 0


VERTEX_NEAR_MISSES = [
    ("content for parts", {"contents": [{"role": "user", "content": "a"}, {"role": "model", "content": "b"}]}),
    ("parts as text", {"contents": [{"role": "user", "parts": "a"}, {"role": "model", "parts": "b"}]}),
    ("capital roles", contents("User: a", "MODEL: b")),
]


@pytest.mark.parametrize(
    "row", [case[1] for case in VERTEX_NEAR_MISSES], ids=[case[0] for case in VERTEX_NEAR_MISSES]
)
def test_near_misses_of_googles_form_are_repaired(row: dict[str, Any]) -> None:
    kept, _, _ = repaired(jsonl(GOOD_TURN, row))
    assert kept == [GOOD_TURN, contents("user: a", "model: b")]


def test_a_system_turn_moves_beside_the_contents() -> None:
    kept, _, _ = repaired(jsonl(GOOD_TURN, contents("system: be kind", "user: a", "model: b")))
    assert kept[1] == contents("user: a", "model: b", system="be kind")


def test_parts_of_the_system_instruction_become_a_list() -> None:
    row = contents("user: a", "model: b") | {"system_instruction": {"parts": {"text": "be kind"}}}
    kept, _, _ = repaired(jsonl(GOOD_TURN, row))
    assert kept[1]["system_instruction"] == {"parts": [{"text": "be kind"}]}


ARRAY = b"[" + jsonl(pair("1", "2")).strip()
SECOND = jsonl(pair("3", "4"))
CUT_OFF = {
    "an array that is cut in a row": (ARRAY + b', {"text_input": "3", "ou', 1, 1),
    "an array that is cut behind a row": (
        ARRAY + b",\n" + jsonl(pair("3", "4")).strip(),
        2,
        0,
    ),
    "text behind an array": (ARRAY + b"]\nthe end\n", 1, 1),
    "rows behind an array": (ARRAY + b"]\n" + jsonl(pair("3", "4")), 2, 0),
    "an open text in an array": (
        b'[{"text_input": "1", "output": "2},\n{"text_input": "3", "output": "4"}]',
        1,
        1,
    ),
    "a raw line end in an array": (
        b'[{"text_input": "1", "output": "2\n3"}, {"text_input": "4", "output": "5"}]',
        2,
        0,
    ),
}


@pytest.mark.parametrize("case", CUT_OFF)
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_what_the_file_gives_up_is_counted(case: str, chunk: int) -> None:
    data, kept, left_out = CUT_OFF[case]
    repairer = Repairer("rows.json", VERTEX, Dialect.VERTEX)
    for start in range(0, len(data), chunk):
        list(repairer.feed(data[start : start + chunk]))
    *_, counts = repairer.finish()
    assert (counts.kept, counts.rejected) == (kept, left_out)
    assert check_bytes(data, chunk=chunk).rows == kept + left_out


def test_a_raw_line_end_stays_in_the_text() -> None:
    [row], _, _ = repaired(b'[{"text_input": "1", "output": "2\r\n3"}]')
    assert row == pair("1", "2\n3")


def test_rows_behind_an_open_quote_of_a_table_are_kept() -> None:
    data = b'text_input,output\n1,2\n"3,4\n5,6" wide\n7,8\n'
    kept, rejected, _ = repaired(data + b'"9,10\n11,12\n', name="a.csv")
    assert kept == [pair("1", "2"), pair("7", "8"), pair("11", "12")]
    assert [row["rules"] for row in rejected] == [["wrong-columns"], ["no-closing-quote"]]


def test_a_file_that_is_no_training_file_is_not_explained_row_by_row() -> None:
    data = b"".join(b"line %d\n" % i for i in range(12_000))
    report = check_bytes(data)
    assert {f.rule: f.count for f in report.errors} == {"not-json": 5_000, "not-read": 7_000}
    repairer = Repairer("a.jsonl", VERTEX, Dialect.VERTEX)
    parts = [*repairer.feed(data), *repairer.finish()]
    rejected = rows_of(b"".join(part.rejected_rows for part in parts))
    assert parts[-1].rejected == sum(row.get("rows", 1) for row in rejected) == report.rows == 12_000
    assert "\n".join(row["row"] for row in rejected).encode() + b"\n" == data
    assert sum(len(part.rejected_rows) for part in parts) < 12 * len(data)


def test_rows_of_unknown_keys_are_counted_by_the_check_and_explained_by_the_repair() -> None:
    data = b"".join(b'{"k%d":1}\n' % i for i in range(300))
    [finding] = check_bytes(data).errors
    assert (finding.rule, finding.count, finding.value) == ("unknown-keys", 300, "k0")
    _, rejected, _ = repaired(data)
    assert [row["row"] for row in rejected] == [{f"k{i}": 1} for i in range(300)]
    assert all(f"k{i}" in row["reasons"][0] for i, row in enumerate(rejected))


def test_rows_that_can_be_repaired_are_repaired_however_many_they_are() -> None:
    data = b"".join(b"{'text_input': '%d', 'output': 'b'}\n" % i for i in range(6_000))
    _, rejected, counts = repaired(data)
    assert (counts.kept, counts.repaired, rejected) == (6_000, 6_000, [])


def test_good_rows_behind_many_bad_ones_are_kept() -> None:
    bad = b"".join(b"line %d\n" % i for i in range(6_000))
    good = jsonl(*(pair(str(i), "x") for i in range(200)), pair("a", "b", id=1))
    _, _, counts = repaired(bad + good)
    assert (counts.kept, counts.rejected) == (201, 6_000)


def test_rejected_rows_come_with_their_line_rules_reasons_and_content() -> None:
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


def test_rows_that_the_target_cannot_take_are_rejected() -> None:
    talk = chat("user: a", "assistant: b", "user: c", "assistant: d")
    kept, rejected, _ = repaired(jsonl(chat("user: a", "assistant: b"), talk), GEMINI_API, Dialect.GEMINI)
    assert len(kept) == 1
    assert [row["rules"] for row in rejected] == [["many-turns"]]


def test_good_rows_keep_their_bytes_and_their_dialect() -> None:
    repairer = Repairer("rows.jsonl", VERTEX, Dialect.VERTEX)
    line = b'{ "output" : "\\u00e9",  "text_input":"1" }'
    parts = [*repairer.feed(b"\xef\xbb\xbf" + line + b"\r\n\r\n"), *repairer.finish()]
    assert b"".join(part.kept_rows for part in parts) == line + b"\n"


def test_rows_of_a_table_are_kept_as_json_lines() -> None:
    kept, rejected, _ = repaired(
        b"question,answer\n1,2\n3,\n", mapping=FieldMapping("question", "answer"), name="a.csv"
    )
    assert kept == [{"question": "1", "answer": "2"}]
    assert [(row["line"], row["row"], row["rules"]) for row in rejected] == [
        (3, {"question": "3", "answer": ""}, ["empty-field"])
    ]


def test_text_that_is_no_utf8_is_shown_with_its_bytes() -> None:
    _, [row], _ = repaired(b'{"text_input": "\xff"}\n')
    assert row["rules"] == ["not-utf8"]
    assert row["row"] == '{"text_input": "\\xff"}'
    assert json.dumps(row)


def test_hash_set_holds_what_a_set_holds() -> None:
    chance = random.Random(2)
    values = [chance.getrandbits(chance.choice([4, 64])) or 1 for _ in range(20_000)]
    small, big = HashSet(), set()
    for value in values:
        assert small.add(value) is (value not in big)
        big.add(value)
    assert len(small) == len(big)
