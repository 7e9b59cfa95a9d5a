"""Checks the order of turns: one system text first, then user and model alternate, the model last.

All conversational dialects share this module; it knows roles and texts, not how a row writes them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.examples import BLANK_LINE


class ChatTurn(NamedTuple):
    """One message of a row: `role` is `system`, `user` or `model`; `place` is where it stands in the row."""

    role: str
    text: str
    place: str


def order_turns(
    turns: Sequence[ChatTurn], problems: Problems, *, lenient: bool, answered: bool = True
) -> tuple[str, list[str]]:
    """The system text and the alternating texts, user first.

    `lenient` merges turns of one role and moves system texts to the front, each with a warning, as is right for
    OpenAI's rows; otherwise both are errors. `answered` False wants the user's turn last. What is returned
    alongside an error means nothing. A system text without a word says nothing, and is no turn.
    """
    turns = [turn for turn in turns if turn.role != "system" or turn.text.strip()]
    for message in turns:
        if not message.text.strip():
            problems.add(Problem("empty-field", message.place))
    system = [m.text for m in turns if m.role == "system"]
    leading = next((i for i, m in enumerate(turns) if m.role != "system"), len(turns))
    if len(system) > leading or (len(system) > 1 and not lenient):
        problems.add(
            Problem("system-moved") if lenient else Problem("role-order", detail="a system text must come first")
        )
    roles: list[str] = []
    texts: list[list[str]] = []
    for message in turns:
        if message.role == "system":
            continue
        if roles and roles[-1] == message.role:
            problems.add(Problem("turns-merged" if lenient else "same-role-twice", value=message.role))
            texts[-1].append(message.text)
        else:
            roles.append(message.role)
            texts.append([message.text])
    for problem in _order(roles, answered):
        problems.add(problem)
    return BLANK_LINE.join(system), list(map(BLANK_LINE.join, texts))


def _order(roles: Sequence[str], answered: bool) -> list[Problem]:
    if "user" not in roles:
        return [Problem("no-user-turn")]
    found = []
    if roles[0] != "user":
        found.append(Problem("role-order", detail="the model speaks first"))
    if answered and roles[-1] != "model":
        found.append(Problem("no-answer-at-end"))
    if not answered and roles[-1] != "user":
        found.append(Problem("role-order", detail="the context of two answers must end with the user"))
    return found
