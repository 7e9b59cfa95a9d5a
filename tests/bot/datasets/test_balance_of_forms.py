"""The books of a repair and a conversion balance over every form of the README's table, in every kind of file."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.datasets import Converter, DatasetReport
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.dataset_builders import KINDS_OF_FILES, VERTEX, books_of, check_bytes, rows_of, zipped

LIMITS = replace(VERTEX, takes_tools=True)
PICTURE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://charts/a.png"}}
TOOL = {"name": "tide", "parameters": {"type": "object", "properties": {"day": {"type": "integer"}}}}


class Form(NamedTuple):
    """A form by its name in the README's table, one row of it for a question and an answer, and its columns."""

    name: str
    row: Callable[[str, str], Any]
    mapping: FieldMapping | None = None
    names: tuple[str, str] | None = None


def chat(question: Any, answer: Any, answering: str = "assistant") -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": answering, "content": answer}]


def contents(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "model" if i % 2 else "user", "parts": each} for i, each in enumerate(parts)]


def human(question: str, answer: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def item(text: str, role: str = "assistant") -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def called(question: str, answer: str) -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    asked, said = chat(question, answer)
    result = {"role": "tool", "tool_call_id": "c1", "content": "six"}
    return [asked, {"role": "assistant", "content": None, "tool_calls": [call]}, result, said]


def called_in_text(question: str, answer: str) -> list[dict[str, str]]:
    call = '<tool_call>{"name": "tide", "arguments": {}}</tool_call>'
    result = {"from": "tool", "value": "<tool_response>six</tool_response>"}
    asked, said = human(question, answer)
    return [asked, {"from": "gpt", "value": call}, result, said]


def langchain(question: str, answer: str) -> list[dict[str, Any]]:
    return [{"type": "human", "data": {"content": question}}, {"type": "ai", "data": {"content": answer}}]


FORMS = [
    Form("Gemini API", lambda q, a: {"text_input": q, "output": a}, names=("text_input", "output")),
    Form(
        "PaLM on Vertex AI", lambda q, a: {"input_text": q, "output_text": a}, names=("input_text", "output_text")
    ),
    Form("Gemini on Vertex AI", lambda q, a: {"contents": contents([{"text": q}], [{"text": a}])}),
    Form("messages", lambda q, a: {"messages": chat(q, a, "model")}),
    Form("OpenAI chat", lambda q, a: {"messages": [{"role": "system", "content": "Be brief."}, *chat(q, a)]}),
    Form("OpenAI chat", lambda q, a: {"messages": langchain(q, a)}),
    Form(
        "OpenAI chat",
        lambda q, a: {
            "request": {"model": "m", "messages": chat(q, a)[:1]},
            "response": {"choices": [{"message": chat(q, a)[1], "finish_reason": "stop"}]},
        },
    ),
    Form("prompt and completion", lambda q, a: {"prompt": q, "completion": a}, names=("prompt", "completion")),
    Form("prompt and completion", lambda q, a: {"prompt": chat(q, a)[:1], "completion": chat(q, a)[1:]}),
    Form("ShareGPT", lambda q, a: {"conversations": human(q, a)}),
    Form("ShareGPT", human),
    Form("ShareGPT", lambda q, a: {"turns": chat(q, a)}),
    Form("ShareGPT", lambda q, a: {"data": ["Hi", "Hello", q, a]}),
    Form(
        "ShareGPT", lambda q, a: {"conversation": [{"input": "Hi", "output": "Hello"}, {"input": q, "output": a}]}
    ),
    Form("ShareGPT", lambda q, a: {"conversation": [{"human": q, "assistant": a}]}),
    Form("ShareGPT", lambda q, a: {"Conversations": [{"From": "human", "Value": q}, {"From": "gpt", "Value": a}]}),
    Form(
        "Alpaca",
        lambda q, a: {
            "instruction": q,
            "input": "",
            "output": a,
            "system": "Be brief.",
            "history": [["Hi", "Hello"]],
        },
    ),
    Form("Alpaca", lambda q, a: {"instruction": q, "output": a, "history": ["Hi", "Hello"]}),
    Form(
        "Claude and Bedrock", lambda q, a: {"system": [{"text": "Be brief."}], "messages": chat([{"text": q}], a)}
    ),
    Form("OpenAI Responses", lambda q, a: {"instructions": "Be brief.", "input": q, "output": [item(a)]}),
    Form("OpenAI Responses", lambda q, a: {"items": [item(q, "user"), item(a)]}),
    Form("preference pairs", lambda q, a: {"prompt": q, "chosen": a, "rejected": "No idea."}),
    Form("preference pairs", lambda q, a: {"prompt": q, "win": a, "lose": "No idea."}),
    Form("preference pairs", lambda q, a: {"prompt": q, "response_a": "No idea.", "response_b": a, "winner": "B"}),
    Form(
        "preference pairs",
        lambda q, a: {
            "input": {"messages": chat(q, a)[:1]},
            "preferred_output": chat(q, a)[1:],
            "non_preferred_output": chat(q, "No idea.")[1:],
        },
    ),
    Form("tools and pictures", lambda q, a: {"contents": contents([PICTURE, {"text": q}], [{"text": a}])}),
    Form(
        "tools and pictures",
        lambda q, a: {"messages": called(q, a), "tools": [{"type": "function", "function": TOOL}]},
    ),
    Form("tools and pictures", lambda q, a: {"conversations": called_in_text(q, a)}),
    Form(
        "tools and pictures",
        lambda q, a: {
            "query": q,
            "tools": json.dumps([{"name": "tide", "parameters": {"said": {"type": "str, optional"}}}]),
            "answers": json.dumps([{"name": "tide", "arguments": {"said": a}}]),
        },
    ),
    Form("any other keys", lambda q, a: {"ask": q, "say": a}, FieldMapping("ask", "say"), names=("ask", "say")),
    Form("any other keys", lambda q, a: {"in": {"ask": q}, "out": a}, FieldMapping("in.ask", "out")),
]
KINDS = KINDS_OF_FILES | {
    "deep wrapper": lambda rows: b'{"a": {"data": {"rows": [' + b",".join(rows) + b']}}, "total": 3}',
    "zip": lambda rows: zipped({"rows.jsonl": b"\n".join(rows)}),
}
# Bare lists have no keys: nothing tells them from other lists outside of an array of rows.
OF_OBJECTS = {"deep wrapper"}

word = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).filter(str.strip)
pairs_of_file = st.lists(
    st.builds(lambda i, text: (f"{i} {text}", text), st.integers(0, 10**6), word),
    min_size=2,
    max_size=6,
    unique_by=lambda pair: pair[0],
)
line = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(str.strip)
records = st.lists(st.tuples(line, line), min_size=2, max_size=6, unique_by=lambda pair: pair)
many = settings(max_examples=300)


def test_each_form_of_the_readmes_table_is_among_these() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    table = readme.partition("| form | a line |\n|---|---|\n")[2].partition("\n\n")[0]
    assert re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) == list(dict.fromkeys(form.name for form in FORMS))


def converted(data: bytes, name: str, report: DatasetReport) -> list[Any]:
    assert report.dialect is not None
    converter = Converter(report.dialect, Dialect.VERTEX, report.mapping, report.sha256, name=name)
    return rows_of(converter.feed(data) + converter.finish())


def texts(row: dict[str, Any]) -> tuple[str, str]:
    """Return the last question and the last answer of a row of Vertex AI."""
    turns = [[text for part in turn["parts"] for text in said_by(part)] for turn in row["contents"]]
    said = ["".join(held) for held in turns if held]
    return said[-2], said[-1]


def said_by(part: dict[str, Any]) -> list[str]:
    """Return the text of a part, or what a call says; nothing for any other part."""
    called = part.get("functionCall", {}).get("args", {})
    return [part["text"]] if "text" in part else [called["said"]] if "said" in called else []


def in_javascript(text: str) -> str:
    return "'" + json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


@many
@given(records, st.booleans(), st.booleans(), st.integers(1, 60))
@example(pairs=[("}", "{"), ("0", "0")], constant=False, commas=False, chunk=1)
@example(pairs=[("}{", "}, {"), ("0", "0")], constant=False, commas=True, chunk=60)
def test_rows_of_javascript_are_repaired_whole_or_left_out_with_their_number(
    pairs: list[tuple[str, str]], constant: bool, commas: bool, chunk: int
) -> None:
    rows = [f"{{prompt: {in_javascript(q)}, completion: {in_javascript(a)}}}" for q, a in pairs]
    lines = [f"  {row}{',' if commas or constant else ''}" for row in rows]
    whole = ["export const rows = [", *lines, "];"] if constant else lines
    data = "\n".join(whole).encode()
    report, _, kept = books_of(data, "rows.js", chunk, LIMITS)
    assert report.rows == len(whole)
    again = check_bytes(kept, LIMITS) if kept else None
    written = [texts(row) for row in converted(kept, "rows.jsonl", again)] if again is not None else []
    # What is kept is what the file says, in its order.
    assert [pair for pair in pairs if pair in written] == written
    if all(text.isalnum() and text.isascii() for pair in pairs for text in pair):
        assert written == pairs


@many
@given(pairs_of_file, st.sampled_from(FORMS), st.sampled_from([*KINDS]), st.integers(1, 60))
def test_every_row_of_every_form_is_kept_and_converted_whole(
    pairs: list[tuple[str, str]], form: Form, kind: str, chunk: int
) -> None:
    rows = [json.dumps(form.row(*pair)).encode() for pair in pairs]
    if kind in OF_OBJECTS and (rows[0].startswith(b"[") or form.mapping is not None):
        return
    data = KINDS[kind](rows)
    report, counts, kept = books_of(data, "rows.json", chunk, LIMITS, form.mapping)
    assert (report.rows, report.examples, counts.kept) == (len(pairs), len(pairs), len(pairs))
    assert [texts(row) for row in converted(data, "rows.json", report)] == pairs
    again = check_bytes(kept, LIMITS, mapping=form.mapping)
    assert (again.rows, again.examples) == (len(pairs), len(pairs))
    assert [texts(row) for row in converted(kept, "rows.jsonl", again)] == pairs


@many
@given(pairs_of_file, st.sampled_from(FORMS), st.sampled_from([*KINDS]), st.data())
def test_the_books_balance_over_a_damaged_file_of_every_form(
    pairs: list[tuple[str, str]], form: Form, kind: str, data: st.DataObject
) -> None:
    rows = [form.row(*pair) for pair in pairs]
    damaged = data.draw(st.integers(0, len(rows) - 1))
    if isinstance(rows[damaged], dict):
        key = data.draw(st.sampled_from([*rows[damaged]]))
        rows[damaged] = rows[damaged] | {key: data.draw(st.sampled_from([None, "", [], {}, "words", 1, [{}]]))}
    whole = KINDS[kind]([json.dumps(row).encode() for row in rows])
    end = data.draw(st.integers(1, len(whole)) | st.just(len(whole)))
    more = data.draw(st.sampled_from([b"", b'"', b"\n{", b"]", b"\nthe end\n", b"\xff", b"\n// end"]))
    report, counts, kept = books_of(
        whole[:end] + more, "rows.json", data.draw(st.integers(1, 60)), LIMITS, form.mapping
    )
    assert counts.kept >= report.examples - counts.duplicates
    if kept and form.mapping is None:
        again = check_bytes(kept, LIMITS)
        assert again.rows == again.examples == counts.kept


@many
@given(
    records,
    st.sampled_from([form for form in FORMS if form.names]),
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.data(),
)
def test_the_books_balance_over_whole_and_damaged_tables(
    pairs: list[tuple[str, str]], form: Form, delimiter: str, damaged: bool, data: st.DataObject
) -> None:
    assert form.names is not None
    target = io.StringIO(newline="")
    if delimiter == "\t":
        target.write("".join(f"{a}\t{b}\n" for a, b in [form.names, *pairs]))
    else:
        csv.writer(target, delimiter=delimiter).writerows([form.names, *pairs])
    table = target.getvalue().encode()
    if damaged:
        at = data.draw(st.integers(len(table) // 3, len(table)))
        mark = data.draw(st.sampled_from([b'"', b"\n", b"\n\n", b"\xff", b"\xef\xbb\xbf", b",,", b"\x00"]))
        table = table[:at] + mark + data.draw(st.sampled_from([b"", table[at:]]))
    report, counts, _ = books_of(table, "rows.csv", limits=LIMITS, mapping=form.mapping)
    if not damaged:
        assert (report.rows, report.examples, counts.kept) == (len(pairs), len(pairs), len(pairs))
        assert [texts(row) for row in converted(table, "rows.csv", report)] == pairs
