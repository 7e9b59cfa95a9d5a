"""Rows that other languages wrote become JSON with the same texts, or none."""

import json

import pytest

from bot.datasets.rows.almost_json import repair_json


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        (r"{prompt: 'a\/b'}", "a/b"),
        (r"{prompt: 'at \all'}", "at all"),
        (r"{prompt: 'a\d\8\N'}", "ad8N"),
        (r"{prompt: 'it\'s \"so\"'}", 'it\'s "so"'),
        (r"{prompt: 'a\\\\/b\n\u00e9'}", "a\\\\/b\né"),
        (r"""{prompt: "a\/b", more: '"c'}""", "a/b"),
        (r'{prompt: "a\/b"}', "a/b"),
        (r"{'prompt': 'C:\\\\new', 'more': None}", "C:\\\\new"),
        ("{'prompt': ('a', 'b')}", ["a", "b"]),
    ],
)
def test_a_text_is_what_its_language_says(row: str, prompt: object) -> None:
    repaired = repair_json(row.encode())
    assert repaired is not None
    assert json.loads(repaired)["prompt"] == prompt


@pytest.mark.parametrize("value", ["b'x'", "{'x'}", "1e999", "...", "1j", "`x`", "f'x'", "'\\ud800'"])
def test_a_value_that_json_has_not_makes_no_row(value: str) -> None:
    assert repair_json(f"{{'prompt': 'a', 'completion': {value}}}".encode()) is None
