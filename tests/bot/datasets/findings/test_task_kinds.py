"""Which task is guessed from the shape of the examples."""

from typing import Any

import pytest

from bot.datasets.findings.task_kinds import Task
from tests.support.dataset_builders import chat, check_bytes, jsonl, pair


@pytest.mark.parametrize(
    ("rows", "task"),
    [
        ([pair(f"{i} text", "yes" if i % 2 else "no") for i in range(100)], Task.CLASSIFICATION),
        ([pair("word " * 400 + str(i), f"about {i} words") for i in range(20)], Task.SUMMARIZATION),
        ([chat("user: a", "assistant: b", f"user: {i}", "assistant: d") for i in range(20)], Task.CHAT),
        ([pair(f"how many {i}", f"exactly {i}") for i in range(20)], Task.QUESTIONS),
    ],
    ids=[task.value for task in (Task.CLASSIFICATION, Task.SUMMARIZATION, Task.CHAT, Task.QUESTIONS)],
)
def test_task_is_guessed_and_its_epochs_recommended(rows: list[dict[str, Any]], task: Task) -> None:
    report = check_bytes(jsonl(*rows))
    assert report.task is task
    assert report.recommended_epochs == (2, 4)
