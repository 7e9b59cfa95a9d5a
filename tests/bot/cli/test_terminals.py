"""The command works on terminals of every encoding, and says in a sentence what a machine refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.dataset_builders import jsonl, pair

ROWS = jsonl(*(pair(f"Was kostet {n} €?", f"“{n}” ₤") for n in range(20)))
STRANGE_NAME = os.fsdecode(b"caf\xe9-\xf0\x9f\x98\x80.jsonl")  # the first byte is none of UTF-8


def tunebot(*words: str, folder: Path, to: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own; `to` names a file that its standard output goes to."""
    command = [sys.executable, "-m", "bot", *words]
    variables = {"PATH": os.environ["PATH"], **environment}
    if not to:
        return subprocess.run(command, cwd=folder, env=variables, capture_output=True)
    with open(to, "wb") as output:
        return subprocess.run(command, cwd=folder, env=variables, stdout=output, stderr=subprocess.PIPE)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_report_is_printed_on_a_terminal_of_any_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / STRANGE_NAME).write_bytes(ROWS)

    done = tunebot("check", STRANGE_NAME, folder=tmp_path, PYTHONIOENCODING=encoding)

    assert (done.returncode, done.stderr.count(b"Traceback")) == (0, 0), done.stderr
    assert b"Rows       20, of which 20 can be tuned on" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_utf_8_wherever_it_is_printed(tmp_path: Path, encoding: str) -> None:
    (tmp_path / STRANGE_NAME).write_bytes(ROWS)

    done = tunebot("check", STRANGE_NAME, "--json", folder=tmp_path, PYTHONIOENCODING=encoding)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "caf�-😀.jsonl"


@pytest.mark.parametrize(
    "command", ["prices", "settings", "doctor", "check rows.jsonl", "convert rows.jsonl --to vertex"]
)
def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, command: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "rows.jsonl").write_bytes(ROWS)

    done = tunebot(*command.split(), folder=tmp_path, to="/dev/full")

    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "This machine refused it: No space left on device."
    assert b"Traceback" not in done.stderr


def test_a_folder_that_is_gone_is_told_in_a_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'rmdir ../gone; exec "$@"'

    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-P", "-m", "bot", "doctor"],
        cwd=gone,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
    )

    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "The folder in which this command was typed does not exist any more.",
        "Change into a folder that exists, and type it again.",
    ]


@pytest.mark.parametrize(
    "command", ["settings", "prices", "manifest", "check rows.jsonl", "convert rows.jsonl --to vertex"]
)
def test_a_reader_that_ends_early_ends_the_command_without_a_word(tmp_path: Path, command: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(ROWS * 500)
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *command.split()],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            stdout=write,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(write)

    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert b"refused" not in done.stderr


@pytest.mark.parametrize(
    "words", [("ask", "caf\udce9?"), ("start", "rows.jsonl", "name=caf\udce9"), ("status", "caf\udce9")]
)
def test_words_that_are_no_text_are_refused_before_they_are_sent(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "rows.jsonl").write_bytes(ROWS)

    done = tunebot(*words, "--as", "U1", "--channel", "C1", folder=tmp_path)

    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[
        0
    ] == "What was typed holds bytes that are not UTF-8: caf\ufffd?.".replace(
        "caf\ufffd?", {"ask": "caf\ufffd?", "start": "name=caf\ufffd", "status": "caf\ufffd"}[words[0]]
    )
