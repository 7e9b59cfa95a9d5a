"""The stand-in's table of messages is the one that Google's own packages describe."""

from pathlib import Path

import pytest

from tests.outside import api_messages


def test_table_of_messages_is_what_googles_packages_say() -> None:
    assert api_messages.main(["--check"]) == 0


def test_check_refuses_a_table_that_differs_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = api_messages.TABLE.read_text("utf-8")
    changed = tmp_path / "api_messages.json"
    changed.write_text(right.replace('"epochCount": "?int32"', '"epochCount": "?int64"'), "utf-8")
    monkeypatch.setattr(api_messages, "TABLE", changed)
    assert api_messages.main(["--check"]) == 1
    assert "run python -m tests.outside.api_messages" in capsys.readouterr().out
    assert api_messages.main([]) == 0
    assert changed.read_text("utf-8") == right


def test_messages_that_the_stand_in_does_not_read_are_any_value() -> None:
    table = api_messages.proto_table("v1beta", "Part")
    assert table["messages"]["Part"]["functionCall"] == "value"
    assert table["messages"]["Part"]["text"] == "?string"
    assert "text" in table["oneofs"]["Part"]["data"]
