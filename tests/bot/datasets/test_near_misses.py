"""Files that programs write nearly as training files are read or named, and lose nothing in silence.

The files are in `tests/data/datasets/near_misses`.
"""

import io
import json
import tarfile
from typing import Any

import pytest

from bot.backends.profiles import VERTEX
from bot.datasets import Repairer
from bot.domain.datasets import Dialect
from tests.support.data_files import DATA, data_file
from tests.support.dataset_builders import check_bytes, finding, jsonl, rules

FOLDER = "datasets/near_misses"
NOTES = ("few-examples", "near-duplicate", "duplicate", "lopsided-outputs", "preferred-only", "row-in-wrapper")
# The dialect, the rows, the examples, what is found, and the first question and answer.
FILES = {
    "utf16_without_mark.jsonl": (None, 0, 0, ["utf-16"]),
    "gzip_in_gzip.jsonl.gz": (None, 0, 0, ["not-a-text-file"]),
    "chat_log.txt": (None, 3, 0, ["not-json"]),
    "raw_tab.jsonl": (None, 3, 0, ["almost-json"]),
    "viewer_cut_cells.json": (Dialect.PROMPT, 3, 2, ["cut-cells"]),
    "kto.json": (Dialect.ALPACA, 3, 2, ["bad-answer"]),
    "doubled_key.jsonl": (Dialect.PROMPT, 3, 3, ["doubled-key"]),
    "blank_words.jsonl": (Dialect.PROMPT, 3, 3, ["only-a-blank-word"]),
    "rows_in_texts.jsonl": (Dialect.PROMPT, 3, 3, ["json-in-text"]),
    "turns_in_cells.csv": (Dialect.OPENAI, 3, 3, ["json-in-text"]),
    "ultrafeedback.jsonl": (Dialect.TRL, 3, 3, []),
    "excel_tabs.tsv": (Dialect.PROMPT, 3, 3, []),
    "markdown_table.txt": (Dialect.PROMPT, 3, 3, ["blank-lines"]),
}


def test_each_file_of_the_folder_is_in_the_table() -> None:
    assert {path.name for path in (DATA / FOLDER).iterdir()} == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_a_near_miss_is_read_or_named_and_a_repair_counts_every_row(name: str) -> None:
    dialect, rows, examples, found = FILES[name]
    data = data_file(f"{FOLDER}/{name}")
    report = check_bytes(data, VERTEX.limits, name=name)
    assert [rule for rule, _, _ in rules(report, without=NOTES)] == found
    assert (report.dialect, report.rows, report.examples) == (dialect, rows, examples)
    repairer = Repairer(name, VERTEX.limits, Dialect.VERTEX)
    *_, last = [*repairer.feed(data), *repairer.finish()]
    assert last.kept + last.rejected + last.duplicates >= rows
    assert last.kept <= rows


def test_the_words_are_true() -> None:
    def message(name: str, rule: str) -> str:
        return finding(check_bytes(data_file(f"{FOLDER}/{name}"), VERTEX.limits, name=name), rule).message

    assert message("utf16_without_mark.jsonl", "utf-16") == "The text is UTF-16, not UTF-8."
    assert "an archive inside of an archive" in message("gzip_in_gzip.jsonl.gz", "not-a-text-file")
    assert "plain text" in message("chat_log.txt", "not-json")
    assert "(a tab)" in message("raw_tab.jsonl", "almost-json")
    assert message("doubled_key.jsonl", "doubled-key").startswith("Keys stand twice in one row: completion.")
    assert message("kto.json", "bad-answer").startswith("kto_tag is false")


def test_cells_in_quotes_and_cells_of_markdown_are_whole_and_without_their_marks() -> None:
    excel = check_bytes(data_file(f"{FOLDER}/excel_tabs.tsv"), VERTEX.limits, name="excel_tabs.tsv")
    assert excel.previews[0].answer == 'At desk 3, with the porter.\\nand "more"'
    markdown = check_bytes(data_file(f"{FOLDER}/markdown_table.txt"), VERTEX.limits)
    assert (markdown.previews[0].question, markdown.previews[0].answer) == (
        "Where is key 0 kept?",
        "At desk 3, with the porter.",
    )


ASKED, SAID = "Where is the key kept?", "With the porter."
PAIR = {"prompt": ASKED, "completion": SAID}
USER, MODEL = {"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}
CHAT = {"messages": [USER, MODEL]}
CONTENTS = {
    "contents": [{"role": "user", "parts": [{"text": ASKED}]}, {"role": "model", "parts": [{"text": SAID}]}]
}


def _tar(data: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo("train.jsonl")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def _named(**row: Any) -> bytes:
    return jsonl({**CHAT, **row})


@pytest.mark.parametrize(
    ("data", "found"),
    [
        pytest.param(b"prompt,Completion,completion\nq,a,b\n", ["doubled-column"], id="doubled in another case"),
        pytest.param(_tar(jsonl(PAIR, PAIR)), ["not-a-text-file"], id="tar"),
        pytest.param(b"PK\x05\x06" + bytes(18), ["not-a-text-file"], id="empty zip"),
        pytest.param(
            jsonl({"ts": "1.2", "bot_id": "B1", "type": "message"}), ["slack-export"], id="an app's message"
        ),
        pytest.param(
            jsonl({"ok": True, "messages": [{"type": "message", "user": "U1", "ts": "1.2"}]}),
            ["slack-export"],
            id="an answer of Slack's API",
        ),
        pytest.param(_named(examples=[{"input": "a"}]), ["shown-left-out"], id="examples to show"),
        pytest.param(_named(train=False), ["weight-zero"], id="a row that is not trained on"),
        pytest.param(_named(weight="0"), ["weight-zero"], id="a weight from a table"),
        pytest.param(_named(sample_weight=0.5), ["weight-not-sent"], id="a weight of a row"),
        pytest.param(_named(mask=1), ["weight-not-sent"], id="a masked row"),
        pytest.param(_named(train=True, mask=0, weight="1"), [], id="marks that say nothing"),
        pytest.param(
            jsonl({"messages": [{**USER, "train": False}, {**MODEL, "train": False}]}),
            ["weight-zero"],
            id="a turn that is not trained on",
        ),
        pytest.param(jsonl({**PAIR, "completion": f"<think>hm</think>{SAID}"}), ["thoughts-in-text"], id="think"),
        pytest.param(
            jsonl({**PAIR, "completion": f"<think>hm</think>{SAID}"})
            .replace(b"<", b"\\u003c")
            .replace(b">", b"\\u003E"),
            ["thoughts-in-text"],
            id="think in escapes",
        ),
        pytest.param(
            jsonl({**PAIR, "prompt": "\u0420\u201c\u0420\u0491\u0420\u00b5?"}), ["mojibake"], id="Cyrillic"
        ),
    ],
)
def test_what_changes_the_meaning_of_a_file_or_row_is_named(data: bytes, found: list[str]) -> None:
    name = "rows.csv" if data.startswith(b"prompt,") else "rows.jsonl"
    assert [rule for rule, _, _ in rules(check_bytes(data, VERTEX.limits, name=name), without=NOTES)] == found


@pytest.mark.parametrize(
    ("row", "system"),
    [
        pytest.param({**CHAT, "System": "Be brief."}, "Be brief.", id="system in capitals"),
        pytest.param({**CHAT, "instructions": "Be brief."}, "Be brief.", id="instructions"),
        pytest.param(
            {**CHAT, "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
            "Be brief.",
            id="a cached block",
        ),
        pytest.param(
            {"custom_id": "1", "params": {**CHAT, "system": "Be brief."}}, "Be brief.", id="a batch's params"
        ),
        pytest.param(
            {"conversations": [{"speaker": "user", "text": ASKED}, {"speaker": "assistant", "text": SAID}]},
            "",
            id="text",
        ),
        pytest.param({"messages": CONTENTS["contents"]}, "", id="parts in messages"),
        pytest.param(
            {"conversations": [{"from": "human", "value": ASKED}], "chosen": {"from": "gpt", "value": SAID}}
            | {"rejected": {"from": "gpt", "value": "No."}},
            "",
            id="ShareGPT with two answers",
        ),
        pytest.param({"question": ASKED, "chosen": SAID, "rejected": "No."}, "", id="question and two answers"),
    ],
)
def test_a_variation_is_read_whole_and_nothing_is_said_to_be_left_out(row: dict[str, Any], system: str) -> None:
    report = check_bytes(jsonl(row), VERTEX.limits)
    assert report.ok
    [preview] = report.previews
    assert (preview.system, preview.question, preview.answer) == (system, ASKED, SAID)
    assert rules(report, without=(*NOTES, "keys-left-out")) == []


def test_alpacas_input_is_a_part_of_what_two_answers_answer() -> None:
    row = {"instruction": "Answer.", "input": ASKED, "chosen": SAID, "rejected": "No."}
    [preview] = check_bytes(jsonl(row), VERTEX.limits).previews
    assert preview.question == f"Answer.\\n\\n{ASKED}"


def test_pandas_split_is_read_in_any_order_of_its_keys() -> None:
    whole = {"data": [[ASKED, SAID], [ASKED, SAID]], "index": [0, 1], "columns": ["prompt", "completion"]}
    for keys in (("data", "index", "columns"), ("index", "columns", "data")):
        report = check_bytes(
            json.dumps({key: whole[key] for key in keys}).encode(), VERTEX.limits, name="rows.json"
        )
        assert (report.ok, report.examples) == (True, 2)


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "part": [{"text": ASKED}]}, {"role": "model", "message": SAID}],
        [{"author": "user", "parts": [ASKED]}, {"author": "bot", "parts": {"text": SAID}}],
        [{"role": "user", "content": {"text": ASKED}}, {"role": "model", "content": [{"text": SAID}]}],
    ],
)
def test_other_names_in_contents_are_errors_that_a_repair_mends(turns: list[dict[str, Any]]) -> None:
    data = jsonl({"contents": turns})
    report = check_bytes(data, VERTEX.limits)
    assert not report.ok
    assert "keys-left-out" not in [rule for rule, _, _ in rules(report)]
    repairer = Repairer("rows.jsonl", VERTEX.limits, Dialect.VERTEX)
    parts = [*repairer.feed(data), *repairer.finish()]
    assert json.loads(b"".join(part.kept_rows for part in parts)) == CONTENTS


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"prompt": "Is it None?", "completion": "True", "rating": None}', "it holds None, where JSON has null"),
        ('{"prompt": "Is it None?", "completion": "True", "good": True}', "it holds True, where JSON has true"),
        (
            '{"prompt": "Is it None?", "completion": "True", "a": NaN, "b": nan}',
            "it holds NaN, where JSON has null",
        ),
        ('{prompt: "Is it None?", completion : "True"}', "the names of keys have no double quotes"),
        ('{prompt: "Is it None?", completion: "True"},', "the names of keys have no double quotes"),
        ("{prompt: 'Is it None?', completion: 'True', note: 'a, b: {c: d}'},", "the names of keys have no double"),
        ('{"prompt"："Is it None?"，"completion"："True"}', "full-width ones (：，)"),
        ('{“prompt”: "Is it None?", "completion": “True”}', "the quotes are curly"),
    ],
)
def test_what_programs_write_for_json_is_named_in_words_and_mended(line: str, reason: str) -> None:
    data = f"{line}\n".encode()
    assert reason in finding(check_bytes(data, VERTEX.limits), "almost-json").message
    repairer = Repairer("rows.jsonl", VERTEX.limits, Dialect.VERTEX)
    parts = [*repairer.feed(data), *repairer.finish()]
    row = json.loads(b"".join(part.kept_rows for part in parts))
    assert (row["prompt"], row["completion"]) == ("Is it None?", "True")


def test_a_key_inside_of_a_text_in_single_quotes_stays_as_it_is() -> None:
    repairer = Repairer("rows.jsonl", VERTEX.limits, Dialect.VERTEX)
    parts = [*repairer.feed(b"{prompt: 'a, b: c', completion: 'say \\'x, y: z\\''}\n"), *repairer.finish()]
    assert json.loads(b"".join(p.kept_rows for p in parts)) == {"prompt": "a, b: c", "completion": "say 'x, y: z'"}


def test_a_batchs_answer_beside_its_question_is_a_part_of_the_example() -> None:
    request = {"contents": CONTENTS["contents"][:1]}
    answer = {"parts": [{"text": SAID}]}
    report = check_bytes(
        jsonl({"request": request, "response": {"candidates": [{"content": answer}]}}), VERTEX.limits
    )
    assert (report.ok, report.previews[0].answer) == (True, SAID)
    assert [rule for rule, _, _ in rules(report, without=NOTES)] == ["answer-beside"]
    refused = check_bytes(jsonl({"request": request, "response": {"candidates": []}}), VERTEX.limits)
    assert "no-answer-at-end" in [rule for rule, _, _ in rules(refused)]


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"train": [PAIR, PAIR], "meta": {"a": {}}, "test": [PAIR, {**PAIR, "a": {}}]}, "2 objects"),
        ({"test": [PAIR], "train": [PAIR, PAIR]}, "test"),
        ({"features": [{"name": "prompt"}], "rows": [PAIR, PAIR], "meta": {"a": {"b": {}}}, "partial": []}, None),
    ],
)
def test_other_lists_beside_the_rows_are_said_to_be_left_out(lists: dict[str, Any], said: str | None) -> None:
    report = check_bytes(json.dumps(lists).encode(), VERTEX.limits, name="rows.json")
    assert report.examples == 2
    assert [f.value for f in report.findings if f.rule == "other-lists"] == ([said] if said else [])


@pytest.mark.parametrize("chunk", [1, 7, 65_536])
def test_quotes_behind_backslashes_are_quotes(chunk: int) -> None:
    table = b'prompt,completion\n"Say \\"hi\\"","In C:\\\\"\nplain,"5\\" and\nmore"\n'
    report = check_bytes(table, VERTEX.limits, name="rows.csv", chunk=chunk)
    assert [rule for rule, _, _ in rules(report, without=NOTES)] == ["backslash-quotes"]
    first, second = report.previews
    assert (first.question, first.answer) == ('Say "hi"', "In C:\\\\")
    assert (second.question, second.answer) == ("plain", '5" and\\nmore')
    path = b'prompt,completion\n"a","C:\\"\n"b","D:\\"\n'
    assert rules(check_bytes(path, VERTEX.limits, name="rows.csv", chunk=chunk), without=NOTES) == []


@pytest.mark.parametrize(
    ("codec", "asked", "shown"),
    [
        ("mac_roman", "Où est la clé ?", "Mac Roman"),
        ("cp850", "Wo ist der Schlüssel?", "code page 850 (DOS)"),
        ("cp1252", "Wo ist der Schlüssel?", "Windows-1252"),
    ],
)
def test_the_encoding_of_latin_letters_is_named(codec: str, asked: str, shown: str) -> None:
    data = f"prompt,completion\n{asked},{asked}\n".encode(codec)
    assert shown in finding(check_bytes(data, VERTEX.limits, name="rows.csv"), "not-utf8").message
