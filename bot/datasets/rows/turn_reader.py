"""Reads the turns of a row: messages, contents, prompts and answers. What is wrong is added to `problems`."""

from collections.abc import Mapping
from typing import Any

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.chat_turns import ChatTurn
from bot.datasets.rows.json_values import (
    THOUGHT_TYPES,
    NotANumber,
    describe,
    has_type,
    is_false,
    is_true,
    kind_of,
    says_nothing,
    text_of,
)
from bot.datasets.rows.other_forms import with_small_keys
from bot.datasets.rows.side_keys import CALL_KEYS, WEIGHT_KEYS, report_key
from bot.datasets.rows.turn_names import OPENAI_ROLES, ROLE_NAMES, SHAREGPT_ROLES, TEXT_NAMES, holds_turns, speaker

_PART_CALLS = frozenset(
    {
        "functionCall",
        "functionResponse",
        "function_call",
        "function_response",
        "executableCode",
        "codeExecutionResult",
        "executable_code",
        "code_execution_result",
    }
)
_PART_MEDIA = frozenset({"inlineData", "fileData", "inline_data", "file_data"})
# Names under which `parts` is looked for where it is missing.
_OTHER_PARTS = ("content", "text", "part", "message", "value")
_NEVER_LEARNED = ("user", "human", "system", "developer")
_TOOL_ROLES = frozenset(
    {"tool", "function", "function_call", "tool_call", "observation", "tool_response", "function_response"}
)


def read_turns(messages: list[Any], key: str, roles: Mapping[str, str], problems: Problems) -> list[ChatTurn]:
    """Return the turns of a list of messages, each with a role and a text; `roles` are those it may have."""
    turns: list[ChatTurn] = []
    for i, message in enumerate(messages):
        if problems.enough:
            break
        place = f"{key}[{i}]"
        if not isinstance(message, dict):
            problems.add(Problem("wrong-type", place, describe(message), detail="an object"))
            continue
        if message.keys().isdisjoint(ROLE_NAMES):
            message = with_small_keys(message)
        role_key = "role" if "role" in message else next((k for k in ROLE_NAMES if k in message), "role")
        text_key = "content" if "content" in message else next((k for k in TEXT_NAMES if k in message), "content")
        calls = report_turn_keys(message, {role_key, text_key}, problems, of=key)
        role = message.get(role_key)
        if isinstance(role, str) and role in _TOOL_ROLES:
            problems.add(Problem("tool-calls", "A row"))
            continue
        text = None if calls else _message_text(message.get(text_key), f"{place}.{text_key}", problems)
        if not isinstance(role, str):
            problems.add(missing_or_wrong(f"{place}.{role_key}", role))
        elif role not in roles:
            problems.add(Problem("wrong-role", f"{place}.{role_key}", describe(role), detail=_one_of(roles)))
        elif text is not None:
            turns.append(ChatTurn(roles[role], text, f"{place}.{text_key}"))
    return turns


def read_content_turns(row: Mapping[str, Any], problems: Problems) -> list[ChatTurn]:
    """Return the turns of a row of `contents`."""
    turns: list[ChatTurn] = []
    for i, item in enumerate(read_list(row, "contents", problems)):
        if problems.enough:
            break
        content = read_content(item, f"contents[{i}]", problems)
        if content is not None:
            turns.append(content)
    return turns


def read_content(value: Any, place: str, problems: Problems) -> ChatTurn | None:
    """Return one content, an object with a role and parts, as a turn; None where an error was added."""
    if not isinstance(value, dict):
        problems.add(missing_or_wrong(place, value, "an object with role and parts"))
        return None
    if "parts" not in value and "role" not in value:
        value = with_small_keys(value)
    if "parts" not in value and (other := next((k for k in _OTHER_PARTS if k in value), None)):
        problems.add(Problem("other-name", f"{place}.{other}", detail='`parts`: [{"text": ...}]'))
        return None
    if "role" not in value and (other := next((k for k in ROLE_NAMES if k in value), None)):
        problems.add(Problem("other-name", f"{place}.{other}", detail="`role`"))
        return None
    report_turn_keys(value, {"role", "parts"}, problems, of="contents")
    role = value.get("role", "")
    if role not in ("user", "model"):
        problems.add(
            Problem("wrong-role", f"{place}.role", describe(role), detail="user or model")
            if isinstance(role, str) and role
            else missing_or_wrong(f"{place}.role", value.get("role"))
        )
        return None
    parts = read_list(value, "parts", problems, place=f"{place}.")
    texts: list[str] = []
    for i, part in enumerate(parts):
        if problems.enough:
            break
        text = _part_text(part, f"{place}.parts[{i}]", problems)
        if text is None:
            return None
        texts.append(text)
    return ChatTurn(role, "".join(texts), f"{place}.parts") if parts else None


def read_prompt(value: Any, key: str, problems: Problems) -> list[ChatTurn]:
    """Return the turns of a prompt, which is a list of messages or one text of the user."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        if all("role" in item for item in value):
            return read_turns(value, key, OPENAI_ROLES, problems)
        if holds_turns(value):
            return read_turns(value, key, SHAREGPT_ROLES, problems)
    text = text_of(value)
    if text is None:
        problems.add(missing_or_wrong(key, value))
        return []
    return [ChatTurn("user", text, key)]


def read_answer(value: Any, key: str, problems: Problems) -> str:
    """Return the text of an answer, which is a text or one turn; empty where an error was added."""
    if isinstance(value, list) and len(value) == 1:
        [value] = value
    if isinstance(value, dict) and not value.keys().isdisjoint(ROLE_NAMES):
        role = speaker(value)
        if SHAREGPT_ROLES.get(role, "model") != "model":
            problems.add(Problem("wrong-role", f"{key}.role", describe(role), detail="assistant"))
        report_turn_keys(value, {*ROLE_NAMES, "content", "value"}, problems, of=key)
        value = value.get("content", value.get("value"))
    text = text_of(value)
    if text is None:
        problems.add(missing_or_wrong(key, value))
    elif not text.strip():
        problems.add(Problem("empty-field", key))
    return text or ""


def _part_text(part: Any, place: str, problems: Problems) -> str | None:
    """Return the text of a part, empty for a thought, or None where an error was added."""
    if not isinstance(part, dict):
        problems.add(Problem("wrong-type", place, describe(part), detail='an object: {"text": ...}'))
        return None
    part = {key: value for key, value in part.items() if not says_nothing(value) or key == "text"}
    if is_true(part.get("thought")):
        # Text and flag go together: the text of a thought is not the answer.
        problems.add(Problem("thoughts-left-out", "parts.thought"))
        return ""
    if part.keys() & _PART_CALLS:
        problems.add(Problem("tool-calls", "A row"))
        return None
    if media := part.keys() & _PART_MEDIA:
        problems.add(Problem("not-text", "A row", f"a picture or file ({min(media)})"))
        return None
    if is_false(part.get("thought")):
        part.pop("thought", None)
    kind = part.get("type")
    text = text_of(part) if kind is not None else part.get("text")
    report_turn_keys(part, {"text", "type", "value"}, problems, of="parts")
    if isinstance(text, str):
        return text
    problems.add(missing_or_wrong(f"{place}.text", part.get("text")))
    return None


def _message_text(content: Any, place: str, problems: Problems) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        answer = [part for part in content if not (has_type(part, THOUGHT_TYPES) or _is_reasoning(part))]
        if len(answer) < len(content):
            problems.add(Problem("thoughts-left-out", "content.thinking"))
        for part in answer:
            if text_of(part) is None:
                kind = part.get("type") if isinstance(part, dict) else None
                problems.add(Problem("not-text", "A row", _part_kind(kind, part)))
                return None
        return text_of(answer) if answer else ""
    text = text_of(content)
    if text is None:
        problems.add(missing_or_wrong(place, content))
    return text


def _is_reasoning(part: Any) -> bool:
    """Return whether a block holds what a model of Bedrock's thought."""
    return isinstance(part, dict) and "reasoningContent" in part


def _part_kind(kind: object, part: object) -> str:
    """Return the type of a message's part."""
    return describe(kind) if isinstance(kind, str) and kind != "text" else kind_of(part)


def report_turn_keys(turn: Mapping[str, Any], used: set[str], problems: Problems, *, of: str) -> bool:
    """Report keys of a turn or part that do not become part of the example; return whether any calls tools."""
    before = problems.refused
    for key, value in turn.items():
        if key in used or says_nothing(value):
            continue
        if key in WEIGHT_KEYS and turn.get("role", turn.get("from")) in _NEVER_LEARNED:
            continue  # Google learns the model's turns only.
        if not report_key(key, value, problems):
            problems.add(Problem("keys-left-out", f"{of}.{key}"))
    called = any(key in CALL_KEYS and not says_nothing(value) for key, value in turn.items())
    return called or (problems.refused and not before)


def read_list(row: Mapping[str, Any], key: str, problems: Problems, *, place: str = "") -> list[Any]:
    """Return the list under a key; an empty or missing list is an error. `place` is where the row stands."""
    value = row.get(key)
    if isinstance(value, list):
        if not value:
            problems.add(Problem("empty-field", f"{place}{key}"))
        return value
    problems.add(missing_or_wrong(f"{place}{key}", value, "a list"))
    return []


def missing_or_wrong(place: str, value: Any, wanted: str = "text") -> Problem:
    """Return the problem of a value that is not what is wanted there."""
    if value is None:
        return Problem("missing-field", place)
    if isinstance(value, NotANumber):
        return Problem("not-a-number", place, value.name)
    return Problem("wrong-type", place, describe(value), detail=wanted)


def _one_of(roles: Mapping[str, str]) -> str:
    names = (
        ["system", "human", "gpt"]
        if "gpt" in roles
        else [name for name in roles if name not in ("developer", "chatbot")][:4]
    )
    return f"{', '.join(names[:-1])} or {names[-1]}"
