"""Files of the same kinds as those of `test_near_misses.py`, from other programs: nothing lost, nothing false.

Each is checked, converted and repaired; the rows of the file are those that are kept and those that are left out.
"""

import csv
import io
import json
from typing import Any

import pytest

from bot.backends.profiles import VERTEX
from bot.datasets import Converter, DatasetReport, Repairer
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.dataset_builders import books_of, check_bytes, finding, jsonl, rows_of, rules, zipped

NOTES = ("few-examples", "near-duplicate", "duplicate", "lopsided-outputs")
PLACES = ("tram", "harbour", "library", "lift")


def asked(i: int) -> str:
    return f"Who looks after the {PLACES[i % 4]} on day {i}?"


def said(i: int) -> str:
    return f"On day {i} team {i * 7} does, from {i % 12} o'clock."


def rows(count: int = 6) -> list[dict[str, Any]]:
    return [{"prompt": asked(i), "completion": said(i)} for i in range(count)]


def check(data: bytes, name: str = "rows.jsonl", mapping: FieldMapping | None = None) -> DatasetReport:
    """Return the report on a file whose repair and conversion were compared with it."""
    report, _, _ = books_of(data, name, limits=VERTEX.limits, mapping=mapping)
    if report.ok and report.dialect is not None:
        converter = Converter(report.dialect, Dialect.VERTEX, mapping, report.sha256, name=name)
        assert len(rows_of(converter.feed(data) + converter.finish())) == report.examples
    return report


def found(report: DatasetReport) -> list[str]:
    return [rule for rule, _, _ in rules(report, without=NOTES)]


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook/>', "a.xls", "Excel in XML"),
        (b'<?xml version="1.0"?>\n<rows><row/></rows>', "a.jsonl", "an XML file"),
        (b"\x80\x04\x95\x10\x00\x00\x00}\x94.", "a.pkl", "Python's pickle"),
        (b"Obj\x01\x04\x14avro.codec", "a.avro", "an Avro file"),
        (
            b"-- PostgreSQL database dump\n--\n\nSET a = 0;\nCOPY public.qa (q, a) FROM stdin;\nx\ty\n",
            "a.sql",
            "SQL",
        ),
        (b"INSERT INTO qa (prompt, completion) VALUES ('a','b');\n" * 3, "a.csv", "SQL"),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE qa (q text);\n", "a.sql", "SQL"),
        (b"/*!40101 SET a */;\nCREATE TABLE `qa` (q text);\n", "a.txt", "SQL"),
        (b"From ada@example.org Thu Jan  2 10:00:00 2025\nSubject: Tide\n\nHello\n", "a.mbox", "a mailbox"),
        (b"WEBVTT\n\n00:00.000 --> 00:05.000\nHello\n", "a.vtt", "subtitles"),
        (b"1\n00:00:00,000 --> 00:00:05,000\nHello\n\n", "a.srt", "subtitles"),
        (b"# Databricks notebook source\nprint(1)\n", "a.py", "program code"),
        (zipped({"mimetype": b"application/epub+zip"}), "a.zip", "an e-book"),
        (zipped({"Index/Document.iwa": b"x", "Metadata/p.plist": b"x"}), "a.csv", "Numbers or Pages"),
    ],
)
def test_what_is_no_training_file_is_named(data: bytes, name: str, what: str) -> None:
    report = check(data, name)
    assert found(report) == ["not-a-text-file"]
    assert what in report.findings[0].message


@pytest.mark.parametrize("name", ["Create a query for", "Use case", "Set of data", "Drop-down text"])
def test_a_table_whose_cells_hold_sql_is_no_dump(name: str) -> None:
    cells = "".join(f'{asked(i)},"SELECT {i}\nINSERT INTO qa VALUES ({i})"\n' for i in range(6))
    report = check(f"{name},Query\n{cells}".encode(), "a.csv", FieldMapping(name, "Query"))
    assert (report.rows, report.examples) == (6, 6)


@pytest.mark.parametrize("mark", [",", ";"])
def test_marks_in_the_lines_of_long_cells_separate_no_columns(mark: str) -> None:
    other = ";" if mark == "," else ","
    cells = "".join(f'Table {i}{mark}"CREATE (\n  id int\n){other}\nINSERT {i}{other}"\n' for i in range(30))
    report = check(f"Use case{mark}Query\n{cells}".encode(), "a.csv", FieldMapping("Use case", "Query"))
    assert (report.rows, report.examples) == (30, 30)


def test_dashes_below_a_word_make_no_names_of_a_row() -> None:
    cells = "".join(f"{asked(i)},{said(i)},-\n" for i in range(6))
    report = check(f"Is it open?,It is.,urgent\n{cells}".encode(), "a.csv")
    assert (report.rows, "no-column-names" in found(report)) == (7, True)


def test_only_an_error_in_xml_is_called_the_error_of_a_server() -> None:
    error = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
    assert "AccessDenied" in finding(check(error), "error-page").message


def test_the_marks_of_a_json_text_sequence_are_no_part_of_its_rows() -> None:
    report = check(b"".join(b"\x1e" + jsonl(row) for row in rows()))
    assert (report.rows, report.examples, found(report)) == (6, 6, ["odd-spaces"])


def test_a_number_too_large_for_json_spoils_no_row_where_it_is_not_sent() -> None:
    report = check(jsonl(*({**row, "score": 7} for row in rows())).replace(b"7}", b"1e999}"))
    assert (report.examples, found(report)) == (6, ["keys-left-out", "number-left-out"])


def human(i: int, answer: str) -> str:
    return f"\n\nHuman: Hello\n\nAssistant: Hi.\n\nHuman: {asked(i)}\n\nAssistant: {answer}"


def test_two_dialogues_of_hh_rlhf_are_one_conversation_with_two_answers() -> None:
    report = check(jsonl(*({"chosen": human(i, said(i)), "rejected": human(i, "No.")} for i in range(6))))
    assert (report.dialect, report.examples, found(report)) == (Dialect.TRL, 6, ["preferred-only"])
    first = report.previews[0]
    assert (first.earlier, first.question, first.answer, first.rejected) == (2, asked(0), said(0), "No.")


def test_dialogues_that_differ_before_their_last_answers_are_left_out() -> None:
    other = human(0, "No.").replace("Hi.", "Go away.")
    report = check(jsonl({"chosen": human(0, said(0)), "rejected": other}))
    assert "rejected must be a list that begins like chosen" in finding(report, "wrong-type").message


USER, MODEL = {"role": "user", "content": asked(0)}, {"role": "assistant", "content": said(0)}


@pytest.mark.parametrize(
    ("row", "mapping"),
    [
        pytest.param({"prompt": [USER], "completion": [MODEL]}, None, id="TRL's turns"),
        pytest.param({"prompt": [USER], "completion": said(0)}, None, id="turns and a text"),
        pytest.param({"turns": [USER, MODEL]}, None, id="turns"),
        pytest.param({"Dialog": [USER, MODEL]}, None, id="a dialog"),
        pytest.param(
            {
                "chat_messages": [
                    {"sender": "human", "text": asked(0)},
                    {"sender": "assistant", "text": said(0)},
                ]
            },
            None,
            id="an export of Claude",
        ),
        pytest.param({"messages": [{"role": "system", "content": ""}, USER, MODEL]}, None, id="no system text"),
        pytest.param(
            {"messages": [{"type": "human", "data": {"content": asked(0)}}, {"type": "ai", "content": said(0)}]},
            None,
            id="LangChain",
        ),
        pytest.param({"messages": [USER], "response": {"choices": [{"message": MODEL}]}}, None, id="LiteLLM"),
        pytest.param(
            {"inputs": {"messages": [USER]}, "op_name": "chat", "output": {"choices": [{"message": MODEL}]}},
            None,
            id="Weave",
        ),
        pytest.param(
            {"request": {"body": {"messages": [USER]}}, "response": {"body": {"choices": [{"message": MODEL}]}}},
            None,
            id="Portkey",
        ),
        pytest.param(
            {"request": {"input": asked(0), "model": "m"}}
            | {"response": {"output": [{"type": "message", "role": "assistant", "content": said(0)}]}},
            None,
            id="a batch of responses",
        ),
        pytest.param(
            {"intent": "tide", "utterance": asked(0), "response": said(0)},
            FieldMapping("utterance", "response"),
            id="intents in rows",
        ),
        pytest.param(
            {"request": {"messages": [USER]}, "choices": [{"message": MODEL}]}, None, id="a stored completion"
        ),
        pytest.param(
            {"body": {"messages": [USER]}, "response": {"body": {"choices": [{"message": MODEL}]}}},
            None,
            id="a batch with its answers",
        ),
        pytest.param(
            {"inputs": {"question": asked(0)}, "outputs": {"answer": said(0)}},
            FieldMapping("inputs.question", "outputs.answer"),
            id="LangSmith",
        ),
        pytest.param(
            {"id": "a", "input": [USER], "output": MODEL, "model": "m"},
            FieldMapping("input", "output"),
            id="Langfuse",
        ),
        pytest.param(
            {"id": "a", "input": {"question": asked(0)}, "expectedOutput": said(0), "status": "ACTIVE"},
            FieldMapping("input.question", "expectedOutput"),
            id="a data set of Langfuse",
        ),
        pytest.param(
            {
                "inputs": {"text": asked(0)},
                "annotation": said(0),
                "annotation_agent": "ada",
                "status": "Validated",
            },
            FieldMapping("inputs.text", "annotation"),
            id="Argilla 1",
        ),
        pytest.param(
            {"translation": {"en": asked(0), "de": said(0)}},
            FieldMapping("translation.en", "translation.de"),
            id="translations",
        ),
    ],
)
def test_what_other_tools_write_is_read_or_asked_about_with_the_right_keys(
    row: dict[str, Any], mapping: FieldMapping | None
) -> None:
    data = jsonl(row)
    assert check(data).guessed_mapping == mapping
    report = check(data, mapping=mapping)
    assert report.ok
    [preview] = report.previews
    assert (preview.question, preview.answer) == (asked(0), said(0))


def test_capital_roles_of_cohere_are_mended() -> None:
    turns = [{"role": "User", "content": asked(0)}, {"role": "Chatbot", "content": said(0)}]
    repairer = Repairer("a.jsonl", VERTEX.limits, Dialect.VERTEX)
    *_, last = [*repairer.feed(jsonl({"messages": turns})), *repairer.finish()]
    assert (last.kept, last.repaired) == (1, 1)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("thinking", "hm", "thoughts-left-out"),
        ("Complex_CoT", "hm", "thoughts-left-out"),
        ("choices", ["a", "b"], "shown-left-out"),
        ("mask", True, "weight-not-sent"),
        ("kto_tag", False, "bad-answer"),
        ("Weight", "0", "weight-zero"),
        ("Images", ["a.png"], "not-text"),
    ],
)
def test_a_mapped_row_says_what_changes_its_meaning_also_in_capitals(key: str, value: Any, rule: str) -> None:
    data = jsonl({"question": asked(0), "answer": said(0), key: value})
    assert rule in found(check(data, mapping=FieldMapping("question", "answer")))


def test_a_mapped_row_has_the_system_text_beside_its_inner_keys() -> None:
    row = {"inputs": {"question": asked(0), "System": "Be brief."}, "outputs": {"answer": said(0)}}
    report = check(jsonl(row), mapping=FieldMapping("inputs.question", "outputs.answer"))
    assert report.previews[0].system == "Be brief."


def as_json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


@pytest.mark.parametrize("chunk", [1, 65_536])
@pytest.mark.parametrize(
    ("wrapper", "lists"),
    [
        pytest.param(
            lambda items: {"tuning_task": {"training_data": {"examples": {"examples": items}}}},
            [],
            id="Gemini's API",
        ),
        pytest.param(lambda items: {"result": {"items": items, "total": 6}, "next": None}, [], id="a result"),
        pytest.param(lambda items: {"faqs": items}, [], id="a name of no meaning"),
        pytest.param(
            lambda items: {"a": {"faqs": items, "old": [{"x": 1}]}, "test": [{"y": 1}]}, ["2 objects"], id="others"
        ),
        pytest.param(
            lambda items: {"conversations": [{"id": i, **item} for i, item in enumerate(items)]},
            [],
            id="conversations that are rows",
        ),
    ],
)
def test_rows_inside_of_objects_are_found_by_their_keys(wrapper: Any, lists: list[str], chunk: int) -> None:
    for data in (as_json(wrapper(rows())), json.dumps(wrapper(rows())).encode()):
        report = check_bytes(data, VERTEX.limits, name="rows.json", chunk=chunk)
        assert (report.rows, report.examples, report.dialect) == (6, 6, Dialect.PROMPT)
        assert [f.value for f in report.findings if f.rule == "other-lists"] == lists
        assert check(data, "rows.json").examples == 6


@pytest.mark.parametrize(
    "row",
    [
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}}
        | {"contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}]},
        {"context": "c", "examples": [{"input": "i", "output": "o"}], "messages": [USER, MODEL]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
    ],
)
def test_an_example_over_several_lines_is_not_taken_for_a_wrapper_of_its_turns(row: dict[str, Any]) -> None:
    data = as_json(row) + b"\n" + as_json(row | {"id": 2})
    report = check(data, "rows.json")
    assert (report.rows, report.examples) == (2, 2)


def table(records: list[tuple[str, str]]) -> bytes:
    return "".join(f'"{a}","{b}"\n' for a, b in records).encode()


def test_short_words_without_column_names_lose_no_row_once_their_places_are_named() -> None:
    data = table([("cat", "Katze"), ("dog", "Hund"), ("house", "Haus")])
    report = check(data, "words.csv")
    note = finding(report, "names-guessed")
    assert "names of the columns: cat, Katze" in note.message
    assert (report.rows, report.guessed_mapping) == (2, FieldMapping("cat", "Katze"))
    assert "names-guessed" in found(check(data, "words.csv", FieldMapping("cat", "Katze")))
    whole = check(data, "words.csv", FieldMapping("column1", "column2"))
    assert (whole.rows, whole.examples, whole.previews[0].question) == (3, 3, "cat")
    assert found(whole) == ["no-column-names"]


@pytest.mark.parametrize("names", [("Frage", "Antwort"), ("prompt", "completion"), ("text", "label")])
def test_names_of_a_known_pair_are_not_said_to_be_guessed(names: tuple[str, str]) -> None:
    data = table([names, *((asked(i), said(i)) for i in range(6))])
    assert "names-guessed" not in found(check(data, "rows.csv"))
    assert "names-guessed" not in found(check(data, "rows.csv", FieldMapping(*names)))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_column_names_that_stand_again_among_the_rows_are_no_example(mark: str) -> None:
    one = table([("prompt", "completion"), *((asked(i), said(i)) for i in range(3))])
    other = table([("prompt", "completion"), *((asked(i), said(i)) for i in range(3, 6))])
    report = check(one + mark.encode() + other, "rows.csv")
    assert (report.rows, report.examples, found(report)) == (6, 6, ["names-again"])
    assert finding(report, "names-again").lines == (5,)


def test_each_list_on_a_line_of_its_own_is_counted_as_one_row() -> None:
    report = check("".join(f'["{asked(i)}", "{said(i)}"]\n' for i in range(4)).encode())
    assert (report.rows, report.unit, found(report)) == (4, "line", ["not-an-object"])


@pytest.mark.parametrize("titles", [1, 12, 59])
@pytest.mark.parametrize("end", ["", ",,"])
def test_titles_above_the_names_are_said_and_no_row_is_lost(titles: int, end: str) -> None:
    above = "".join(f"Line {i} of the report{end}\n" for i in range(titles)).encode()
    data = above + table([("prompt", "completion"), *((asked(i), said(i)) for i in range(4))])
    report = check(data, "rows.csv")
    assert (report.rows, report.examples, found(report)) == (4, 4, ["title-row"])
    assert finding(report, "title-row").count == titles


def test_comments_between_the_items_of_an_array_are_no_rows() -> None:
    items = ",\n".join(f"// row {i}\n{json.dumps(row)}" for i, row in enumerate(rows()))
    report = check(f"[\n/* all * of them */ {items}\n# the end\n]".encode(), "rows.json")
    assert (report.rows, report.examples, found(report)) == (6, 6, ["comments"])


@pytest.mark.parametrize(
    "behind",
    [
        "\n// a\n \t# b\n\n// c",
        " /* a * b */",
        " /**/\n// b",
        "\u2028 \ufeff\u00a0",
        " /* a */\u2028",
    ],
)
def test_what_stands_behind_the_last_item_of_an_array_is_no_part_of_it(behind: str) -> None:
    items = ",\n".join(map(json.dumps, rows()))
    report = check(f"[{items}{behind}]".encode(), "rows.json")
    assert (report.rows, report.examples) == (6, 6)


@pytest.mark.parametrize("above", ["\n\n", "\n\n,,\n", ",,\n\n", "\nTides of March,,\n\n"])
def test_blank_lines_above_the_names_of_a_table_move_neither_its_names_nor_its_rows(above: str) -> None:
    data = above.encode() + table([("prompt", "completion"), *((asked(i), said(i)) for i in range(6))])
    report = check(data, "rows.csv")
    assert (report.rows, report.examples, report.previews[0].question) == (6, 6, asked(0))
    assert set(found(report)) <= {"title-row"}


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u00a0\u2029", "\x1e"])
def test_other_line_ends_between_objects_are_no_rows(end: str) -> None:
    data = end.join(json.dumps(row) for row in rows()) + end
    report = check(data.encode(), "rows.jsonl")
    assert (report.rows, report.examples) == (6, 6)


@pytest.mark.parametrize("filler", ["", "x" * 70_000])
def test_bare_lists_of_turns_are_a_conversation_a_line(filler: str) -> None:
    turns = [[{"from": "human", "value": asked(i) + filler}, {"from": "gpt", "value": said(i)}] for i in range(4)]
    report = check(jsonl(*turns))
    assert (report.dialect, report.rows, report.examples) == (Dialect.SHAREGPT, 4, 4)
    alone = check(jsonl(turns[0]))
    assert (alone.rows, alone.examples) == (1, 1)


def test_rows_that_are_json_in_the_cells_of_a_table_are_read() -> None:
    target = io.StringIO()
    csv.writer(target).writerows([["data"], *([json.dumps(row)] for row in rows())])
    report = check(target.getvalue().encode(), "rows.csv")
    assert (report.examples, found(report)) == (6, ["row-in-wrapper"])


@pytest.mark.parametrize("mark", [True, "true", "True", 1])
def test_a_thought_is_no_answer_however_its_mark_is_written(mark: Any) -> None:
    parts = [{"text": "Hm.", "thought": mark}, {"text": said(0)}]
    turns = [{"role": "user", "parts": [{"text": asked(0)}]}, {"role": "model", "parts": parts}]
    picture = {"fileData": {"mimeType": "image/png", "fileUri": "gs://charts/a.png"}}
    with_picture = [{"role": "user", "parts": [picture, {"text": asked(0)}]}, turns[1]]
    for row in ({"contents": turns}, {"contents": with_picture}):
        report = check(jsonl(row))
        assert (report.previews[0].answer, found(report)) == (said(0), ["thoughts-left-out"])


@pytest.mark.parametrize(
    ("thought", "said_of_it"), [("Let me see.", ["thoughts-left-out"]), ("false", []), (0, [])]
)
def test_a_thought_in_the_place_of_its_mark_is_left_out_and_said(thought: Any, said_of_it: list[str]) -> None:
    picture = {"fileData": {"mimeType": "image/png", "fileUri": "gs://charts/a.png"}}
    answer = {"role": "model", "parts": [{"text": said(0), "thought": thought}]}
    for asking in ([{"text": asked(0)}], [picture, {"text": asked(0)}]):
        report = check(jsonl({"contents": [{"role": "user", "parts": asking}, answer]}))
        assert (report.previews[0].answer, found(report)) == (said(0), said_of_it)


@pytest.mark.parametrize("question", [asked(0), [{"role": "user", "content": asked(0)}]])
def test_what_stands_beside_inner_keys_is_read_once(question: Any) -> None:
    row = {
        "in": {"question": question, "more": "", "system": "Be brief."},
        "out": {"answer": said(0), "weight": 0},
    }
    for asking in ("in.question", "in.question+in.more"):
        if isinstance(question, str) or "+" not in asking:
            report = check(jsonl(row), mapping=FieldMapping(asking, "out.answer"))
            assert (report.previews[0].system, found(report)) == ("Be brief.", ["weight-zero"])


@pytest.mark.parametrize(
    ("beside", "rule"),
    [
        ({"role": "user"}, "wrong-role"),
        ({"reasoning_content": "Hm."}, "thoughts-left-out"),
        ({"weight": 0}, "weight-zero"),
        ({"tool_calls": [{"id": "c1"}]}, "tool-calls"),
    ],
)
def test_what_stands_beside_an_answer_that_is_preferred_is_said(beside: dict[str, Any], rule: str) -> None:
    answers = [{"role": "assistant", "content": text} | beside for text in (said(0), said(1))]
    for prompt in (asked(0), [{"role": "user", "content": asked(0)}]):
        report = check(jsonl({"prompt": prompt, "chosen": answers[:1], "rejected": answers[1:]}))
        assert rule in found(report)


@pytest.mark.parametrize("beside", [{}, {"prompt": asked(0)}, {"prompt": f" {asked(0)}\n"}])
def test_the_marks_of_two_dialogues_are_in_no_text_also_with_their_question_beside(beside: dict[str, str]) -> None:
    chosen, rejected = (f"\n\nHuman: {asked(0)}\n\nAssistant: {said(i)}" for i in range(2))
    report = check(jsonl({"chosen": chosen, "rejected": rejected, **beside}))
    shown = report.previews[0]
    assert (shown.question, shown.answer, shown.rejected) == (asked(0), said(0), said(1))


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_a_mark_of_a_picture_is_named_where_the_row_has_an_empty_key_for_pictures(nothing: Any) -> None:
    row = {"prompt": f"<image> {asked(0)}", "completion": said(0), "images": nothing}
    assert found(check(jsonl(row))) == ["picture-mark-in-text"]


@pytest.mark.parametrize(("mask", "said_of_it"), [("false", []), (False, []), ("true", ["weight-not-sent"])])
def test_a_mask_that_is_not_set_is_not_named(mask: Any, said_of_it: list[str]) -> None:
    row = {"question": asked(0), "answer": said(0), "mask": mask}
    assert found(check(jsonl(row), mapping=FieldMapping("question", "answer"))) == said_of_it


@pytest.mark.parametrize(
    "row",
    [
        {"op_name": "chat", "inputs": {"messages": [USER]}},
        {"@context": {"@vocab": "https://example.org"}, "name": "a"},
        {"function_name": "f", "kwargs": {"messages": [USER]}},
        {"response_1": "a", "response_2": "b", "score": 1},
    ],
)
def test_no_question_is_asked_about_keys_that_hold_no_answer(row: dict[str, Any]) -> None:
    assert check(jsonl(row)).guessed_mapping is None


@pytest.mark.parametrize(("answer", "examples"), [("accept", 1), ("reject", 0), ("ignore", 0)])
def test_a_label_that_a_person_rejected_is_not_learned(answer: str, examples: int) -> None:
    row = {"text": asked(0), "label": "TIDE", "answer": answer, "_input_hash": 1, "_task_hash": 2}
    report = check(jsonl(row), mapping=FieldMapping("text", "label"))
    assert report.examples == examples
    assert examples or f"answer is {answer}" in finding(report, "bad-answer").message


def test_questions_above_dates_are_the_names_of_columns() -> None:
    names = '"Timestamp","What is your question?","What should I say?"\n'
    lines = "".join(f'"2025/01/0{i + 1} 10:00:00","{asked(i)}","{said(i)}"\n' for i in range(4))
    report = check((names + lines).encode(), "form.csv")
    assert (report.rows, report.guessed_mapping) == (
        4,
        FieldMapping("What is your question?", "What should I say?"),
    )


@pytest.mark.parametrize(
    ("names", "mark", "codec"), [("質問,回答", ",", "shift_jis"), ("Вопрос;Ответ", ";", "cp1251")]
)
def test_names_in_another_encoding_are_not_shown_as_marks(names: str, mark: str, codec: str) -> None:
    records = "".join(f"{names[:2]}{i}{mark}{names[-2:]}{i}\n" for i in range(4))
    assert found(check(f"{names}\n{records}".encode(codec), "rows.csv")) == ["not-utf8"]


def test_line_ends_of_an_old_mac_among_others_end_rows() -> None:
    first, second, third, fourth = (json.dumps(row).encode() for row in rows(4))
    report = check(first + b"\r\n" + second + b"\r" + third + b"\n" + fourth)
    assert (report.rows, report.examples) == (4, 4)


@pytest.mark.parametrize(
    ("row", "early"),
    [
        ({"messages": [USER], "response": {"choices": [{"message": MODEL, "finish_reason": "length"}]}}, True),
        ({"messages": [USER], "response": {"choices": [{"message": MODEL, "finish_reason": "stop"}]}}, False),
        (
            {
                "body": {"messages": [USER]},
                "response": {"choices": [{"message": MODEL, "finish_reason": "content_filter"}]},
            },
            True,
        ),
        ({"input": asked(0), "status": "incomplete", "output": [{"type": "message", **MODEL}]}, True),
        ({"input": asked(0), "status": "completed", "output": [{"type": "message", **MODEL}]}, False),
    ],
)
def test_an_answer_that_ended_early_is_named(row: dict[str, Any], early: bool) -> None:
    report = check(jsonl(row))
    assert report.examples == 1
    assert ("answer-ended-early" in found(report)) == early


def test_names_of_two_answers_in_a_table_are_known_names() -> None:
    data = ("prompt,win,lose\n" + "".join(f'"{asked(i)}","{said(i)}",no\n' for i in range(4))).encode()
    assert found(check(data, "rows.csv")) == ["preferred-only"]
