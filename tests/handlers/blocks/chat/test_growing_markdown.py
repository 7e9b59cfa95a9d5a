"""An answer that is shown while it grows is as safe as a finished one, wherever its chunks begin and end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.blocks.chat.growing_markdown import GrowingMarkdown
from handlers.blocks.chat.links import show_addresses
from handlers.blocks.message import escape_markdown

DANGERS = [
    "<!channel>",
    "<@U1>",
    "@here",
    "@channel ",
    "[words](https://evil.example)",
    "[a][b]\n\n[b]: https://evil.example",
    "&lt;!here&gt;",
    "&amp;",
    "\r\n",
    "\n> quoted\n",
    "```\ncode[0](x)\n```\n",
    "Tom & Jerry",
    " ",
    "\n\n",
    "é😀",
    "a",
]


def grown(chunks: list[str]) -> list[str]:
    growing = GrowingMarkdown()
    pieces = []
    for chunk in chunks:
        growing.add(chunk)
        pieces.append(growing.take())
    return pieces


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@given(st.lists(st.sampled_from(DANGERS), max_size=12).map("".join), st.integers(1, 7))
def test_chunks_of_any_size_show_what_one_chunk_shows(text: str, size: int) -> None:
    shown = "".join(grown(cut(text, size)))
    # At the end of an answer nothing is undecided any more, so a full stop brings out the rest.
    whole = "".join(grown([*cut(text, size), " ."]))
    assert whole.startswith(shown)
    assert whole == "".join(grown([text + " ."]))
    for joint in ("](", "][", "]:"):
        assert joint not in whole
    assert "<" not in whole
    assert not re.search(r"@(here|channel)\b", whole)


@pytest.mark.parametrize(
    "text", ["**Paris** & Rome\n\n- one\n- two", "> quoted\nand on", "1 < 2", "a@b.example ok"]
)
def test_plain_markdown_is_shown_as_in_the_finished_answer(text: str) -> None:
    assert "".join(grown(cut(text, 3))) == show_addresses(escape_markdown(text))
