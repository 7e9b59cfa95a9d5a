"""The process that reads files: it ends with the bot, and shows nothing of a file in its log."""

import subprocess
import sys
from pathlib import Path

from bot.datasets.worker_tasks import (
    END,
    PIECE,
    RESULT,
    TASK,
    CheckTask,
    RepairTask,
    decode_check,
    decode_failure,
    encode,
    failure_of,
)
from bot.domain.backend_profile import DatasetLimits
from bot.errors import BotError, FileTooLarge, Outdated, TooMuchWork, UserError
from tests.support.dataset_builders import jsonl, pair

CHECK = TASK + encode(CheckTask("rows.jsonl", DatasetLimits(), fingerprints=True))


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


def answers_of(output: bytes) -> list[bytes]:
    found: list[bytes] = []
    while output:
        end = 4 + int.from_bytes(output[:4], "big")
        found.append(output[4:end])
        output = output[end:]
    return found


def run(*messages: bytes) -> tuple[int, list[bytes], str]:
    """The exit code, the answers and the log of a process that gets these messages and then no more."""
    done = subprocess.run(
        [sys.executable, "-m", "bot.datasets.worker"], input=framed(*messages), capture_output=True, check=False
    )
    return done.returncode, answers_of(done.stdout), done.stderr.decode()


def test_a_process_ends_when_the_bot_has_ended() -> None:
    assert run() == (0, [], "")


def test_a_process_ends_when_the_bot_ends_within_a_file() -> None:
    code, _, log = run(CHECK, PIECE + jsonl(pair("1", "2")))
    assert (code, log) == (0, "")


def test_one_process_reads_one_file_after_another() -> None:
    data = jsonl(pair("1", "2"), pair("3", "4"))
    code, answers, log = run(CHECK, PIECE + data, END, CHECK, PIECE + data[: len(data) // 2], END)
    assert (code, log) == (0, "")
    results = [decode_check(answer[1:]).report for answer in answers if answer.startswith(RESULT)]
    assert [result.rows for result in results] == [2, 1]
    assert results[0].fingerprints is not None
    assert len(results[0].fingerprints) == 2


def test_a_process_that_fails_shows_nothing_of_the_file() -> None:
    code, _, log = run(CHECK, PIECE + jsonl(pair("1", "2")), END, TASK + b"\xa5Ada's private words")
    assert code == 1
    assert "failed with" in log
    assert "worker.py" in log
    assert "private" not in log


def test_a_repair_never_writes_over_a_file_that_exists(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"ours")
    task = RepairTask("rows.jsonl", DatasetLimits(), str(kept), str(tmp_path / "rejected.jsonl"))
    code, answers, _ = run(TASK + encode(task), PIECE + jsonl(pair("1", "2")), END)
    assert code == 1
    assert not answers
    assert kept.read_bytes() == b"ours"


def test_an_error_keeps_its_class_and_both_texts_between_the_processes() -> None:
    for error in (Outdated("a", "b"), UserError("a", "b"), FileTooLarge("a", "b"), TooMuchWork("a", "b")):
        again = decode_failure(encode(failure_of(error))).error()
        assert (type(again), again.message, again.hint) == (type(error), "a", "b")
    assert type(failure_of(BotError("a")).error()) is TooMuchWork
