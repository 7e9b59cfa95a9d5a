"""Finds the answer that stands beside its question, as batches, stored completions and logs of calls write it.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini,
https://platform.openai.com/docs/api-reference/chat/list, and the exports of Helicone, LiteLLM, Portkey,
PromptLayer and Weave.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.other_forms import is_item, messages_of_items

# Keys beside the request that hold the response, and those of the response that hold answers.
RESPONSE_KEYS = frozenset({"response", "output", "outputs", "request_response", "completion", "choices"})
_HOLD_ANSWERS = RESPONSE_KEYS | {"candidates"}
# How OpenAI and Google name an answer that is not complete.
EARLY_ENDS = frozenset(
    {"length", "content_filter", "max_tokens", "safety", "recitation", "blocklist", "prohibited_content", "spii"}
    | {"other", "language", "malformed_function_call", "incomplete", "failed", "cancelled"}
)
_ANSWERING = ("assistant", "model", "ai")
_ANSWERS = (("contents", "candidates", "content", "model"), ("messages", "choices", "message", "assistant"))


def with_answer(
    whole: Mapping[str, Any], row: Mapping[str, Any], problems: Problems | None = None
) -> Mapping[str, Any] | None:
    """Return a row with the answer that stands beside it in `whole`, or None where there is none.

    `whole` is the row itself, or what is around it. An answer that ended early is added to `problems`.
    """
    if whole.keys().isdisjoint(_HOLD_ANSWERS):
        return None
    for held in _responses(whole):
        if (answered := _answered(row, held)) is not None:
            if problems is not None and (ended := _ended_early(held)):
                problems.add(Problem("answer-ended-early", value=ended))
            return {key: value for key, value in answered.items() if whole is not row or key not in RESPONSE_KEYS}
    return None


def _ended_early(response: Mapping[str, Any]) -> str:
    """Return why the first answer of a response ended before it was complete, or an empty text."""
    said = response.get("choices") or response.get("candidates") or [response]
    first = said[0] if isinstance(said, list) and said and isinstance(said[0], dict) else {}
    reason = first.get("finish_reason", first.get("finishReason", first.get("status")))
    return reason if isinstance(reason, str) and reason.lower() in EARLY_ENDS else ""


def _responses(whole: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for held in (whole, *(whole[key] for key in whole if key in RESPONSE_KEYS)):
        if not isinstance(held, dict):
            continue
        if held is not whole and isinstance(body := held.get("body"), dict):
            yield body
        yield held


def _answered(row: Mapping[str, Any], response: Mapping[str, Any]) -> Mapping[str, Any] | None:
    output, asked = response.get("output"), row.get("messages")
    if (
        isinstance(asked, list)
        and asked
        and not _is_answer(asked[-1])
        and isinstance(output, list)
        and output
        and all(map(is_item, output))
    ):
        problems: list[Problem] = []
        added = messages_of_items(output, problems, "output", {})
        # Google has no part for what OpenAI itself searched or ran, so a row with that is not an example.
        if added and "hosted-tool" not in {problem.rule for problem in problems}:
            return {**row, "messages": [*asked, *added]}
        return None
    for key, answers, inner, role in _ANSWERS:
        turns, said = row.get(key), response.get(answers)
        if not isinstance(turns, list) or not turns or not isinstance(said, list) or not said:
            continue
        answer, last = said[0].get(inner) if isinstance(said[0], dict) else None, turns[-1]
        if isinstance(answer, dict) and isinstance(last, dict) and not _is_answer(last):
            return {**row, key: [*turns, {"role": role, **answer}]}
    return None


def _is_answer(turn: Any) -> bool:
    """Return whether a turn is an answer already: what stands beside it is the same once more, or another one."""
    return isinstance(turn, dict) and turn.get("role", turn.get("type")) in _ANSWERING
