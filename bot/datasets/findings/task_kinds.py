"""Guesses what a file teaches, and holds what Google recommends for it.

Source: the table "Recommended configurations" of Google's tuning guide,
https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-text-models-supervised (as of 2024).
"""

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """The tasks in Google's table of recommended sizes."""

    CLASSIFICATION = "classification"
    SUMMARIZATION = "summarization"
    QUESTIONS = "question answering"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The fewest examples recommended for a task, and a range of epochs to try."""

    examples: int
    epochs: tuple[int, int] = (2, 4)


RECOMMENDED: dict[Task, Recommendation] = {
    Task.CLASSIFICATION: Recommendation(500),
    Task.SUMMARIZATION: Recommendation(1000),
    Task.QUESTIONS: Recommendation(500),
    Task.CHAT: Recommendation(1000),
}

# A label is short and comes often; a summary is much shorter than a long text.
_LONGEST_LABEL = 60
_EXAMPLES_A_LABEL = 5
_SHORTEST_TEXT = 1_000
_SUMMARY_SHARE = 0.3


def guess_task(
    *, many_turns_share: float, distinct_share: float, longest_output: int, mean_input: float, mean_output: float
) -> Task:
    """Return the task that the shape of the examples suggests. Shares are of the good examples."""
    if many_turns_share > 0.5:
        return Task.CHAT
    if longest_output <= _LONGEST_LABEL and distinct_share * _EXAMPLES_A_LABEL <= 1:
        return Task.CLASSIFICATION
    if mean_input >= _SHORTEST_TEXT and mean_output <= mean_input * _SUMMARY_SHARE:
        return Task.SUMMARIZATION
    return Task.QUESTIONS
