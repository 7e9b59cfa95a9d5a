"""Long answers in pieces that each stand alone."""

import re

from hypothesis import given
from hypothesis import strategies as st

from handlers.blocks.chat.markdown import first_piece, split_markdown

LIMIT = 1_200


def test_a_short_text_is_one_piece() -> None:
    assert split_markdown("# Title\n\nText.", LIMIT) == ["# Title\n\nText."]


def test_long_text_is_cut_between_paragraphs() -> None:
    first, second = "a " * 400, "b " * 400
    assert split_markdown(f"{first}\n\n{second}", LIMIT) == [first, second]


def test_a_cut_code_fence_is_closed_and_opened_again() -> None:
    code = "\n".join(f"line {number}" for number in range(300))
    pieces = split_markdown(f"Before:\n\n```python\n{code}\n```\n\nAfter.", LIMIT)
    assert len(pieces) == 3
    assert pieces[0].startswith("Before:\n\n```python\nline 0\n")
    assert pieces[0].endswith("\n```")
    assert pieces[1].startswith("```python\nline ")
    assert pieces[1].endswith("\n```")
    assert pieces[2].startswith("```python\nline ")
    assert pieces[2].endswith("line 299\n```\n\nAfter.")
    said = "\n".join(re.findall(r"line \d+", "\n".join(pieces)))
    assert said == code


def test_a_tilde_fence_is_not_ended_by_backticks() -> None:
    code = "```\n" + "x\n" * 1_000
    pieces = split_markdown(f"~~~~\n{code}~~~~\n", LIMIT)
    assert all(piece.startswith("~~~~\n") and piece.endswith("~~~~") for piece in pieces)


def test_one_endless_line_is_cut_at_spaces() -> None:
    pieces = split_markdown("word " * 1_000, LIMIT)
    assert all(len(piece) <= LIMIT for piece in pieces)
    assert all(set(piece.split()) == {"word"} for piece in pieces)


def test_an_entity_is_never_cut() -> None:
    pieces = split_markdown("&lt;" * 2_000, LIMIT)
    assert "".join(pieces) == "&lt;" * 2_000
    assert all(len(piece) % 4 == 0 for piece in pieces)


typical = ["```\n", "```py\n", "~~~\n", "\n", "    \n", "text\n", "- item\n", "x" * 900, "````\n"]
lines = st.sampled_from(typical) | st.text(max_size=40)


@given(st.lists(lines, max_size=120).map("".join))
def test_every_piece_fits_and_nothing_is_lost(text: str) -> None:
    pieces = split_markdown(text, LIMIT)
    assert all(0 < len(piece) <= LIMIT for piece in pieces)
    letters = re.compile(r"[^\s`~py]")
    # Fences are written again at the cuts; everything else stands there once and in order.
    assert "".join(letters.findall("".join(pieces))) == "".join(letters.findall(text))


@given(st.lists(lines, max_size=120).map("".join), st.integers(1, 400))
def test_a_text_that_grows_is_cut_where_the_whole_text_is_cut(text: str, size: int) -> None:
    pieces, held = [], ""
    # A line that has not ended may still become one that is cut elsewhere.
    for at in range(0, len(text), size * 40):
        held += text[at : at + size * 40]
        ended = held[: held.rfind("\n") + 1]
        while (cut := first_piece(ended, LIMIT)) is not None:
            piece, ended = cut
            held = ended + held[held.rfind("\n") + 1 :]
            pieces += [piece] if piece.strip() else []
    assert pieces == split_markdown(text, LIMIT)[: len(pieces)]
    assert len(held) <= LIMIT + size * 40 + 400
