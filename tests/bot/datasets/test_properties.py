"""What holds for any file: it never crashes the checker, what passes converts, and Google's protos take it."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.datasets import Converter, Example, Repairer, encode
from bot.datasets.rows.columns import columns_of
from bot.datasets.rows.fast_reader import build_fast_reader
from bot.datasets.rows.side_keys import MEANING_NAMES
from bot.datasets.rows.slow_reader import parse_row
from bot.domain.datasets import Dialect, FieldMapping
from tests.outside import protos
from tests.support.dataset_builders import GEMINI_API, KINDS_OF_FILES, VERTEX, books_of, check_bytes, rows_of

MAPPING = FieldMapping("question", "answer")
SUPERVISED = [Dialect.GEMINI, Dialect.PALM, Dialect.PROMPT, Dialect.MESSAGES, Dialect.VERTEX, Dialect.OPENAI]

any_text = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["", " ", "\x00", "a", "b", "1"])
good_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).filter(
    str.strip
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | any_text
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3)
)
roles = st.sampled_from(["system", "user", "assistant", "model", "tool", "developer", ""])
types = st.sampled_from(["text", "thinking", "image_url", "tool_use"]) | values
typed_part = st.fixed_dictionaries({"type": types}, optional={"text": any_text})
parts = st.lists(st.fixed_dictionaries({"text": any_text}) | typed_part | values, max_size=3) | values
messages = st.lists(
    st.fixed_dictionaries({}, optional={"role": roles, "content": any_text | parts, "weight": leaves}), max_size=5
)
contents = st.fixed_dictionaries({}, optional={"role": roles, "parts": parts})
rows = (
    st.fixed_dictionaries({}, optional={"text_input": any_text | leaves, "output": any_text, "x": leaves})
    | st.fixed_dictionaries({"input_text": any_text, "output_text": any_text})
    | st.fixed_dictionaries({"prompt": any_text, "completion": any_text})
    | st.fixed_dictionaries({"question": any_text | values, "answer": any_text | leaves})
    | st.fixed_dictionaries({"messages": messages | values}, optional={"tools": values})
    | st.fixed_dictionaries(
        {"contents": st.lists(contents | values, max_size=4) | values},
        optional={
            "systemInstruction": contents | values,
            "completions": st.lists(
                st.fixed_dictionaries({"score": st.sampled_from([0, 1, 0.5, "1"]), "completion": contents}),
                max_size=3,
            )
            | values,
        },
    )
    | values
)
lines = rows.map(lambda row: json.dumps(row).encode()) | st.binary(max_size=30) | st.just(b"")
files = st.lists(lines, max_size=8).map(b"\n".join) | st.binary(max_size=200)
examples = st.builds(
    lambda system, turns: Example(system, tuple(text for turn in turns for text in turn)),
    st.just("") | good_text,
    st.lists(st.tuples(good_text, good_text), min_size=1, max_size=3),
)
mappings = st.none() | st.just(MAPPING) | st.just(FieldMapping("question+text_input", "answer"))

many = settings(max_examples=150)
some = settings(max_examples=60)


@many
@given(files, st.integers(1, 50), mappings, st.sampled_from(["a.jsonl", "a.csv", "a.json"]), st.booleans())
@example(b"\n\x00", 1, None, "a.csv", False)
@example(b"\t\t;completion\tsep=\r\n \r\t", 50, None, "a.csv", False)
def test_checker_never_crashes_and_chunks_change_nothing(
    data: bytes, chunk: int, mapping: FieldMapping | None, name: str, packed: bool
) -> None:
    if packed:
        data = gzip.compress(data)
    report = check_bytes(data, GEMINI_API, Dialect.GEMINI, mapping, name=name, chunk=chunk)
    assert report == check_bytes(data, GEMINI_API, Dialect.GEMINI, mapping, name=name)
    assert report.examples <= report.rows
    assert report.ok or report.errors
    for finding in report.findings:
        assert finding.message
        assert len(finding.value) <= 60
        assert finding.count >= 1


@many
@given(files, mappings)
def test_what_passes_for_the_gemini_api_converts_and_parses_into_googles_proto(
    data: bytes, mapping: FieldMapping | None
) -> None:
    report = check_bytes(data, GEMINI_API, Dialect.GEMINI, mapping)
    if not report.ok:
        return
    assert report.dialect is not None
    for target in (Dialect.GEMINI, Dialect.PALM):
        converter = Converter(report.dialect, target, report.mapping, report.sha256)
        written = rows_of(converter.feed(data) + converter.finish())
        assert len(written) == report.examples
    inline = [{"textInput": row["input_text"], "output": row["output_text"]} for row in written]
    for version in ("v1beta", "v1beta3"):
        task = {"trainingData": {"examples": {"examples": inline}}}
        protos.parse(
            version, "TunedModel", {"baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": task}
        )


@many
@given(files, mappings)
def test_what_passes_for_vertex_converts_and_parses_into_googles_proto(
    data: bytes, mapping: FieldMapping | None
) -> None:
    report = check_bytes(data, VERTEX, Dialect.VERTEX, mapping)
    if not report.ok:
        return
    assert report.dialect is not None
    converter = Converter(report.dialect, Dialect.VERTEX, report.mapping, report.sha256)
    written = converter.feed(data) + converter.finish()
    assert len(rows_of(written)) == report.examples
    for row in rows_of(written):
        request = protos.parse("v1beta", "GenerateContentRequest", {"model": "models/m", **row})
        speakers = [content.role for content in request.contents]
        assert speakers == ["user", "model"] * (len(speakers) // 2)
        assert all(part.text.strip() for content in request.contents for part in content.parts)
    again = check_bytes(written)
    assert again.ok
    assert again.examples == report.examples
    assert (again.inputs, again.outputs) == (report.inputs, report.outputs) or report.dialect is Dialect.PREFERENCE


@many
@given(examples, st.sampled_from(SUPERVISED))
def test_every_dialect_reads_back_what_it_wrote(example: Example, dialect: Dialect) -> None:
    if dialect in (Dialect.GEMINI, Dialect.PALM, Dialect.PROMPT):
        example = Example("", example.texts[:2])
    line = encode(example, dialect)
    assert parse_row(line).example == example
    assert parse_row(line).dialect is dialect
    assert list(parse_row(line).problems) == []


@many
@given(examples, good_text)
def test_preferences_read_back_what_was_written(example: Example, rejected: str) -> None:
    example = Example(example.system, example.texts, rejected)
    parsed = parse_row(encode(example, Dialect.PREFERENCE))
    assert (parsed.example, parsed.dialect) == (example, Dialect.PREFERENCE)


@many
@given(lines, st.sampled_from([*SUPERVISED, Dialect.MAPPED, Dialect.SHAREGPT, Dialect.ALPACA]))
def test_the_quick_reader_reads_as_the_careful_one_does_or_not_at_all(line: bytes, dialect: Dialect) -> None:
    reader = build_fast_reader(dialect, MAPPING)
    assert reader is not None
    try:
        columns = reader.columns([reader.decode(line)])
    except (ValueError, RecursionError):
        return
    careful = parse_row(line, dialect, MAPPING if dialect is Dialect.MAPPED else None)
    if columns is None or b"\\u0000" in line:
        return
    assert careful.dialect is dialect
    assert careful.example is not None
    assert columns == columns_of(careful.example)
    assert list(columns.examples()) == [careful.example]


@pytest.mark.parametrize("more", ["b", " ", "", None, 5])
@pytest.mark.parametrize("text", ["a", " ", "", None, 5])
def test_the_quick_reader_reads_other_forms_as_the_careful_one_does_or_not_at_all(
    text: object, more: object
) -> None:
    turn, answer = {"from": "human", "value": "q"}, {"from": "gpt", "value": text}
    read = 0
    for dialect, row in (
        (Dialect.ALPACA, {"instruction": text, "input": more, "output": "o"}),
        (Dialect.ALPACA, {"instruction": "i", "input": more, "output": text}),
        (Dialect.ALPACA, {"instruction": "i", "output": text, "history": more}),
        (Dialect.SHAREGPT, {"conversations": [turn, answer]}),
        (Dialect.SHAREGPT, {"conversations": [{"from": "system", "value": more}, turn, answer]}),
        (Dialect.SHAREGPT, {"conversations": [turn, turn, answer]}),
        (Dialect.SHAREGPT, {"conversations": [turn, answer, turn]}),
        (Dialect.SHAREGPT, {"conversations": [turn, {**answer, "weight": more}]}),
        (Dialect.SHAREGPT, {"conversations": [turn, answer], "system": more}),
    ):
        reader = build_fast_reader(dialect)
        assert reader is not None
        line = json.dumps(row).encode()
        try:
            columns = reader.columns([reader.decode(line)])
        except ValueError:
            continue
        careful = parse_row(line, dialect)
        if columns is not None:
            assert list(columns.examples()) == [careful.example]
            assert not careful.problems
            read += 1
    assert read >= (text == "a")


@pytest.mark.parametrize("value", ["words", False, 0, ["words"], None, ""])
@pytest.mark.parametrize("way", [str, str.capitalize, str.title, str.upper])
def test_the_quick_reader_leaves_a_mapped_row_that_means_more_to_the_careful_one(
    way: Callable[[str], str], value: object
) -> None:
    reader = build_fast_reader(Dialect.MAPPED, MAPPING)
    assert reader is not None
    for name in MEANING_NAMES:
        line = json.dumps({"question": "why", "answer": "so", way(name): value}).encode()
        careful = parse_row(line, Dialect.MAPPED, MAPPING)
        plain = not careful.problems and careful.example == Example("", ("why", "so"))
        assert plain or reader.columns([reader.decode(line)]) is None
        assert plain or reader.columns(reader.decode_lines(line + b"\n" + line)) is None
        beside = line.replace(b'"question"', b'"more": {"label": "x"}, "question"')
        assert (reader.columns([reader.decode(beside)]) is None) >= (not plain)


def places(value: object, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*before, key)
        yield from places(inner, (*before, key))


@pytest.mark.parametrize("wrong", [None, 5, True, "words", [], [None], ["user"], {}, {"text": 5}, [[5]] * 3])
@pytest.mark.parametrize(
    "dialect", [*SUPERVISED, Dialect.SHAREGPT, Dialect.ALPACA, Dialect.PREFERENCE, Dialect.TRL]
)
def test_a_value_of_any_type_at_any_place_is_kept_or_left_out(dialect: Dialect, wrong: object) -> None:
    line = encode(Example("", ("a question", "an answer"), "another answer"), dialect)
    for *path, last in places(json.loads(line)):
        row = json.loads(line)
        reduce(getitem, path, row)[last] = wrong
        report, _, _ = books_of(line + b"\n" + json.dumps(row).encode(), "rows.jsonl", 1000)
        assert report.rows == 2


# Files of every form, whole and damaged: the number of rows is known before the file is written.
good_rows = st.lists(
    st.builds(lambda i, text: (f"{i} {text}", text), st.integers(0, 10**6), good_text),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[0],
)
plain_text = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(
    str.strip
)
tables = st.lists(st.tuples(plain_text, plain_text), min_size=1, max_size=8, unique_by=lambda row: row)
FORMS = KINDS_OF_FILES | {
    "objects": lambda rows: b"".join(rows),
    "pretty objects": lambda rows: b"\n".join(json.dumps(json.loads(row), indent=2).encode() for row in rows),
    "array, then lines": lambda rows: b"[" + rows[0] + b"]\n" + b"\n".join(rows[1:]),
}
# Files that are read as a whole: damage anywhere is damage to all of their rows.
WHOLE_FORMS: dict[str, Callable[[list[bytes]], bytes]] = {
    "columns of pandas": lambda rows: _by_columns(rows, lambda column: {str(i): v for i, v in enumerate(column)}),
    "rows by their index": lambda rows: b"{" + b",".join(b'"%d": %s' % (i, r) for i, r in enumerate(rows)) + b"}",
    "pandas' split": lambda rows: json.dumps(
        {"columns": list(json.loads(rows[0])), "data": [list(json.loads(row).values()) for row in rows]}
    ).encode(),
}


def _by_columns(rows: list[bytes], column: Callable[[list[object]], object]) -> bytes:
    read = [json.loads(row) for row in rows]
    return json.dumps({key: column([row[key] for row in read]) for key in read[0]}).encode()


DIALECTS = [*SUPERVISED, Dialect.SHAREGPT, Dialect.ALPACA, Dialect.CLAUDE]


@many
@given(good_rows, st.sampled_from(DIALECTS), st.sampled_from([*FORMS, *WHOLE_FORMS]), st.integers(1, 60))
def test_every_row_of_every_form_is_kept_and_converted(
    pairs: list[tuple[str, str]], dialect: Dialect, form: str, chunk: int
) -> None:
    data = (FORMS | WHOLE_FORMS)[form]([encode(Example("", pair), dialect) for pair in pairs])
    report, counts, kept = books_of(data, "rows.json", chunk)
    assert (report.rows, report.examples) == (len(pairs), len(pairs))
    assert (counts.kept, counts.rejected) == (len(pairs), 0)
    assert len(rows_of(kept)) == len(pairs)
    assert report.dialect is not None
    converter = Converter(report.dialect, Dialect.GEMINI, None, report.sha256, name="rows.json")
    written = rows_of(converter.feed(data) + converter.finish())
    assert [(row["text_input"], row["output"]) for row in written] == pairs


@many
@given(good_rows, st.sampled_from([*FORMS]), st.data(), st.integers(1, 60))
def test_no_row_is_lost_where_a_file_is_cut_or_damaged(
    pairs: list[tuple[str, str]], form: str, data: st.DataObject, chunk: int
) -> None:
    """Rows that end before the damage are kept, and what follows them is counted as left out or kept."""
    rows = [encode(Example("", pair), Dialect.GEMINI) for pair in pairs]
    whole = FORMS[form](rows)
    if form == "gzip":
        return
    cut = data.draw(st.integers(1, len(whole)))
    more = data.draw(st.sampled_from([b"", b'"', b"\n{", b"]", b"}", b"\nthe end\n", b"\xff"]))
    _, counts, _ = books_of(whole[:cut] + more, "rows.json", chunk)
    complete = sum(json.dumps(question).encode() + b"," in whole[:cut] for question, _ in pairs) - 1
    assert counts.kept + counts.rejected >= complete


def openai_preference(example: Example) -> bytes:
    """Return a row as OpenAI's preference tuning takes it, which the bot only reads."""
    question, preferred = example.texts
    row = {
        "input": {"messages": [{"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": preferred}],
        "non_preferred_output": [{"role": "assistant", "content": example.rejected}],
    }
    return json.dumps(row).encode()


PREFERENCES: dict[str, Callable[[Example], bytes]] = {
    "trl": lambda example: encode(example, Dialect.TRL),
    "vertex": lambda example: encode(example, Dialect.PREFERENCE),
    "openai": openai_preference,
}


@some
@given(
    good_rows,
    good_text,
    st.sampled_from([*PREFERENCES]),
    st.sampled_from([*FORMS, *WHOLE_FORMS]),
    st.integers(1, 60),
)
def test_every_preference_row_of_every_form_is_kept_and_its_preferred_answer_converted(
    pairs: list[tuple[str, str]], rejected: str, kind: str, form: str, chunk: int
) -> None:
    examples_of_file = [Example("", pair, rejected) for pair in pairs]
    data = (FORMS | WHOLE_FORMS)[form]([PREFERENCES[kind](example) for example in examples_of_file])
    report, counts, kept = books_of(data, "rows.json", chunk)
    assert (report.rows, report.examples, report.asks_for_preferred) == (len(pairs), len(pairs), True)
    assert (counts.kept, counts.rejected, len(rows_of(kept))) == (len(pairs), 0, len(pairs))
    assert report.dialect is not None
    converter = Converter(report.dialect, Dialect.GEMINI, None, report.sha256, name="rows.json")
    written = rows_of(converter.feed(data) + converter.finish())
    assert [(row["text_input"], row["output"]) for row in written] == pairs


@some
@given(good_rows, good_text, st.sampled_from([*PREFERENCES]), st.sampled_from([*FORMS]), st.data())
def test_the_books_of_a_repair_balance_over_damaged_preference_rows(
    pairs: list[tuple[str, str]], rejected: str, kind: str, form: str, data: st.DataObject
) -> None:
    """A damaged row, a missing answer and a cut anywhere are counted, whatever the form."""
    rows = [PREFERENCES[kind](Example("", pair, rejected)) for pair in pairs]
    damaged = data.draw(st.integers(0, len(rows) - 1))
    broken = json.loads(rows[damaged])
    key = data.draw(st.sampled_from([*broken]))
    broken[key] = data.draw(st.sampled_from([None, "", [], {}, "words", 1]))
    rows[damaged] = json.dumps(broken).encode()
    whole = FORMS[form](rows)
    cut = len(whole) if form == "gzip" else data.draw(st.integers(1, len(whole)) | st.just(len(whole)))
    report, counts, _ = books_of(whole[:cut], "rows.json", data.draw(st.integers(1, 60)))
    if cut == len(whole):
        assert report.rows == len(pairs)
        assert counts.kept >= len(pairs) - 1 or len(pairs) <= 2


@many
@given(tables, st.sampled_from(",;\t|"))
def test_every_row_of_a_table_is_kept_with_every_character(pairs: list[tuple[str, str]], delimiter: str) -> None:
    target = io.StringIO(newline="")
    if delimiter == "\t":
        target.write("".join(f"{a}\t{b}\n" for a, b in [("prompt", "completion"), *pairs]))
    else:
        csv.writer(target, delimiter=delimiter).writerows([("prompt", "completion"), *pairs])
    report, _, kept = books_of(target.getvalue().encode(), "rows.csv", 50)
    assert report.rows == len(pairs)
    assert [(row["prompt"], row["completion"]) for row in rows_of(kept)] == pairs


@many
@given(files, mappings)
def test_a_repaired_file_has_no_bad_row_left_and_no_row_is_lost(data: bytes, mapping: FieldMapping | None) -> None:
    repairer = Repairer("a.jsonl", GEMINI_API, Dialect.GEMINI, mapping)
    parts = [*repairer.feed(data), *repairer.finish()]
    kept = b"".join(part.kept_rows for part in parts)
    rejected = b"".join(part.rejected_rows for part in parts)
    counts = parts[-1]
    report = check_bytes(data, GEMINI_API, Dialect.GEMINI, mapping)
    assert counts.kept + counts.rejected == report.rows
    assert counts.kept >= report.examples - counts.duplicates
    assert len(rows_of(rejected)) == counts.rejected
    after = check_bytes(kept, GEMINI_API, Dialect.GEMINI, mapping)
    assert after.rows == after.examples == counts.kept
    assert after.ok or after.rows == 0
    assert not any(f.rule == "duplicate" for f in after.findings)


names = st.sampled_from(["weather", "look_up", "a b", ""])
tool_parts = st.one_of(
    st.fixed_dictionaries({"text": any_text}),
    st.fixed_dictionaries({"functionCall": st.fixed_dictionaries({"name": names}, optional={"args": values})}),
    st.fixed_dictionaries({"functionResponse": st.fixed_dictionaries({"name": names, "response": values})}),
    st.fixed_dictionaries(
        {"fileData": st.fixed_dictionaries({"mimeType": any_text, "fileUri": any_text}) | values}
    ),
    st.just({"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a.png"}}),
    values,
)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["c1", "c2"]),
            "function": st.fixed_dictionaries({"name": names, "arguments": any_text}),
        }
    )
    | values,
    max_size=2,
)
tool_messages = st.fixed_dictionaries(
    {"role": roles}, optional={"content": any_text | values, "tool_calls": calls, "tool_call_id": st.just("c1")}
)
tool_rows = st.fixed_dictionaries(
    {
        "contents": st.lists(
            st.fixed_dictionaries({"role": roles, "parts": st.lists(tool_parts, max_size=2)}), max_size=4
        )
    },
    optional={"tools": values},
) | st.fixed_dictionaries({"messages": st.lists(tool_messages, max_size=4)}, optional={"tools": values})


@some
@given(tool_rows)
def test_rows_with_tools_never_crash_and_what_passes_is_read_as_it_was_written(row: dict[str, object]) -> None:
    parsed = parse_row(json.dumps(row).encode(), tools=True)
    if parsed.example is None or not parsed.example.whole:
        return
    written = encode(parsed.example, Dialect.VERTEX)
    assert parse_row(written, tools=True).example == parsed.example
    request = protos.parse("v1beta", "GenerateContentRequest", {"model": "models/m", **json.loads(written)})
    assert [content.role for content in request.contents][-1] == "model"


@some
@given(st.lists(tool_rows.map(lambda row: json.dumps(row).encode()) | lines, max_size=6))
def test_the_books_of_a_repair_balance_over_rows_with_tools(rows: list[bytes]) -> None:
    data, limits = b"\n".join(rows), replace(VERTEX, takes_tools=True)
    repairer = Repairer("a.jsonl", limits, Dialect.VERTEX)
    parts = [*repairer.feed(data), *repairer.finish()]
    report = check_bytes(data, limits, Dialect.VERTEX)
    assert parts[-1].kept + parts[-1].rejected == report.rows
    after = check_bytes(b"".join(part.kept_rows for part in parts), limits, Dialect.VERTEX)
    assert after.rows == after.examples == parts[-1].kept
