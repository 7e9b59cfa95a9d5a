"""Files that programs write nearly as training files are read or named, and lose nothing in silence.

The files are in `tests/data/datasets/near_misses`.
"""

import pytest

from bot.backends.profiles import VERTEX
from bot.datasets import Repairer
from bot.domain.datasets import Dialect
from tests.support.data_files import DATA, data_file
from tests.support.dataset_builders import check_bytes, finding, rules

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
