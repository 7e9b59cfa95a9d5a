"""Private values become placeholders that are the same for the same value."""

import json

import pytest

from bot.backends.profiles import VERTEX
from bot.datasets import Repairer
from bot.datasets.rewrite.masking import Masker
from tests.support.dataset_builders import check_bytes, jsonl

KEY = "sk-" + "proj-abcdefghijklmnopqrstuv"


def masked(text: str) -> str:
    row = json.loads(Masker().mask_row(json.dumps({"messages": [{"content": text}]}).encode()))
    return str(row["messages"][0]["content"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to ada@corp.org or Bob@corp.org, not ADA@corp.org.", "[EMAIL_1] or [EMAIL_2], not [EMAIL_1]."),
        ("(ada@corp.org)\nnext", "([EMAIL_1])\nnext"),
        ("Call +1 (415) 555-2671 or 415-555-2671.", "Call [PHONE_1] or [PHONE_2]."),
        ("Pay with 4111-1111-1111-1111 or 4111 1111 1111 1111 now", "Pay with [CARD_1] or [CARD_1] now"),
        ("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFF", "IBAN [IBAN_1] BIC COBADEFF"),
        (f"key={KEY}, again {KEY}", "key=[KEY_1], again [KEY_1]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nok", "[KEY_1]\nok"),
        ("é ada@corp.org 日本", "é [EMAIL_1] 日本"),
        ("1234567890123456 and you@example.com", "1234567890123456 and you@example.com"),
    ],
)
def test_each_value_becomes_its_placeholder(text: str, expected: str) -> None:
    assert masked(text).endswith(expected)


def test_where_pictures_lie_stays_as_it_is_and_what_is_said_of_them_is_masked() -> None:
    part = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/ada@corp.org/4111111111111111.png"}}
    row = {"contents": [{"role": "user", "parts": [part, {"text": "Is this ada@corp.org?"}]}]}
    openai = {
        "content": [{"type": "image_url", "image_url": {"url": "ada@corp.org.png"}}],
        "images": ["a@corp.org.png"],
    }
    contents = json.loads(Masker().mask_row(json.dumps(row).encode()))["contents"]
    assert contents[0]["parts"] == [part, {"text": "Is this [EMAIL_1]?"}]
    assert json.loads(Masker().mask_row(json.dumps(openai).encode())) == openai


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"to": "ada@corp.org", "n": 5}', {"to": "[EMAIL_1]", "n": 5}),
        ('{"card": 4111111111111111, "to": ["ada@corp.org"]}', {"card": "[CARD_1]", "to": ["[EMAIL_1]"]}),
    ],
)
def test_arguments_of_a_call_stay_json(arguments: str, expected: object) -> None:
    assert json.loads(masked(arguments)) == expected


def test_a_number_that_is_a_cards_is_masked_and_others_are_not() -> None:
    row = {"label": 4111111111111111, "id": 1234567890123456, "n": 4, "big": -(10**18), "yes": True}
    assert json.loads(Masker().mask_row(json.dumps(row).encode())) == row | {"label": "[CARD_1]"}


def test_a_row_without_private_values_keeps_its_bytes() -> None:
    line = b'{"prompt" : "Caf\\u00e9?",  "completion":"Yes."}'
    assert Masker().mask_row(line) is line


def test_a_repaired_file_has_no_private_values_if_that_was_asked_and_all_its_rows() -> None:
    rows = [
        {"prompt": f"Who is person{i}@corp.org?", "completion": f"Call +1 415 555 01{i:02}"} for i in range(40)
    ]
    repairer = Repairer("rows.jsonl", VERTEX.limits, VERTEX.dialect, mask=True)
    parts = [*repairer.feed(jsonl(*rows)), *repairer.finish()]
    kept = b"".join(part.kept_rows for part in parts)
    assert (parts[-1].kept, parts[-1].masked, parts[-1].rejected) == (40, 40, 0)
    assert json.loads(kept.splitlines()[1]) == {"prompt": "Who is [EMAIL_2]?", "completion": "Call [PHONE_2]"}
    assert check_bytes(jsonl(*rows)).may_be_masked
    assert not check_bytes(kept).may_be_masked
