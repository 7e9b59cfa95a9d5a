"""Reads the rows that hold conversations: messages, ShareGPT's conversations, contents, and preference pairs.

Each function returns the example, or None where it added an error to `problems`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.chat_turns import ChatTurn, order_turns
from bot.datasets.rows.column_mapping import is_about_row, value_at
from bot.datasets.rows.examples import BLANK_LINE, Example
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
from bot.datasets.rows.side_keys import CALL_KEYS, WEIGHT_KEYS, read_side_keys, report_key
from bot.domain.datasets import Dialect

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
# `chatbot` is Cohere's word for the model.
_OPENAI_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "model",
    "chatbot": "model",
}
_MESSAGES_ROLES = {"system": "system", "user": "user", "model": "model"}
# PaLM's chat examples have authors of free choice; these two are Google's own.
# Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-text-models-supervised (2023)
_PALM_ROLES = _OPENAI_ROLES | {"bot": "model", "model": "model"}
# Source: the conversation templates of FastChat, and the data sets that LLaMA-Factory and axolotl read.
SHAREGPT_ROLES = _OPENAI_ROLES | {
    "human": "user",
    "gpt": "model",
    "model": "model",
    "bot": "model",
    "chatgpt": "model",
    "bard": "model",
    "bing": "model",
}
# Names under which `parts` is looked for where it is missing.
_OTHER_PARTS = ("content", "text", "part", "message", "value")
_NEVER_LEARNED = ("user", "human", "system", "developer")
_TOOL_ROLES = frozenset(
    {"tool", "function", "function_call", "tool_call", "observation", "tool_response", "function_response"}
)
CONVERSATION_KEYS = ("conversations", "conversation")
# Names that programs give to the role and the text of a turn; the first one is that of the dialect itself.
_ROLE_NAMES = ("role", "from", "author", "speaker", "sender")
_TEXT_NAMES = ("content", "value", "text", "message", "parts")


# Other names of the turns that data sets and exports have; the value must be a list of turns, too.
# UltraChat's `data` is a list of texts; a list of objects under this name may be rows.
_OTHER_TURN_KEYS = frozenset(
    {"turns", "dialog", "dialogue", "chat", "chat_messages", "transcript", "thread", "utterances", "data"}
)
# Names of a question and its answer in a list of pairs. Sources: MOSS, Firefly and XTuner.
_PAIRS_OF_TURNS = (("human", "assistant"), ("user", "assistant"), ("input", "output"), ("question", "answer"))
# How texts of Anthropic's HH-RLHF mark their turns.
_MARK_OF_TURN = re.compile(r"(?:\A|\n\n)(Human|Assistant):[ \n]?")

# Beside these a list of texts is what is summed up, asked about or labelled, or questions alone, as in MT-Bench.
_BESIDE_TEXTS = frozenset(
    {"summary", "label", "intent", "question", "query", "answer", "response", "output", "target", "completion"}
    | {"reference", "question_id"}
)
# A text that names its speaker is not said by turns.
_SPEAKER = re.compile(r"\s{0,3}(?:user|human|customer|assistant|bot|ai|agent|model|system) ?:", re.IGNORECASE)

# The keys of what is answered, in a preference row. Sources: TRL, LLaMA-Factory, and Intel's orca_dpo_pairs.
_PROMPT_KEYS = ("prompt", "question", "instruction", *CONVERSATION_KEYS)


def read_messages(row: Mapping[str, Any], dialect: Dialect, problems: Problems) -> Example | None:
    """Read a row of `messages`, as OpenAI, PaLM's chat or gemini-1.0-pro-002 on Vertex AI write them."""
    roles = _OPENAI_ROLES if dialect is Dialect.OPENAI else _MESSAGES_ROLES
    turns = read_side_keys(row, {"messages"}, problems)
    messages = _list(row, "messages", problems)
    if any(isinstance(message, dict) and "author" in message for message in messages):
        roles = _PALM_ROLES
    turns += _read_messages(messages, "messages", roles, problems)
    return _example(turns, problems, lenient=dialect is Dialect.OPENAI)


def read_conversations(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of ShareGPT: `conversations` of {from, value} or {role, content}."""
    key = conversation_key(row)
    turns = read_side_keys(row, {key}, problems)
    held = _list(row, key, problems)
    turns += (
        _of_texts(held, key)
        or _of_pairs(held, key, problems)
        or _read_messages(held, key, SHAREGPT_ROLES, problems)
    )
    return _example(turns, problems, lenient=True)


def _of_texts(held: list[Any], key: str) -> list[ChatTurn]:
    """Return the turns of a list of texts, as UltraChat has them: the person speaks first, then each in turn."""
    if not all(isinstance(text, str) for text in held):
        return []
    return [ChatTurn("model" if i % 2 else "user", text, f"{key}[{i}]") for i, text in enumerate(held)]


def _of_pairs(held: list[Any], key: str, problems: Problems) -> list[ChatTurn]:
    """Return the turns of a list of pairs, each a question with its answer, as MOSS and XTuner write them."""
    names = pair_of_turns(key, held[0]) if held else None
    if names is None or not all(_has_texts(pair, names) for pair in held):
        return []
    turns: list[ChatTurn] = []
    for i, pair in enumerate(held):
        turns += [
            turn._replace(place=f"{key}[{i}].{turn.place}") for turn in read_side_keys(pair, names, problems)
        ]
        turns += [
            ChatTurn(role, pair[name], f"{key}[{i}].{name}")
            for role, name in zip(("user", "model"), names, strict=True)
        ]
    return turns


def pair_of_turns(key: str, value: Any) -> tuple[str, str] | None:
    """Return the names of a question and its answer in an item of a list of pairs, or None where it is no pair.

    Under `conversations` such a list holds the rows of a file.
    """
    pairs = _PAIRS_OF_TURNS if key == "conversation" else ()
    return next((pair for pair in pairs if _has_texts(value, pair)), None)


def _has_texts(value: Any, names: Collection[str]) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)


def conversation_key(row: Mapping[str, Any]) -> str:
    """Return the key of the turns in a row of ShareGPT."""
    return next((key for key in CONVERSATION_KEYS if key in row), "") or turns_key(row) or CONVERSATION_KEYS[0]


def turns_key(row: Mapping[str, Any]) -> str:
    """Return another key that holds turns, in any letter case; empty where there is none."""
    for key, value in row.items():
        if not isinstance(value, list) or key.lower() not in _OTHER_TURN_KEYS:
            continue
        if key.lower() == "data" and not all(map(is_about_row, row.keys() - {key})):
            continue  # beside other texts it may be a list of anything
        if key.lower() != "data" and holds_turns(value):
            return key
        if _is_dialogue(value) and _BESIDE_TEXTS.isdisjoint(map(str.lower, row)):
            return key
    return ""


def _is_dialogue(value: list[Any]) -> bool:
    """Return whether a value is a list of texts by two speakers."""
    return len(value) > 1 and all(isinstance(text, str) and not _SPEAKER.match(text) for text in value)


def holds_turns(value: Any) -> bool:
    """Return whether a value is a turn, with a role and a text, or a list of turns."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(turn, dict) and holds_turns(turn) for turn in value)
    return isinstance(value, dict) and not (
        value.keys().isdisjoint(_ROLE_NAMES) or value.keys().isdisjoint(_TEXT_NAMES)
    )


def is_conversation(value: Any) -> bool:
    """Return whether a value is a list of turns by known speakers."""
    return (
        isinstance(value, list) and holds_turns(value) and all(_speaker(turn) in SHAREGPT_ROLES for turn in value)
    )


def _speaker(turn: Mapping[str, Any]) -> str:
    role = next((turn[key] for key in _ROLE_NAMES if key in turn), None)
    return role.strip().lower() if isinstance(role, str) else ""


def read_sides(
    row: Mapping[str, Any], question: str, answer: str, system: Sequence[ChatTurn], problems: Problems
) -> Example | None:
    """Read a row whose question, answer or both are lists of turns, as TRL, LangSmith and Langfuse write them.

    `system` are the system texts beside them.
    """
    turns = [*system, *_prompt_turns(value_at(row, question), question, problems)]
    said = value_at(row, answer)
    if holds_turns(said):
        turns += _prompt_turns(said if isinstance(said, list) else [said], answer, problems)
    else:
        turns.append(ChatTurn("model", _answer(said, answer, problems), answer))
    return _example(turns, problems, lenient=True)


def read_contents(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of `contents`, as Gemini on Vertex AI takes it today."""
    turns = read_side_keys(row, {"contents"}, problems) + _read_contents(row, problems)
    return _example(turns, problems, lenient=False)


def read_preference(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a row of `contents` that end with the user's turn, and two scored `completions`."""
    turns = read_side_keys(row, {"contents", "completions"}, problems) + _read_contents(row, problems)
    answers: dict[float, str] = {}
    completions = _list(row, "completions", problems)
    for i, completion in enumerate(completions):
        if problems.enough:
            break
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


def read_chosen(row: Mapping[str, Any], problems: Problems) -> Example | None:
    """Read a preference row of TRL (`prompt`, `chosen`, `rejected`) or OpenAI (`input`, `preferred_output`, ...).

    Sources: https://huggingface.co/docs/trl/dataset_formats,
    https://platform.openai.com/docs/guides/direct-preference-optimization
    """
    beside = ""
    if "preferred_output" in row:
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
    turns = read_side_keys(row, {prompt_key, chosen_key, rejected_key, beside}, problems)
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
    turns += _prompt_turns(prompt, prompt_key, problems)
    answers = [_answer(value, key, problems) for key, value in ((chosen_key, chosen), (rejected_key, rejected))]
    if problems.refused or not turns:
        return None
    system, texts = order_turns(turns, problems, lenient=True, answered=False)
    return None if problems.refused else Example(system, (*texts, answers[0]), answers[1])


def _dialogue(value: Any) -> Any:
    """Return a text of Anthropic's HH-RLHF as turns, any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("Human:"):
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


def _prompt_turns(value: Any, key: str, problems: Problems) -> list[ChatTurn]:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        if all("role" in item for item in value):
            return _read_messages(value, key, _OPENAI_ROLES, problems)
        if holds_turns(value):
            return _read_messages(value, key, SHAREGPT_ROLES, problems)
    text = text_of(value)
    if text is None:
        problems.add(_missing_or_wrong(key, value))
        return []
    return [ChatTurn("user", text, key)]


def _answer(value: Any, key: str, problems: Problems) -> str:
    if isinstance(value, list) and len(value) == 1:
        [value] = value
    if isinstance(value, dict) and not value.keys().isdisjoint(_ROLE_NAMES):
        role = _speaker(value)
        if SHAREGPT_ROLES.get(role, "model") != "model":
            problems.add(Problem("wrong-role", f"{key}.role", describe(role), detail="assistant"))
        _report_turn_keys(value, {*_ROLE_NAMES, "content", "value"}, problems, of=key)
        value = value.get("content", value.get("value"))
    text = text_of(value)
    if text is None:
        problems.add(_missing_or_wrong(key, value))
    elif not text.strip():
        problems.add(Problem("empty-field", key))
    return text or ""


def _read_messages(messages: list[Any], key: str, roles: Mapping[str, str], problems: Problems) -> list[ChatTurn]:
    turns: list[ChatTurn] = []
    for i, message in enumerate(messages):
        if problems.enough:
            break
        place = f"{key}[{i}]"
        if not isinstance(message, dict):
            problems.add(Problem("wrong-type", place, describe(message), detail="an object"))
            continue
        if message.keys().isdisjoint(_ROLE_NAMES):
            message = with_small_keys(message)
        role_key = "role" if "role" in message else next((k for k in _ROLE_NAMES if k in message), "role")
        text_key = "content" if "content" in message else next((k for k in _TEXT_NAMES if k in message), "content")
        calls = _report_turn_keys(message, {role_key, text_key}, problems, of=key)
        role = message.get(role_key)
        if isinstance(role, str) and role in _TOOL_ROLES:
            problems.add(Problem("tool-calls", "A row"))
            continue
        text = None if calls else _message_text(message.get(text_key), f"{place}.{text_key}", problems)
        if not isinstance(role, str):
            problems.add(_missing_or_wrong(f"{place}.{role_key}", role))
        elif role not in roles:
            problems.add(Problem("wrong-role", f"{place}.{role_key}", describe(role), detail=_one_of(roles)))
        elif text is not None:
            turns.append(ChatTurn(roles[role], text, f"{place}.{text_key}"))
    return turns


def _example(turns: list[ChatTurn], problems: Problems, *, lenient: bool) -> Example | None:
    if problems.refused:
        return None
    system, texts = order_turns(turns, problems, lenient=lenient)
    return None if problems.refused else Example(system, tuple(texts))


def _read_contents(row: Mapping[str, Any], problems: Problems) -> list[ChatTurn]:
    turns: list[ChatTurn] = []
    for i, item in enumerate(_list(row, "contents", problems)):
        if problems.enough:
            break
        content = _content(item, f"contents[{i}]", problems)
        if content is not None:
            turns.append(content)
    return turns


def _content(value: Any, place: str, problems: Problems) -> ChatTurn | None:
    if not isinstance(value, dict):
        problems.add(_missing_or_wrong(place, value, "an object with role and parts"))
        return None
    if "parts" not in value and "role" not in value:
        value = with_small_keys(value)
    if "parts" not in value and (other := next((k for k in _OTHER_PARTS if k in value), None)):
        problems.add(Problem("other-name", f"{place}.{other}", detail='`parts`: [{"text": ...}]'))
        return None
    if "role" not in value and (other := next((k for k in _ROLE_NAMES if k in value), None)):
        problems.add(Problem("other-name", f"{place}.{other}", detail="`role`"))
        return None
    _report_turn_keys(value, {"role", "parts"}, problems, of="contents")
    role = value.get("role", "")
    if role not in ("user", "model"):
        problems.add(
            Problem("wrong-role", f"{place}.role", describe(role), detail="user or model")
            if isinstance(role, str) and role
            else _missing_or_wrong(f"{place}.role", value.get("role"))
        )
        return None
    parts = _list(value, "parts", problems, place=f"{place}.")
    texts: list[str] = []
    for i, part in enumerate(parts):
        if problems.enough:
            break
        text = _part_text(part, f"{place}.parts[{i}]", problems)
        if text is None:
            return None
        texts.append(text)
    return ChatTurn(role, "".join(texts), f"{place}.parts") if parts else None


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
    _report_turn_keys(part, {"text", "type", "value"}, problems, of="parts")
    if isinstance(text, str):
        return text
    problems.add(_missing_or_wrong(f"{place}.text", part.get("text")))
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
        problems.add(_missing_or_wrong(place, content))
    return text


def _is_reasoning(part: Any) -> bool:
    """Return whether a block holds what a model of Bedrock's thought."""
    return isinstance(part, dict) and "reasoningContent" in part


def _part_kind(kind: object, part: object) -> str:
    """Return the type of a message's part."""
    return describe(kind) if isinstance(kind, str) and kind != "text" else kind_of(part)


def _report_turn_keys(turn: Mapping[str, Any], used: set[str], problems: Problems, *, of: str) -> bool:
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
