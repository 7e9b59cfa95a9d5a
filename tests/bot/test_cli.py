"""The commands `check` and `convert`: what they print, what they write, and what they never write over."""

import gzip
import json
import os
import re
import shlex
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.backends import PROFILES
from bot.cli import cli
from bot.cli.file_check import BACKENDS
from bot.errors import BotError
from tests.support.dataset_builders import chat, contents, jsonl, pair, rows_of

TALKS = [chat(f"user: question {i}", f"assistant: answer {i}") for i in range(20)]


def run(*words: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(cli, [str(word) for word in words])


def refused(*words: object) -> str:
    """Run a command that must end with an error of ours, and return the error's message."""
    error = run(*words).exception
    assert isinstance(error, BotError)
    return error.message


def advised(stdout: str, folder: Path) -> list[str]:
    """Return the words of the command that a report advises, with a folder in the place of its own word."""
    command = next(line for line in stdout.splitlines() if line.endswith("--repair DIRECTORY"))
    words = shlex.split(command.partition("tunebot ")[2])
    return [*words[:-1], str(folder)]


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    path = tmp_path / "talks.jsonl"
    path.write_bytes(jsonl(*TALKS))
    return path


def test_convert_writes_the_file_when_it_is_complete(talks: Path, tmp_path: Path) -> None:
    result = run("convert", talks, "--to", "vertex", "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert rows_of((tmp_path / "out.jsonl").read_bytes())[0] == contents("user: question 0", "model: answer 0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "talks.jsonl"]


def test_convert_writes_to_standard_output(talks: Path) -> None:
    result = run("convert", talks, "--to", "vertex")
    assert len(rows_of(result.stdout_bytes)) == 20


def spellings(path: Path, tmp_path: Path) -> list[Path]:
    (tmp_path / "link.jsonl").symlink_to(path)
    os.link(path, tmp_path / "hard.jsonl")
    (tmp_path / "folder").mkdir()
    return [path, tmp_path / "folder" / ".." / path.name, tmp_path / "link.jsonl", tmp_path / "hard.jsonl"]


def test_convert_never_writes_over_its_input(talks: Path, tmp_path: Path) -> None:
    before = talks.read_bytes()
    for out in spellings(talks, tmp_path):
        assert "never written over" in refused("convert", talks, "--to", "vertex", "--out", out)
        assert talks.read_bytes() == before


def test_a_row_that_the_target_cannot_take_is_named_and_the_old_output_stays(tmp_path: Path) -> None:
    source, out = tmp_path / "talks.jsonl", tmp_path / "out.jsonl"
    long_talk = chat("user: a", "assistant: b", "user: c", "assistant: d")
    source.write_bytes(jsonl(*TALKS[:7], long_talk, *TALKS[7:]))
    out.write_bytes(b"an earlier conversion\n")
    message = refused("convert", source, "--to", "gemini", "--out", out)
    assert message.startswith("Line 8: A conversation of 4 turns")
    assert out.read_bytes() == b"an earlier conversion\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "talks.jsonl"]


def test_a_bad_row_is_named_before_anything_is_converted(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_bytes(jsonl(pair("1", "2"), pair("3", "")))
    message = refused("convert", source, "--to", "vertex", "--out", tmp_path / "out.jsonl")
    assert "line 2: output is empty." in message
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("target", BACKENDS)
def test_convert_advises_as_many_examples_as_the_check_does(target: str, tmp_path: Path) -> None:
    file = tmp_path / "few.jsonl"
    file.write_bytes(jsonl(*(pair(f"What is {number}?", f"It is {number}.") for number in range(10))))
    advised = [
        re.findall(r"[^ ]+ or more are advised for [a-z ]+", run(*words).output)
        for words in (("check", file, "--for", target), ("convert", file, "--to", target))
    ]
    assert len(advised[0]) == 1
    assert advised[0] == advised[1]


def test_convert_prints_the_warnings_of_the_check(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_bytes(jsonl(pair("1", "2", source="a book"), pair("3", "4", weight=0)))
    result = run("convert", source, "--to", "vertex", "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert "source is not sent to Google." in result.stderr
    assert "weight is 0" in result.stderr


def test_output_that_cannot_be_written_is_one_sentence(talks: Path, tmp_path: Path) -> None:
    message = refused("convert", talks, "--to", "vertex", "--out", tmp_path / "missing" / "out.jsonl")
    assert "cannot be written" in message


def test_repair_writes_both_files_and_says_what_was_cut(tmp_path: Path) -> None:
    source, folder = tmp_path / "talks.jsonl", tmp_path / "repaired"
    source.write_bytes(jsonl(*TALKS, chat("user: a", "assistant: b", "user: thanks"), {"meta": 1}))
    result = run("check", source, "--repair", folder)
    assert "21 rows, 1 of them repaired" in result.stdout
    assert "Cut off these rows: 1 turn without a question or an answer." in result.stdout
    assert "1 row left out" in result.stdout
    assert len(rows_of((folder / "talks.repaired.jsonl").read_bytes())) == 21
    assert [row["line"] for row in rows_of((folder / "talks.rejected.jsonl").read_bytes())] == [22]
    assert len(list(folder.iterdir())) == 2


def test_repair_counts_no_rows_of_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    doubled = tmp_path / "doubled.csv"
    doubled.write_text("prompt,completion,Completion\nq,a,b\n")
    result = run("check", doubled, "--repair", tmp_path / "out")
    assert "No row could be read, as the report says" in result.stdout
    assert "left out" not in result.stdout


def test_repair_writes_over_nothing(talks: Path, tmp_path: Path) -> None:
    (tmp_path / "talks.rejected.jsonl").symlink_to(talks)
    assert "exists already" in refused("check", talks, "--repair", tmp_path)
    assert rows_of(talks.read_bytes()) == TALKS
    assert not (tmp_path / "talks.repaired.jsonl").exists()


def test_check_asks_about_its_guess_and_shows_the_options_of_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_bytes(jsonl({"the question": "1", "answer": "2"}))
    result = run("check", source)
    assert "Is `the question` what people ask, and `answer` what the model should say?" in result.stdout
    assert "--input 'the question' --output answer" in result.stdout
    assert run("check", source, "--input", "the question", "--output", "answer").exit_code == 0


def test_an_advice_repeats_all_that_was_said_so_that_it_can_be_followed_from_any_folder(tmp_path: Path) -> None:
    source, folder = tmp_path / "my rows.jsonl", tmp_path / "repaired"
    long = "a" * 6_000
    rows = [{"q": "1", "a": "2"}, {"q": "3", "a": ""}, {"q": "5", "a": long}]
    source.write_bytes(jsonl(*rows))
    result = run("check", source, "--for", "gemini", "--input", "q", "--output", "a")
    repaired = run(*advised(result.stdout, folder))
    # The limit of this backend, and the named keys.
    assert rows_of((folder / "my rows.repaired.jsonl").read_bytes()) == rows[:1]
    assert "This writes the rows that can be kept" not in repaired.stdout
    error = run("convert", source, "--to", "vertex").exception
    assert isinstance(error, BotError)
    source.write_bytes(jsonl(rows[0]))
    converted = run(*shlex.split(error.hint.partition("tunebot ")[2].partition(" See all")[0]))
    assert rows_of(converted.stdout_bytes) == [contents("user: 1", "model: 2")]


def test_a_file_in_another_encoding_is_read_where_a_person_names_it(tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_bytes("Frage;Antwort\nWo ist der Schlüssel?;Beim Pförtner.\n".encode("cp1252"))
    named = ["--input", "Frage", "--output", "Antwort"]
    result = run("check", source, *named)
    assert result.exit_code == 1
    assert "It looks like Windows-1252" in result.stdout
    assert "Is the file written in cp1252?" in result.stdout
    assert "--encoding cp1252 --repair DIRECTORY" in result.stdout
    assert run(*advised(result.stdout, tmp_path / "repaired")).exit_code == 0
    [row] = rows_of((tmp_path / "repaired" / "rows.repaired.jsonl").read_bytes())
    assert row == {"Frage": "Wo ist der Schlüssel?", "Antwort": "Beim Pförtner."}
    result = run("convert", source, "--to", "gemini", "--encoding", "cp1252", *named)
    assert json.loads(result.stdout) == pair("Wo ist der Schlüssel?", "Beim Pförtner.")
    for name in ("klingon", "base64"):
        assert "no encoding that Python knows" in run("check", source, "--encoding", name).stderr
    assert refused("check", source, "--encoding", "ascii").startswith("The file cannot be read as ascii.")


def test_a_packed_file_in_another_encoding_is_unpacked_first(tmp_path: Path) -> None:
    source = tmp_path / "rows.csv.gz"
    # More than one piece.
    text = "".join(f"Wo ist Schlüssel {number}?;Beim Pförtner {number}.\n" for number in range(50_000))
    whole = gzip.compress(f"Frage;Antwort\n{text}".encode("cp1252"))
    source.write_bytes(whole)
    named = ["--input", "Frage", "--output", "Antwort"]
    result = run("check", source, *named)
    assert run(*advised(result.stdout, tmp_path / "repaired")).exit_code == 0
    [repaired] = (tmp_path / "repaired").glob("*.repaired.jsonl")
    rows = rows_of(repaired.read_bytes())
    assert len(rows) == 50_000
    assert rows[-1] == {"Frage": "Wo ist Schlüssel 49999?", "Antwort": "Beim Pförtner 49999."}
    source.write_bytes(whole[:-9])
    assert "gzip" in refused("check", source, "--encoding", "cp1252", *named)


def test_check_prints_what_each_number_of_passes_may_cost(talks: Path) -> None:
    result = run("check", talks, "--epochs", "3")
    assert result.exit_code == 0
    assert "Cost of tuning gemini-3.5-flash\n" in result.output
    assert "your choice" in result.output
    assert "recommended" in result.output
    assert "Google's price may differ." in result.output
    assert "second yes" not in result.output


def test_check_says_that_a_start_needs_a_second_yes(talks: Path) -> None:
    result = run("check", talks, "--epochs", "100000")
    assert "Tunebot asks for a second yes before it starts this. 100,000 passes" in result.output


def test_check_leaves_the_rows_that_are_held_out_out_of_the_price(talks: Path) -> None:
    def tokens(*words: str) -> int:
        found = re.search(r"About ([\d,]+) tokens in one pass", run("check", talks, *words).output)
        assert found
        return int(found[1].replace(",", ""))

    assert 0 < tokens("--hold-out", "50") < tokens()


def test_check_reads_the_operators_prices_and_limits(
    talks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "prices.toml"
    mine.write_text('as_of = 2026-12-24\n[models."my-model"]\ntraining = 1000000\n')
    monkeypatch.setenv("TUNEBOT_PRICES", str(mine))
    monkeypatch.setenv("TUNEBOT_CONFIRM_USD", "1.50")
    result = run("check", talks, "--base", "my-model", "--epochs", "1")
    assert "a table of 24 December 2026" in result.output
    assert "over $1.50" in result.output
    monkeypatch.setenv("TUNEBOT_CONFIRM_USD", "free")
    assert refused("check", talks) == "TUNEBOT_CONFIRM_USD: should be a valid decimal"


def test_a_file_that_cannot_be_tuned_on_has_no_price(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("oops\n")
    result = run("check", bad)
    assert result.exit_code == 1
    assert "Cost" not in result.output


def test_a_copy_in_a_bucket_is_fetched_before_it_is_restored() -> None:
    error = run("restore", "gs://b/copies/tunebot 1.db").exception
    assert isinstance(error, BotError)
    assert error.message == "gs://b/copies/tunebot 1.db is in a bucket."
    assert error.hint.endswith("gcloud storage cp 'gs://b/copies/tunebot 1.db' tunebot-copy.db")


def test_prices_prints_the_table_in_the_package() -> None:
    result = run("prices")
    assert result.exit_code == 0
    assert '[models."gemini-3.5-flash"]' in result.output


def test_the_report_as_json_has_what_a_script_needs_and_no_text_of_the_rows(talks: Path, tmp_path: Path) -> None:
    good = json.loads(run("check", talks, "--json", "--epochs", "2", "--base", "gemini-3.5-flash").stdout)
    assert (good["ok"], good["rows"], good["examples"]) == (True, 20, 20)
    assert Decimal(good["cost"]["highest_usd"]) > Decimal(good["cost"]["usd"]) > 0
    assert "question 0" not in json.dumps(good)
    source = tmp_path / "rows.jsonl"
    source.write_bytes(jsonl(pair("1", "2"), pair("3", "")))
    result = run("check", source, "--json")
    bad = json.loads(result.stdout)
    assert (result.exit_code, bad["ok"], "cost" in bad) == (1, False, False)
    assert [finding["lines"] for finding in bad["findings"] if finding["severity"] == "error"] == [[2]]


def test_the_systems_to_choose_from_are_those_of_the_code_and_help_shows_them() -> None:
    assert tuple(PROFILES) == BACKENDS
    assert "[vertex|gemini|palm]" in run("check", "-h").stdout
    assert run("check", "--for", "openai", __file__).exit_code == 2


def test_private_values_are_masked_where_a_person_asks(tmp_path: Path) -> None:
    source, folder = tmp_path / "talks.jsonl", tmp_path / "repaired"
    source.write_bytes(jsonl(*(pair(f"Who is ada{i % 2}@corp.org?", f"answer {i}") for i in range(4))))
    assert "Give --mask together with --repair" in run("check", source, "--mask").output
    result = run("check", source, "--repair", folder, "--mask")
    assert "Private values were replaced by placeholders in 4 rows." in result.stdout
    kept = rows_of((folder / "talks.repaired.jsonl").read_bytes())
    assert [row["text_input"] for row in kept] == [f"Who is [EMAIL_{1 + i % 2}]?" for i in range(4)]


def test_two_answers_are_learned_as_one_only_where_a_person_says_so(tmp_path: Path) -> None:
    source = tmp_path / "pairs.jsonl"
    source.write_bytes(jsonl(*({"prompt": f"{i}?", "chosen": f"yes {i}", "rejected": "no"} for i in range(4))))
    assert run("check", source).exit_code == 1
    assert run("check", source, "--preferred").exit_code == 0
    assert "has a preferred answer and another one" in refused("convert", source, "--to", "openai")
    result = run("convert", source, "--to", "prompt", "--preferred")
    assert rows_of(result.stdout_bytes)[0] == {"prompt": "0?", "completion": "yes 0"}
    assert run("convert", source, "--to", "preference").exit_code == 0
