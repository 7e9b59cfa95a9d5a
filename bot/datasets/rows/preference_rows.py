"""Reads the rows of preference tuning: what is asked, the answer to learn and the answer to avoid.

Each function returns the example, or None where it added an error to `problems`.
"""

import re
from collections.abc import Mapping
from typing import Any

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.chat_turns import order_turns
from bot.datasets.rows.examples import BLANK_LINE, Example
from bot.datasets.rows.json_values import describe, says_nothing
from bot.datasets.rows.side_keys import read_side_keys, report_key
from bot.datasets.rows.turn_names import CONVERSATION_KEYS
from bot.datasets.rows.turn_reader import (
    missing_or_wrong,
    read_answer,
    read_content,
    read_content_turns,
    read_list,
    read_prompt,
)

# How texts of Anthropic's HH-RLHF mark their turns.
_MARK_OF_TURN = re.compile(r"(?:\A|\n\n)(Human|Assistant):[ \n]?")
DIALOGUE_START = "Human:"
# The keys of what is answered, in a preference row. Sources: TRL, LLaMA-Factory, and Intel's orca_dpo_pairs.
_PROMPT_KEYS = ("prompt", "question", "instruction", *CONVERSATION_KEYS)


def read_preference(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of `contents` that end with the user's turn, and two scored `completions`."""
    turns = read_side_keys(row, {"contents", "completions"}, problems) + read_content_turns(row, problems)
    answers: dict[float, str] = {}
    completions = read_list(row, "completions", problems)
    for i, completion in enumerate(completions):
        if problems.enough:
            break
        place = f"completions[{i}]"
        if not isinstance(completion, dict):
            problems.add(Problem("wrong-type", place, describe(completion), detail="an object"))
            continue
        for key, value in completion.items():
            if key in ("score", "completion") or says_nothing(value) or report_key(key, value, problems):
                continue
            problems.add(Problem("keys-left-out", f"completions.{key}"))
        score = completion.get("score")
        if isinstance(score, bool) or not isinstance(score, int | float):
            problems.add(missing_or_wrong(f"{place}.score", score, "0 or 1"))
            continue
        content = read_content(completion.get("completion"), f"{place}.completion", problems)
        if content is not None:
            if content.role != "model":
                problems.add(Problem("wrong-role", f"{place}.completion.role", content.role, detail="model"))
            if not content.text.strip():
                problems.add(Problem("empty-field", content.place))
            answers[score] = content.text
    if not problems.refused and len(completions) != 2:
        problems.add(Problem("completions", detail=f"there are {len(completions)}"))
    elif not problems.refused and answers.keys() != {0, 1}:
        problems.add(Problem("completions", detail="the scores are others"))
    system, texts = order_turns(turns, problems, lenient=False, answered=False) if turns else ("", [])
    if problems.refused:
        return None
    return Example(system, (*texts, answers[1]), answers[0])


def read_chosen(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a preference row of TRL (`prompt`, `chosen`, `rejected`) or OpenAI (`input`, `preferred_output`, ...).

    Sources: https://huggingface.co/docs/trl/dataset_formats,
    https://platform.openai.com/docs/guides/direct-preference-optimization
    """
    beside = ""
    if "preferred_output" in row and not ("chosen" in row and "rejected" in row):
        prompt_key, chosen_key, rejected_key = "input", "preferred_output", "non_preferred_output"
        prompt = row.get("input")
        prompt = prompt.get("messages") if isinstance(prompt, dict) else prompt
    else:
        chosen_key, rejected_key = "chosen", "rejected"
        prompt_key = next((key for key in _PROMPT_KEYS if key in row), "prompt")
        prompt = row.get(prompt_key)
        extra = row.get("input") if prompt_key == "instruction" else None
        if isinstance(prompt, str) and isinstance(extra, str):
            beside, prompt = "input", BLANK_LINE.join(filter(None, (prompt, extra)))
    used = {prompt_key, chosen_key, rejected_key, *filter(None, (beside,))}
    turns = read_side_keys(row, used, problems)
    chosen, rejected = row.get(chosen_key), row.get(rejected_key)
    dialogue = _dialogue(chosen)
    if isinstance(dialogue, list) and _holds(dialogue, prompt):
        chosen, rejected = dialogue, _dialogue(rejected)
    if isinstance(chosen, list) and isinstance(rejected, list) and len(chosen) > 1 and _holds(chosen, prompt):
        # TRL's implicit prompt: both answers repeat the conversation before them, also where `prompt` is its text.
        if chosen[:-1] != rejected[:-1]:
            wanted = f"a list that begins like {chosen_key}"
            problems.add(Problem("wrong-type", rejected_key, "another conversation", detail=wanted))
        prompt, chosen, rejected = chosen[:-1], chosen[-1:], rejected[-1:]
    turns += read_prompt(prompt, prompt_key, problems)
    answers = [
        read_answer(value, key, problems) for key, value in ((chosen_key, chosen), (rejected_key, rejected))
    ]
    if problems.refused or not turns:
        return None
    system, texts = order_turns(turns, problems, lenient=True, answered=False)
    return None if problems.refused else Example(system, (*texts, answers[0]), answers[1])


def _dialogue(value: Any) -> Any:
    """Return a text of Anthropic's HH-RLHF as turns, any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(DIALOGUE_START):
        return value
    _, *pieces = _MARK_OF_TURN.split(value.strip())
    roles = {"Human": "user", "Assistant": "assistant"}
    return [
        {"role": roles[name], "content": text.strip()}
        for name, text in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def _holds(turns: list[Any], prompt: Any) -> bool:
    """Return whether there is no prompt beside the turns, or only the text of one of them."""
    asked = _stripped(prompt)
    said = (_stripped(turn.get("content")) for turn in turns[:-1] if isinstance(turn, dict))
    return prompt is None or any(text == asked for text in said)


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
