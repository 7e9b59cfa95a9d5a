import json
from collections.abc import Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.datasets import Example, encode
from bot.datasets.findings.collector import Problem
from bot.datasets.formats.json_lines import Block
from bot.datasets.rows.answers_beside import RESPONSE_KEYS
from bot.datasets.rows.block_reader import BlockReader
from bot.datasets.rows.columns import Columns
from bot.datasets.rows.other_forms import HINTS
from bot.datasets.rows.row_checker import RowChecker
from bot.datasets.rows.side_keys import CALL_KEYS, MEANING_KEYS
from bot.datasets.rows.slow_reader import KEYS, LOG_KEYS, WRAPPER_KEYS
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import VERTEX, check_bytes, finding, jsonl

DIALECTS = [
    *(Dialect.GEMINI, Dialect.PALM, Dialect.PROMPT, Dialect.MESSAGES, Dialect.VERTEX, Dialect.OPENAI),
    *(Dialect.SHAREGPT, Dialect.ALPACA, Dialect.TRL),
]
# Every name that any reader looks for, and some that none does.
NAMES = sorted(
    {*MEANING_KEYS, *CALL_KEYS, *WRAPPER_KEYS, *LOG_KEYS, *RESPONSE_KEYS, *HINTS}
    | set().union(*KEYS.values())
    | {"", "id", "source", "k17", "thoughtSignature", "non_preferred_output", "truncated_cells", "url", "turns"}
)
TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
VALUES: list[Any] = [
    *(None, True, False, 0, 1, 1.5, "", "words", "false", [], {}, ["words"], [["q", "a"]], TURNS),
    *({"text": "words"}, {"parts": [{"text": "words"}]}, {"messages": TURNS}, {"prompt": "q", "completion": "a"}),
    *([{"name": "f"}], "Human: q\n\nAssistant: a", 1 << 70),
]
texts = st.sampled_from(["words", "a question?", "1", "  padded ", " ", "", "<tool_call>{}", "Human: why"])
examples = st.builds(
    lambda system, turns, rejected: Example(system, tuple(text for turn in turns for text in turn), rejected),
    st.sampled_from(["", "", "a system text"]),
    st.lists(st.tuples(texts, texts), min_size=1, max_size=2),
    st.sampled_from(["another answer", "Assistant: no", " "]),
)
beside = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=3)
wrappers = st.sampled_from(["", "", "", *WRAPPER_KEYS, *LOG_KEYS, "outer"])


def line_of(
    dialect: Dialect, example: Example, more: dict[str, Any], before: bool, wrapper: str, around: dict[str, Any]
) -> bytes:
    if dialect in (Dialect.GEMINI, Dialect.PALM, Dialect.PROMPT, Dialect.TRL):
        example = Example("", example.texts[:2], example.rejected or "no")
    row = json.loads(encode(example, dialect))
    row = more | row if before else row | more
    return json.dumps({wrapper: row} | around if wrapper else row).encode()


rows = st.tuples(examples, beside, st.booleans(), wrappers, beside)
Read = tuple[Example | None, tuple[Problem, ...]]


def read_in_blocks(checker: RowChecker, lines: list[bytes]) -> list[Read]:
    found: list[Read] = []
    for _, number, result in BlockReader(checker).read(Block(1, b"\n".join(lines), lines)):
        assert number == len(found) + 1
        if isinstance(result, Columns):
            found += [(example, result.warnings) for example in result.examples()]
        else:
            found += [(result.example, result.problems)] * result.count
    return found


def read_alone(checker: RowChecker, lines: Iterable[bytes]) -> list[Read]:
    results = map(checker.check_row, lines)
    return [(result.example, result.problems) for result in results]


@settings(max_examples=400)
@given(
    st.sampled_from(DIALECTS),
    st.lists(rows, min_size=1, max_size=4),
    st.sampled_from([None, Dialect.VERTEX, Dialect.PREFERENCE]),
    st.booleans(),
)
@example(Dialect.TRL, [(Example("", ("q", "a"), "b"), {"": 1, "preferred_output": "c"}, True, "", {})], None, True)
@example(Dialect.TRL, [(Example("", ("q", "a"), "b"), {"": 1}, True, "", {})], Dialect.VERTEX, True)
def test_rows_with_other_keys_are_read_as_the_slow_reader_reads_them(
    dialect: Dialect, drawn: list[Any], target: Dialect | None, tools: bool
) -> None:
    lines = [line_of(dialect, *each) for each in drawn]
    limits = DatasetLimits(takes_tools=tools, output_characters=20)
    quick, slow = (RowChecker(limits, target) for _ in range(2))
    for checker in (quick, slow):
        checker.require(dialect)
    assert read_in_blocks(quick, lines) == read_alone(slow, lines)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_readers_say_the_same_of_each_key_beside_the_texts(dialect: Dialect) -> None:
    good = Example("", ("a question", "an answer"), "another")
    lines = [line_of(dialect, good, {name: value}, True, "", {}) for value in VALUES for name in NAMES]
    quick, slow = (RowChecker(DatasetLimits(takes_tools=True), Dialect.VERTEX) for _ in range(2))
    for checker in (quick, slow):
        checker.require(dialect)
    assert quick.loose is not None
    assert sum(quick.loose.read(line) is not None for line in lines) > len(lines) / 3
    for line, quickly, slowly in zip(lines, read_in_blocks(quick, lines), read_alone(slow, lines), strict=True):
        assert quickly == slowly, line


def test_keys_left_out_are_found_with_their_lines() -> None:
    numbers = count(1)
    rows: list[dict[str, Any]] = [
        {"prompt": f"question {i}", "completion": "an answer"} | ({"id": next(numbers)} if i % 3 == 0 else {})
        for i in range(300)
    ]
    rows[7] |= {"source": "web"}
    rows[9] |= {"source": ["web"], "score": None}
    rows[150] |= {"system": "Be brief."}
    report = check_bytes(jsonl(*rows), VERTEX, Dialect.VERTEX)
    assert report.examples == 300
    left_out = {f.field: (f.count, f.lines) for f in report.findings if f.rule == "keys-left-out"}
    assert left_out == {"id": (100, (1, 4, 7, 10, 13)), "source": (2, (8, 10))}
    assert finding(report, "system-texts-differ").value.startswith("1 of 300")


def test_a_file_of_wrapped_rows_with_line_ends_in_texts_is_read_whole() -> None:
    row = b'{"row": {"prompt": "question\n%d", "completion": "an answer", "id": 5}, "row_idx": 1}'
    report = check_bytes(b"\n".join(row % i for i in range(200)))
    assert report.examples == report.rows == 200
    found = {f.rule: (f.count, f.lines) for f in report.findings if f.field in ("row", "id", "")}
    assert found["row-in-wrapper"] == found["keys-left-out"] == found["line-end-in-text"]
    assert found["row-in-wrapper"] == (200, (1, 3, 5, 7, 9))
