"""Writes rows that other programs name differently in a form that the readers know.

These are the items of OpenAI's Responses API, two answers under other names, and the keys of conversations in
capitals. Sources: https://platform.openai.com/docs/api-reference/responses/object; the data cards of PKU-SafeRLHF
(`better_response_id`), SHP (`human_ref_A`, `labels`), stack-exchange-paired (`response_j`) and LMSYS's arena
(`winner`).
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from bot.datasets.findings.collector import Problem
from bot.datasets.rows.column_mapping import holds_known_pair
from bot.datasets.rows.examples import PAIRS
from bot.datasets.rows.json_values import describe, says_nothing, text_of
from bot.datasets.rows.query_rows import messages_of_query

# Keys whose row is read as it stands.
_KNOWN = frozenset({"messages", "contents", "conversations", "conversation", "preferred_output"})
_WHOLE = ({"chosen", "rejected"}, {"instruction", "output"}, *map(set, PAIRS.values()))
# Names of the answer that is preferred and of the other one.
_PREFERRED = (
    ("chosen_response", "rejected_response"),
    ("chosen_answer", "rejected_answer"),
    ("response_chosen", "response_rejected"),
    ("preferred_response", "rejected_response"),
    ("y_w", "y_l"),
    ("response_j", "response_k"),
)
# Names that say so only where the row has no other answer: beside one they may be counts or remarks.
_MAYBE_PREFERRED = (
    ("preferred", "rejected"),
    ("preferred", "dispreferred"),
    ("accepted", "rejected"),
    ("winner", "loser"),
    ("win", "lose"),
    ("better", "worse"),
)
# Names of two answers of which another key says which one is preferred.
_COMPARED = (
    ("response_0", "response_1"),
    ("response_1", "response_2"),
    ("response1", "response2"),
    ("response_a", "response_b"),
    ("response_A", "response_B"),
    ("answer_0", "answer_1"),
    ("answer_1", "answer_2"),
    ("answer_a", "answer_b"),
    ("completion_a", "completion_b"),
    ("output_1", "output_2"),
    ("human_ref_A", "human_ref_B"),
)
_WHICH = (
    "better_response_id",
    "better_response",
    "preferred_response",
    "preferred",
    "preference",
    "winner",
    "choice",
    "chosen",
    "label",
    "labels",
)
# SHP writes 1 where the first answer is preferred, and 0 where the second one is.
_OF_SHP = {1: "a", 0: "b"}
_ASKED = ("prompt", "question", "instruction", "query", "input", "x", "history")
_TURNS = ("messages", "conversations", "conversation", "contents", "chosen", "rejected")
_SMALL = frozenset(
    {*_TURNS, "role", "content", "from", "value", "parts", "text", "prompt", "question", "instruction", "system"}
)
_CAPITALS = frozenset(way(name) for name in _TURNS for way in (str.capitalize, str.upper))
_ANSWERS = frozenset().union(*_PREFERRED, *_MAYBE_PREFERRED, *_COMPARED)
# How a key says which of two answers is meant: by its last word, alone or after one of these.
_SAID = re.compile(
    r"(?:(?:model|response|answer|completion|output|assistant|option|choice|chatbot|candidate|human_ref)[_ -]?)?"
    r"([a-z0-9])"
)
# A row without any of these keys is in no other form.
HINTS = _ANSWERS | {"input", "items", "answers"} | _CAPITALS
# The fields of a response, or of its request, that are no part of the conversation.
_SETTINGS = frozenset(
    {
        *("id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "model", "usage"),
        *("max_output_tokens", "max_tool_calls", "parallel_tool_calls", "reasoning", "store", "temperature"),
        *("text", "tool_choice", "top_p", "top_logprobs", "truncation", "user", "metadata", "service_tier"),
        *("background", "billing", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "include"),
        *("output_text", "verbosity", "frequency_penalty", "presence_penalty", "stream", "conversation"),
    }
)
_OF_REQUESTS = _SETTINGS | {"input", "instructions", "tools", "previous_response_id"}
# Source: `messages_to_dict` of langchain_core.
_LANGCHAIN_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_PLACES_OF_QUERY = {
    "messages[0].content": "query",
    "messages[1].content": "answers",
    "messages[1].tool_calls": "answers",
    "messages[1]": "answers",
}
_OF_MESSAGES = frozenset({"type", "id", "status", "phase"})


class KnownForm(NamedTuple):
    """A row as a reader knows it, what was found on the way, and how the file names what the row names."""

    row: dict[str, Any]
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, str] = {}

    def place_of(self, field: str) -> str:
        """Return what the file calls a field of the row."""
        begins = [name for name in self.places if name == field or field.startswith((f"{name}.", f"{name}["))]
        longest = max(begins, key=len, default="")
        return self.places.get(longest, "") + field[len(longest) :]


def of_langchain(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose messages are LangChain's, which have a `type` and no role, as OpenAI writes it."""
    messages = row.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    if not isinstance(first, dict) or "role" in first or not _langchain_role(first):
        return row
    return {
        **row,
        "messages": [_langchain_message(each) if isinstance(each, dict) else each for each in messages or ()],
    }


def _langchain_role(message: Mapping[str, Any]) -> str:
    kind = message.get("type")
    return _LANGCHAIN_ROLES.get(kind, "") if isinstance(kind, str) else ""


def _langchain_message(message: dict[str, Any]) -> dict[str, Any]:
    role = _langchain_role(message)
    if not role:
        return message
    held = message.get("data")
    inner = held if isinstance(held, dict) else message
    made = {"role": role, **{key: value for key, value in inner.items() if key not in ("type", "example", "id")}}
    if isinstance(calls := made.get("tool_calls"), list):
        made["tool_calls"] = [
            {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": call.get("args")}}
            if isinstance(call, dict) and "args" in call
            else call
            for call in calls
        ]
    return made


def in_known_form(row: Mapping[str, Any]) -> KnownForm | None:
    """Return a row of another form in one that the readers know, or None where it is no such row."""
    keys = row.keys()
    if keys.isdisjoint(HINTS) or not keys.isdisjoint(_KNOWN) or any(keys >= pair for pair in _WHOLE):
        return None
    return _response(row) or _two_answers(row) or _in_small_letters(row) or _query(row)


def is_item(value: Any) -> bool:
    """Return whether a value is an item of the Responses API: a message, a call, its answer, or a thought."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type", "message")
    if kind == "message":
        return "content" in value and "role" in value
    return isinstance(kind, str) and (kind in _STEPS or "_call" in kind)


_STEPS = frozenset({"function_call", "function_call_output", "reasoning", "item_reference"})


def messages_of_items(items: list[Any], problems: list[Problem], name: str, places: dict[str, str]) -> list[Any]:
    """Return items of the Responses API as messages, and add to `places` which item each of them is."""
    messages: list[dict[str, Any]] = []
    thought = False
    for i, item in enumerate(items):
        place, kind, before = f"{name}[{i}]", item.get("type", "message"), messages[-1] if messages else {}
        if kind == "reasoning":
            thought = thought or not (says_nothing(item.get("summary")) and says_nothing(item.get("content")))
            continue
        if kind == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            call = {"id": item.get("call_id"), "function": function}
            if before.get("role") == "assistant":
                before.setdefault("tool_calls", []).append(call)
                continue
            message: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [call]}
        elif kind == "function_call_output":
            message = {"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")}
        elif kind == "message":
            message = {key: value for key, value in item.items() if key not in _OF_MESSAGES}
        else:
            problems.append(Problem("hosted-tool", place, kind))
            continue
        places[f"messages[{len(places)}]"] = place
        messages.append(message)
    if thought:
        problems.append(Problem("thoughts-left-out", "reasoning"))
    return messages


def _response(row: Mapping[str, Any]) -> KnownForm | None:
    """Return a row of `input` and `output`, or of `items`, as messages."""
    asked, said, items = row.get("input"), row.get("output"), row.get("items")
    if isinstance(items, list):
        lists: dict[str, Any] = {"items": items}
    elif isinstance(said, list) or ("model" in row and row.keys() <= _OF_REQUESTS):
        first = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        lists = {"input": first, "output": said or []}
    else:
        return None
    if not all(isinstance(held, list) and all(map(is_item, held)) for held in lists.values()):
        return None
    if not any(lists.values()):
        return None
    problems: list[Problem] = []
    places: dict[str, str] = {}
    messages = [m for name, held in lists.items() for m in messages_of_items(held, problems, name, places)]
    if not says_nothing(earlier := row.get("previous_response_id")):
        problems.append(Problem("history-not-read", "previous_response_id", describe(earlier)))
    if row.get("status") in ("incomplete", "failed", "cancelled"):
        problems.append(Problem("answer-ended-early", value=str(row["status"])))
    left_out = sorted(key for key, value in row.items() if key in _SETTINGS and not says_nothing(value))
    if left_out:
        problems.append(Problem("keys-left-out", ", ".join(left_out)))
    made = {
        key: value
        for key, value in row.items()
        if key not in lists.keys() | _SETTINGS | {"previous_response_id", "tools"}
    }
    made["messages"] = messages
    if isinstance(tools := row.get("tools"), list):
        made["tools"] = [
            {"function": tool}
            if isinstance(tool, dict) and tool.get("type") == "function" and "name" in tool
            else tool
            for tool in tools
        ]
    return KnownForm(made, tuple(problems), {**places, "messages": "items"})


def _query(row: Mapping[str, Any]) -> KnownForm | None:
    made = messages_of_query(row)
    return KnownForm(made, places=_PLACES_OF_QUERY) if made else None


def _two_answers(row: Mapping[str, Any]) -> KnownForm | None:
    """Return a row of two answers under other names as `prompt`, `chosen` and `rejected`."""
    if len(row.keys() & _ANSWERS) < 2:
        return None
    asked = next((key for key in _ASKED if key in row), "")
    for better, worse in _PREFERRED:
        if _is_answer(row.get(better)) and _is_answer(row.get(worse)):
            return _as_chosen(row, asked, better, worse)
    if holds_known_pair({key: value for key, value in row.items() if key not in _ANSWERS and key not in _WHICH}):
        return None
    for better, worse in _MAYBE_PREFERRED:
        if _is_answer(row.get(better)) and _is_answer(row.get(worse)):
            return _as_chosen(row, asked, better, worse)
    for one, other in _COMPARED if asked else ():
        if not (_is_answer(row.get(one)) and _is_answer(row.get(other))):
            continue
        which = next((key for key in _WHICH if key in row), "")
        if not which:
            found = Problem("not-compared", value=f"{one} and {other}")
            return _as_chosen(row, asked, one, other, found)
        said = _said(row[which], of_shp=one == "human_ref_A")
        if said not in (names := [one[-1].lower(), other[-1].lower()]):
            found = Problem("neither-preferred", which, describe(row[which]), detail=f"{one} nor {other}")
            return _as_chosen(row, asked, one, other, found, which)
        better, worse = (one, other) if said == names[0] else (other, one)
        return _as_chosen(row, asked, better, worse, None, which)
    return None


def _said(value: Any, *, of_shp: bool) -> str:
    """Return what tells the answer that a value names from the other one, or an empty text."""
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    if of_shp and isinstance(value, int):
        return _OF_SHP.get(value, "")
    found = _SAID.fullmatch(str(value).strip().lower()) if isinstance(value, int | str) else None
    return found.group(1) if found is not None else ""


def _is_answer(value: Any) -> bool:
    return isinstance(value, list | dict) or (text_of(value) is not None)


def _as_chosen(
    row: Mapping[str, Any], asked: str, better: str, worse: str, found: Problem | None = None, which: str = ""
) -> KnownForm:
    used = {asked, better, worse, which}
    made = {key: value for key, value in row.items() if key not in used}
    made |= {"chosen": row[better], "rejected": row[worse]} | ({"prompt": row[asked]} if asked else {})
    places = {"chosen": better, "rejected": worse, "prompt": asked}
    return KnownForm(made, (found,) if found else (), places)


def _in_small_letters(row: Mapping[str, Any]) -> KnownForm | None:
    """Return a row whose conversation stands under a key in capitals with the keys in small letters."""
    if row.keys().isdisjoint(_CAPITALS):
        return None
    made = with_small_keys(row)
    # A list of turns belongs to a name; texts may have these names in any table.
    held = [made.get(name) for name in _TURNS]
    return KnownForm(made) if any(isinstance(value, list) for value in held) or "rejected" in made else None


def with_small_keys(value: Any) -> Any:
    """Return an object with the keys of conversations in small letters, also in its turns and parts."""
    if isinstance(value, list):
        return [with_small_keys(item) if isinstance(item, dict) else item for item in value]
    if not isinstance(value, dict):
        return value
    small = {key: key.lower() if key.lower() in _SMALL and key.lower() not in value else key for key in value}
    return {
        small[key]: with_small_keys(inner) if small[key] in ("parts", *_TURNS) else inner
        for key, inner in value.items()
    }
