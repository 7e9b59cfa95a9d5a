"""Reads the rows that hold conversations: messages, contents, and preference pairs.

Each function returns the example, or None where it added an error to `problems`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.chat_turns import ChatTurn, order_turns
from bot.datasets.rows.examples import Example
from bot.datasets.rows.json_values import describe, kind_of
from bot.domain.datasets import Dialect

_CALLS = frozenset(
    {"tools", "functions", "tool_calls", "function_call", "tool_call_id", "toolConfig", "tool_config"}
)
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
_SYSTEM_KEYS = ("systemInstruction", "system_instruction")
_OPENAI_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "model"}
_MESSAGES_ROLES = {"system": "system", "user": "user", "model": "model"}


def read_messages(row: Mapping[str, Any], dialect: Dialect, problems: Problems) -> Example | None:
    """Read a row of `messages`, as OpenAI or gemini-1.0-pro-002 on Vertex AI write them."""
    known = _OPENAI_ROLES if dialect is Dialect.OPENAI else _MESSAGES_ROLES
    _report_unused_keys(row, {"messages"}, problems)
    messages = _list(row, "messages", problems)
    turns: list[ChatTurn] = []
    for i, message in _each(messages, problems):
        place = f"messages[{i}]"
        if not isinstance(message, dict):
            problems.add(Problem("wrong-type", place, describe(message), detail="an object"))
            continue
        calls = bool(_report_unused_keys(message, {"role", "content"}, problems, of="messages"))
        role = message.get("role")
        if role in ("tool", "function"):
            problems.add(Problem("tool-calls", "A row"))
            continue
        text = None if calls else _message_text(message, place, problems)
        if not isinstance(role, str):
            problems.add(_missing_or_wrong(f"{place}.role", role))
        elif role not in known:
            problems.add(Problem("wrong-role", f"{place}.role", describe(role), detail=_one_of(known)))
        elif text is not None:
            turns.append(ChatTurn(known[role], text, f"{place}.content"))
    return _example(turns, problems, lenient=dialect is Dialect.OPENAI)


def read_contents(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of `contents`, as Gemini on Vertex AI takes it today."""
    _report_unused_keys(row, {"contents", *_SYSTEM_KEYS}, problems)
    return _example(_read_turns(row, problems), problems, lenient=False)


def read_preference(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of `contents` that end with the user's turn, and two scored `completions`."""
    _report_unused_keys(row, {"contents", "completions", *_SYSTEM_KEYS}, problems)
    turns = _read_turns(row, problems)
    answers: dict[float, str] = {}
    completions = _list(row, "completions", problems)
    for i, completion in _each(completions, problems):
        place = f"completions[{i}]"
        if not isinstance(completion, dict):
            problems.add(Problem("wrong-type", place, describe(completion), detail="an object"))
            continue
        score = completion.get("score")
        if isinstance(score, bool) or not isinstance(score, int | float):
            problems.add(_missing_or_wrong(f"{place}.score", score, "0 or 1"))
            continue
        content = _content(completion.get("completion"), f"{place}.completion", problems)
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


def _example(turns: list[ChatTurn], problems: Problems, *, lenient: bool) -> Example | None:
    if problems.refused:
        return None
    system, texts = order_turns(turns, problems, lenient=lenient)
    return None if problems.refused else Example(system, tuple(texts))


def _read_turns(row: Mapping[str, Any], problems: Problems) -> list[ChatTurn]:
    turns: list[ChatTurn] = []
    for key in _SYSTEM_KEYS:
        if row.get(key) is not None:
            content = _content(row[key], key, problems, role="system")
            if content is not None:
                turns.append(content)
    for i, item in _each(_list(row, "contents", problems), problems):
        content = _content(item, f"contents[{i}]", problems)
        if content is not None:
            turns.append(content)
    return turns


def _content(value: Any, place: str, problems: Problems, *, role: str = "") -> ChatTurn | None:
    if not isinstance(value, dict):
        problems.add(_missing_or_wrong(place, value, "an object with role and parts"))
        return None
    _report_unused_keys(value, {"role", "parts"}, problems, of="contents")
    if not role:
        role = value.get("role", "")
        if role not in ("user", "model"):
            problems.add(
                Problem("wrong-role", f"{place}.role", describe(role), detail="user or model")
                if isinstance(role, str) and role
                else _missing_or_wrong(f"{place}.role", value.get("role"))
            )
            return None
    parts = _list(value, "parts", problems, place=f"{place}.")
    texts = []
    for i, part in _each(parts, problems):
        where = f"{place}.parts[{i}]"
        if not isinstance(part, dict):
            problems.add(Problem("wrong-type", where, describe(part), detail='an object: {"text": ...}'))
        elif part.keys() & _PART_CALLS:
            problems.add(Problem("tool-calls", "A row"))
        elif media := part.keys() & _PART_MEDIA:
            problems.add(Problem("not-text", "A row", f"a picture or file ({min(media)})"))
        else:
            _report_unused_keys(part, {"text"}, problems, of="parts")
            text = part.get("text")
            if isinstance(text, str):
                texts.append(text)
            else:
                problems.add(_missing_or_wrong(f"{where}.text", text))
    return ChatTurn(role, "".join(texts), f"{place}.parts") if len(texts) == len(parts) and parts else None


def _message_text(message: Mapping[str, Any], place: str, problems: Problems) -> str | None:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        problems.add(_missing_or_wrong(f"{place}.content", content))
        return None
    texts = []
    for part in content:
        if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            kind = part.get("type") if isinstance(part, dict) else None
            problems.add(Problem("not-text", "A row", _part_kind(kind, part)))
            return None
    return "\n".join(texts)


def _part_kind(kind: object, part: object) -> str:
    """Return the type of a message's part."""
    return describe(kind) if isinstance(kind, str) and kind != "text" else kind_of(part)


def _report_unused_keys(row: Mapping[str, Any], used: set[str], problems: Problems, *, of: str = "") -> bool:
    """Report keys that do not become part of the example; return whether they call tools."""
    called = False
    for key, value in row.items():
        if key in used or value is None:
            continue
        if key in _CALLS:
            called = called or bool(value)
            if value:
                problems.add(Problem("tool-calls", "A row"))
        elif key == "weight" and of == "messages":
            if value == 0:
                problems.add(Problem("weight-ignored", "weight"))
        else:
            problems.add(Problem("keys-left-out", f"{of}.{key}" if of else key))
    return called


def _each(items: list[Any], problems: Problems) -> Iterator[tuple[int, Any]]:
    """Yield the items with their indexes, until enough is wrong with the row."""
    for i, item in enumerate(items):
        if problems.enough:
            return
        yield i, item


def _list(row: Mapping[str, Any], key: str, problems: Problems, *, place: str = "") -> list[Any]:
    value = row.get(key)
    if isinstance(value, list):
        if not value:
            problems.add(Problem("empty-field", f"{place}{key}"))
        return value
    problems.add(_missing_or_wrong(f"{place}{key}", value, "a list"))
    return []


def _missing_or_wrong(place: str, value: Any, wanted: str = "text") -> Problem:
    if value is None:
        return Problem("missing-field", place)
    return Problem("wrong-type", place, describe(value), detail=wanted)


def _one_of(roles: Mapping[str, str]) -> str:
    names = [name for name in roles if name != "developer"]
    return f"{', '.join(names[:-1])} or {names[-1]}"
