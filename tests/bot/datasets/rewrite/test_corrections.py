"""Corrections as rows, and in the place of the rows that they correct."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.datasets import CorrectedRows, Example, correction_rows, encode
from bot.domain.chat import ModelRef, Turn, TurnRole
from bot.domain.datasets import Dialect
from bot.domain.feedback import Correction, RatedAnswer
from bot.domain.place import Place
from tests.support.builders import START, TEAM


def correction(question: str, text: str, answer: str = "eight") -> Correction:
    place, model = Place(TEAM, "C1"), ModelRef("vertex", "e", "counter")
    rated = RatedAnswer("k", place, "U1", model, (Turn(TurnRole.USER, question),), "{}", answer, START)
    return Correction(rated, "U2", question, text, START)


def test_a_preference_row_has_the_models_answer_as_the_one_to_prefer_less() -> None:
    [row] = correction_rows([correction("seven", "nine")], Dialect.TRL)
    assert json.loads(row) == {"prompt": "seven", "chosen": "nine", "rejected": "eight"}


@pytest.mark.parametrize("dialect", [Dialect.VERTEX, Dialect.GEMINI, Dialect.OPENAI])
@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 40))
def test_only_rows_of_the_corrected_question_are_replaced(
    dialect: Dialect, question: str, other: str, step: int
) -> None:
    keeps = [Example("", (f"{question}?", "a")), Example("", ("b", other))]
    if dialect is not Dialect.GEMINI:
        keeps.append(Example("", (question, "x", "more", "y")))
    kept = [encode(each, dialect) for each in keeps if each.texts[0] != question or len(each.texts) > 2]
    old = encode(Example("", (question, other)), dialect)
    content = b"\n".join([old, *kept, old])
    rows = CorrectedRows([correction(question, "better")], dialect)
    written = b"".join(rows.feed(content[at : at + step]) for at in range(0, len(content), step)) + rows.finish()
    assert written.splitlines() == [*kept, encode(Example("", (question, "better")), dialect)]
    assert rows.replaced == 2
