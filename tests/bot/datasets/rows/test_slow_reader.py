"""Rows as other programs write them: what is read, and what is said about what stays out."""

import codecs
from typing import Any

import pytest

from bot.datasets.rows.slow_reader import parse_row
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.dataset_builders import contents, jsonl, pair

TURNS = [("user", "When is low tide?"), ("assistant", "At six.")]
MESSAGES = [{"role": role, "content": text} for role, text in TURNS]
TALK = ("user: When is low tide?", "model: At six.")
WORSE = {"role": "assistant", "content": "At five."}
ANSWER = ("When is low tide?", "At six.")


def read(row: Any, mapping: FieldMapping | None = None) -> tuple[Any, Any, list[str]]:
    """Return the dialect, the system text, the texts and the rules of one row."""
    parsed = parse_row(jsonl(row).strip(), None, mapping)
    example = parsed.example
    texts = (example.system, example.texts) if example is not None else None
    return parsed.dialect, texts, [problem.rule for problem in parsed.problems]


CONVERSATIONS = [
    ("human and gpt", [{"from": "human", "value": ANSWER[0]}, {"from": "gpt", "value": ANSWER[1]}]),
    ("user and assistant", [{"from": "user", "value": ANSWER[0]}, {"from": "assistant", "value": ANSWER[1]}]),
    ("role and content", MESSAGES),
]


@pytest.mark.parametrize("turns", [case[1] for case in CONVERSATIONS], ids=[case[0] for case in CONVERSATIONS])
def test_sharegpt_is_read_as_an_object_and_as_a_bare_list(turns: list[dict[str, Any]]) -> None:
    for row in ({"conversations": turns}, turns):
        assert read(row) == (Dialect.SHAREGPT, ("", ANSWER), [])


def test_unknown_speakers_of_sharegpt_are_named() -> None:
    row = {"conversations": [{"from": "narrator", "value": "x"}, *CONVERSATIONS[0][1]]}
    problem = next(iter(parse_row(jsonl(row).strip()).problems))
    assert (problem.rule, problem.value) == ("wrong-role", "narrator")


def test_alpaca_is_read_with_its_system_text_and_history() -> None:
    row = {"instruction": "And high tide?", "input": "Tell the hour.", "output": "At noon.", "system": "Be brief."}
    texts = ("When is low tide?", "At six.", "And high tide?\n\nTell the hour.", "At noon.")
    assert read(row | {"history": [list(ANSWER)]}) == (Dialect.ALPACA, ("Be brief.", texts), [])


@pytest.mark.parametrize(
    "row",
    [
        pair(*ANSWER, system="Be brief."),
        pair(*ANSWER, system_prompt="Be brief."),
        {"messages": MESSAGES, "system": "Be brief."},
        {"messages": MESSAGES, "system": [{"text": "Be brief."}]},
        {"conversations": CONVERSATIONS[0][1], "system": "Be brief."},
        contents(*TALK) | {"systemInstruction": "Be brief."},
        contents(*TALK) | {"system_instruction": {"parts": [{"text": "Be brief."}]}},
    ],
    ids=["pair", "another name", "Claude", "Bedrock", "ShareGPT", "a string", "snake case"],
)
def test_a_system_text_beside_the_turns_becomes_that_of_the_example(row: dict[str, Any]) -> None:
    assert read(row)[1:] == (("Be brief.", ANSWER), [])


def test_context_becomes_the_system_text_and_that_is_said() -> None:
    palm: dict[str, Any] = {
        "context": "You keep a lighthouse.",
        "messages": [{"author": "user", "content": ANSWER[0]}],
    }
    palm["messages"].append({"author": "bot", "content": ANSWER[1]})
    assert read(palm)[1:] == (("You keep a lighthouse.", ANSWER), ["context-is-system"])


def test_keys_that_change_the_meaning_are_reported_in_mapped_rows_too() -> None:
    mapping = FieldMapping("q", "a")
    row = {"q": ANSWER[0], "a": ANSWER[1], "id": 7}
    assert read(row, mapping)[1:] == (("", ANSWER), [])
    assert read(row | {"system": "Be brief."}, mapping)[1:] == (("Be brief.", ANSWER), [])
    assert read(row | {"images": ["a.png"]}, mapping)[1:] == (None, ["not-text"])
    assert read(row | {"weight": 0}, mapping)[2] == ["weight-zero"]
    assert read(row | {"history": "all of May"}, mapping)[1:] == (None, ["history-not-read"])


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        ({"weight": 1}, []),
        ({"weight": 0}, ["weight-zero"]),
        ({"weight": 0.5}, ["weight-not-sent"]),
        ({"label": True}, []),
        ({"label": False}, ["bad-answer"]),
        ({"label": "False"}, ["bad-answer"]),
        ({"label": "true"}, []),
        ({"rejected": "At five."}, ["preferred-only"]),
        ({"images": [], "tools": None, "refusal": None, "annotations": []}, []),
        ({"videos": ["a.mp4"]}, ["not-text"]),
        ({"reasoning_content": "Tides follow the moon."}, ["thoughts-left-out"]),
        ({"source": "a book"}, ["keys-left-out"]),
    ],
    ids=str,
)
def test_keys_beside_a_pair(more: dict[str, Any], rules: list[str]) -> None:
    assert read(pair(*ANSWER, **more))[2] == rules


def test_thoughts_of_a_model_are_never_part_of_the_answer() -> None:
    row = contents(*TALK)
    row["contents"][1]["parts"] = [
        {"text": "The moon is full.", "thought": True},
        {"text": "At six.", "thoughtSignature": "AbC="},
    ]
    assert read(row)[1:] == (("", ANSWER), ["thoughts-left-out"])
    row["contents"][1]["parts"] = [{"thought": True, "text": "The moon is full."}]
    assert read(row)[1:] == (None, ["thoughts-left-out", "empty-field"])
    claude: list[Any] = [
        MESSAGES[0],
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "The moon."}]},
    ]
    claude[1]["content"].append({"type": "text", "text": "At six."})
    assert read({"messages": claude})[1:] == (("", ANSWER), ["thoughts-left-out"])


def test_null_fields_of_a_dumped_object_say_nothing() -> None:
    nothing = dict.fromkeys(("thought", "inline_data", "file_data", "function_call", "function_response"))
    row = contents(*TALK)
    for content in row["contents"]:
        content["parts"] = [nothing | part for part in content["parts"]]
    assert read(row) == (Dialect.VERTEX, ("", ANSWER), [])


@pytest.mark.parametrize(
    "content",
    [
        {"text": "At six."},
        {"type": "text", "value": "At six."},
        {"type": "text", "text": {"value": "At six.", "annotations": []}},
        [{"type": "output_text", "text": "At six."}],
        [{"text": "At six."}],
    ],
    ids=str,
)
def test_text_in_another_shape_is_text(content: Any) -> None:
    assert read({"messages": [MESSAGES[0], {"role": "assistant", "content": content}]})[1:] == (("", ANSWER), [])


@pytest.mark.parametrize("wrapper", ["request", "body", "row", "data"])
def test_a_row_inside_of_a_wrapper_is_read_and_that_is_said(wrapper: str) -> None:
    assert read({"custom_id": "r1", wrapper: {"messages": MESSAGES}}) == (
        Dialect.OPENAI,
        ("", ANSWER),
        ["row-in-wrapper"],
    )


@pytest.mark.parametrize(
    ("beside", "texts", "rules"),
    [
        ({"system": "Be brief."}, ("Be brief.", ANSWER), ["row-in-wrapper"]),
        ({"History": [["Hi.", "Yes?"]]}, ("", ("Hi.", "Yes?", *ANSWER)), ["row-in-wrapper"]),
        ({"label": False}, None, ["row-in-wrapper", "bad-answer"]),
        ({"images": ["quay.png"]}, None, ["row-in-wrapper", "not-text"]),
        ({"tools": [{"name": "tide"}]}, None, ["row-in-wrapper", "tool-calls"]),
        ({"weight": 0}, ("", ANSWER), ["row-in-wrapper", "weight-zero"]),
        ({"system": "", "id": 7, "label": None}, ("", ANSWER), ["row-in-wrapper"]),
    ],
)
def test_what_is_beside_a_wrapper_and_changes_the_meaning_counts(
    beside: dict[str, Any], texts: Any, rules: list[str]
) -> None:
    row = {"row": {"prompt": ANSWER[0], "completion": ANSWER[1]}}
    assert read(row | beside) == read(beside | row) == (Dialect.PROMPT, texts, rules)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ANSWER[0], "chosen": "At six.", "rejected": "At five."},
        {
            "prompt": [MESSAGES[0]],
            "chosen": [MESSAGES[1]],
            "rejected": [{"role": "assistant", "content": "At five."}],
        },
        {"chosen": MESSAGES, "rejected": [MESSAGES[0], WORSE]},
        {
            "input": {"messages": [MESSAGES[0]]},
            "preferred_output": [MESSAGES[1]],
            "non_preferred_output": [WORSE],
        },
    ],
    ids=["TRL", "TRL's conversations", "TRL's implicit prompt", "OpenAI"],
)
def test_preference_pairs_are_read(row: dict[str, Any]) -> None:
    parsed = parse_row(jsonl(row).strip())
    assert parsed.dialect is Dialect.TRL
    assert parsed.example is not None
    assert (parsed.example.texts, parsed.example.rejected) == (ANSWER, "At five.")


def test_another_name_for_parts_is_named_and_never_called_unneeded() -> None:
    row = {"contents": [{"role": "user", "content": "x"}, {"role": "model", "content": "y"}]}
    assert read(row)[1:] == (None, ["other-name", "other-name"])


def test_labels_that_are_numbers_become_text_in_a_named_column() -> None:
    row = {"text": "low", "label": 3}
    assert read(row, FieldMapping("text", "label"))[1:] == (("", ("low", "3")), ["number-as-text"])


NOT_JSON = {
    "{'a': 1}": "the quotes are single (')",
    "{“a”: 1}": "the quotes are curly (“ ”)",
    '{"a": 1},': "a comma follows the row",
    '{"a": 1};': "a semicolon follows the row",
    '{"a": [1,],}': "a comma stands before a closing bracket",
    "```json": "a code fence of Markdown",
    "# rows": "a comment",
    "hello": "this is plain text",
    '{"a": "b': "breaks off before its end",
    '{"a": 1} {"a": 2}': "several objects are on one line",
    '{"a": 1} x': "text follows the end of the row",
    '{"a": "b\x01"}': "a raw control character",
    '{"a" 1}': "at “1” (byte 6)",
}


@pytest.mark.parametrize("line", NOT_JSON, ids=ascii)
def test_the_reason_why_a_line_is_not_json_is_in_words(line: str) -> None:
    [problem] = parse_row(line.encode()).problems
    assert NOT_JSON[line] in problem.message()
    assert "malformed" not in problem.message()


@pytest.mark.parametrize(
    ("encoding", "text", "name"),
    [
        ("cp1252", "Schlüssel – “Tür”", "Windows-1252 (or Latin-1)"),
        ("gb18030", "钥匙在哪里？在门房那里。", "GB18030 (GBK)"),
        ("cp932", "鍵はどこにありますか。", "Shift JIS"),
        ("cp949", "열쇠는 어디에 있습니까", "EUC-KR"),
        ("cp1251", "Где лежит ключ", "Windows-1251"),
        ("koi8-r", "Где лежит ключ от комнаты", "KOI8-R"),
        ("cp866", "Где лежит ключ от комнаты", "code page 866 (DOS)"),
        ("cp1253", "Πού είναι το κλειδί της πόρτας", "Windows-1253"),
        ("cp1255", "איפה המפתח של החדר", "Windows-1255"),
        ("cp1256", "أين المفتاح عند البواب في المكتب", "Windows-1256"),
        ("cp1250", "Gdzie leży klucz? Proszę, na półce", "Windows-1250"),
        ("cp1250", "Kde je klíč? Říkal vrátný, že zůstal", "Windows-1250"),
        ("cp1250", "A portásnál, az őrnél a fűtő mellett", "Windows-1250"),
        ("iso8859-2", "Leży na półce obok żółtego śledzia, źle", "ISO 8859-2"),
        ("cp1254", "Kapıcının yanında, görüşmek üzere, ışık ağır", "Windows-1254"),
        ("cp1257", "Atslēga ir pie šveicara, lūdzu, ņemiet", "Windows-1257"),
        ("cp852", "Klucz leży na półce, proszę", "code page 852 (DOS)"),
        ("cp1252", "Où est la clé ? À côté de l’entrée, s’il vous plaît", "Windows-1252 (or Latin-1)"),
        ("cp1252", "¿Dónde está la llave? Mañana, señor", "Windows-1252 (or Latin-1)"),
        ("cp1252", "Nøkkelen står på båten, æsj", "Windows-1252 (or Latin-1)"),
        ("cp1252", "A chave está no balcão, não é? Ações", "Windows-1252 (or Latin-1)"),
    ],
)
def test_the_likely_encoding_is_named(encoding: str, text: str, name: str) -> None:
    line = b'{"text_input": "' + text.encode(encoding) + b'", "output": "x"}'
    [problem] = parse_row(line).problems
    assert problem.rule == "not-utf8"
    assert f"It looks like {name}" in problem.message()
    assert codecs.lookup(problem.field).name
    if encoding not in ("cp949", "gb18030"):
        assert text.encode(encoding).decode(problem.field) == text


def test_a_line_of_many_escaped_quotes_takes_linear_work() -> None:
    """A pattern that begins anew at each quote would never end here."""
    line = b'{"a": 1,, ' + b'\\"' * 300_000
    [problem] = parse_row(line).problems
    assert problem.rule == "not-json"


def test_a_mapped_input_of_blank_parts_only_is_empty() -> None:
    assert read({"q": "\r", "a": "x"}, FieldMapping("q+more", "a"))[1:] == (None, ["empty-field"])


@pytest.mark.parametrize("kind", [{}, [], {"type": "text"}, 1, None], ids=repr)
@pytest.mark.parametrize("tools", [False, True])
def test_a_part_whose_type_is_no_text_is_an_error_and_stops_no_check(kind: Any, tools: bool) -> None:
    part = {"type": kind, "image": "x"}
    for row in (
        {"messages": [{"role": "user", "content": [part]}, MESSAGES[1]]},
        {"chosen": part, "rejected": ""},
    ):
        parsed = parse_row(jsonl(row).strip(), tools=tools)
        assert parsed.problems.refused
        assert parsed.example is None
