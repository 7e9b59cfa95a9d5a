"""Two answers under each other, with nothing that says which model wrote which before a vote."""

import json
from dataclasses import replace

import pytest

from bot.domain.chat import Answer, Finish, ModelAnswer, ModelRef
from bot.domain.comparison import Comparison, ComparisonSum, Part, Preference, Side
from bot.domain.place import Place
from bot.errors import Outdated
from handlers.blocks.chat.two_answers import build_comparison, build_voted, read_choice, with_comparisons
from handlers.blocks.message import compose
from tests.support.block_checks import check_message

CAPITALS = ModelRef("vertex", "projects/1/endpoints/2", "capitals")
BASE = ModelRef("vertex", "projects/1/publishers/google/models/gemini-3.5-flash", "gemini-3.5-flash")


def compared(first: str, second: str, key: str = "command:1") -> ModelAnswer:
    base = ModelAnswer(BASE, Answer(first), is_base=True)
    tuned = ModelAnswer(CAPITALS, Answer(second))
    return ModelAnswer(CAPITALS, Answer(second), sides=(base, tuned), compared=key)


def test_both_answers_stand_in_one_message_without_their_models_names() -> None:
    (message,) = build_comparison(compared("It is Lyon.", "Paris <!channel>"), ("U1", "The capital of <France>?"))
    check_message(message, mentions={"U1"})
    intro, *rest = message.blocks
    assert intro["text"]["text"] == (
        "<@U1> compared `capitals` and its base model `gemini-3.5-flash`, in random order:\n"
        "> The capital of &lt;France&gt;?"
    )
    assert [block["text"] if block["type"] == "markdown" else block["block_id"] for block in rest] == [
        *("side_a", "It is Lyon.", "side_b", "Paris &lt;!channel&gt;"),
        *("answer_notes", "comparison"),
    ]
    assert "gemini" not in json.dumps(rest), "which is which is not told"
    assert [(each["text"]["text"], each["value"]) for each in rest[-1]["elements"]] == [
        ("A is better", "a command:1"),
        ("B is better", "b command:1"),
        ("About the same", "same command:1"),
    ]


def test_a_side_that_failed_says_why_and_then_there_is_nothing_to_vote_on() -> None:
    whole = compared("", "Paris", key="")
    failed = ModelAnswer(BASE, Answer("", Finish.EMPTY), is_base=True, problem="Google has no <such> model.")
    (message,) = build_comparison(ModelAnswer(CAPITALS, whole.answer, sides=(failed, whole.sides[1])))
    check_message(message)
    assert "*A:* `gemini-3.5-flash`\nNo answer: Google has no &lt;such&gt; model.\n*B:* `capitals`" in message.text
    assert message.text.endswith("There is nothing to vote on. Replies go to `capitals`.")


def test_what_is_set_but_not_sent_is_said_of_two_answers_too() -> None:
    asked = ModelAnswer(CAPITALS, Answer("Lyon"), left_out=("temperature", "top_p"))
    other = ModelAnswer(replace(CAPITALS, endpoint="projects/1/endpoints/3", name="rivers"), Answer("Paris"))
    other = replace(other, left_out=("temperature",))
    said = (
        "Set here but not sent, because `capitals` does not take them: temperature and top-p.\n"
        "Set here but not sent, because `rivers` does not take it: temperature."
    )
    for sides in ((asked, other), (other, asked)):
        (message,) = build_comparison(ModelAnswer(CAPITALS, asked.answer, sides=sides, compared="command:1"))
        check_message(message)
        assert message.text.endswith(said), "in the same order, whichever answer is A"
    base = ModelAnswer(BASE, Answer("Lyon"), is_base=True, left_out=("temperature", "top_p"))
    (message,) = build_comparison(ModelAnswer(CAPITALS, asked.answer, sides=(base, asked), compared="command:1"))
    assert message.text.count("not sent") == 1, "a base model is asked as the tuned one is"


def test_private_answers_promise_no_replies() -> None:
    (message,) = build_comparison(compared("Lyon", "Paris"), ("U1", "Why?"), goes_on=False)
    check_message(message, mentions={"U1"})
    assert message.text.endswith("Vote, and I tell you alone which model wrote which.")


def test_long_answers_become_more_messages_and_the_last_one_has_the_buttons() -> None:
    messages = build_comparison(compared("first " * 3_000, "second " * 2_000), ("U1", "Why?"))
    for message in messages:
        check_message(message, mentions={"U1"})
    assert len(messages) > 2
    assert ["comparison_a" in str(message.blocks) for message in messages] == [
        *[False] * (len(messages) - 1),
        True,
    ]
    shown = "".join(
        str(block["text"]) for message in messages for block in message.blocks if block["type"] == "markdown"
    )
    assert (shown.count("first"), shown.count("second")) == (3_000, 2_000)


def test_a_vote_says_which_is_which() -> None:
    sides = (Side(BASE, Part.BASE), Side(CAPITALS, Part.ASKED))
    message = build_voted(Comparison("command:1", Place("T1", "C1"), "U1", sides), Preference.B)
    check_message(message)
    assert message.text == (
        "Your vote for B is stored. A is the base model *gemini-3.5-flash* and B is *capitals*. "
        "Press another button if you change your mind."
    )


@pytest.mark.parametrize("value", ["", "c command:1", "a", "a "])
def test_a_button_that_is_not_ours_says_so(value: str) -> None:
    with pytest.raises(Outdated):
        read_choice(value)


def test_the_sums_stand_below_the_card() -> None:
    card = compose("card", [])
    assert with_comparisons(card, []) == card
    hidden = ModelRef("vertex", "projects/1/endpoints/3", "")
    message = with_comparisons(card, [ComparisonSum(BASE, True, 3, 1, 0), ComparisonSum(hidden, False, 0, 1, 2)])
    check_message(message)
    assert message.text == (
        "card\nCompared with its base model `gemini-3.5-flash`: 3 votes for this model, 1 against, 0 for neither."
        "\n"
        "Compared with another model: 0 votes for this model, 1 against, 2 for neither."
    )
