"""Questions and answers as they stand in the channel."""

import pytest

from bot.domain.chat import Answer, Finish, ModelAnswer, ModelRef
from bot.domain.generation_settings import GenerationSettings
from handlers.blocks.chat.answer import answer_note, build_answer, build_asked_answer, build_shared, with_share
from handlers.blocks.message import Message
from tests.support.block_checks import check_message

CAPITALS = ModelRef("vertex", "projects/1/endpoints/2", "capitals")


def ask(question: str, answer: Answer) -> list[Message]:
    messages = build_asked_answer("U1", question, ModelAnswer(CAPITALS, answer))
    for message in messages:
        check_message(message, mentions={"U1"})
    return messages


def test_question_and_answer_stand_in_one_message() -> None:
    (message,) = ask("What is the capital of <France>?\nAnd of Italy?", Answer("**Paris** & Rome"))
    assert message.text == (
        "<@U1> asked `capitals`: What is the capital of &lt;France&gt;? And of Italy?\n**Paris** &amp; Rome"
    )
    assert list(message.blocks) == [
        {
            "type": "section",
            "block_id": "question",
            "text": {
                "type": "mrkdwn",
                "text": "<@U1> asked `capitals`:\n> What is the capital of &lt;France&gt;?\n> And of Italy?",
                "verbatim": True,
            },
        },
        {"type": "markdown", "text": "**Paris** & Rome"},
    ]


def test_a_private_answer_says_so_and_can_be_shared() -> None:
    (message,) = ask("Which capital?", Answer("Paris"))
    private = with_share(message, "command:1")
    check_message(private, mentions={"U1"})
    assert private.text == f"{message.text}\nOnly you see this answer."
    assert list(private.blocks[len(message.blocks) :]) == [
        {
            "type": "context",
            "block_id": "private",
            "elements": [{"type": "mrkdwn", "text": "Only you see this answer.", "verbatim": True}],
        },
        {
            "type": "actions",
            "block_id": "share",
            "elements": [
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "Share"},
                    "action_id": "answer_share",
                    "value": "command:1",
                    "accessibility_label": "Post this answer in the channel for everybody",
                }
            ],
        },
    ]
    check_message(build_shared("C1"))
    assert build_shared("C1").text == "I post this answer in <#C1>."


def test_all_answers_are_shown_and_what_the_question_itself_set() -> None:
    settings = GenerationSettings(temperature=0.9, top_k=3, candidate_count=2, system_instruction="Be kind.")
    overrides = ("temperature", "candidate_count", "system_instruction")
    answer = ModelAnswer(CAPITALS, Answer("Paris", others=("*Lyon*",)), settings=settings, overrides=overrides)
    (message,) = build_answer(answer)
    assert message.text == (
        "**Answer 1 of 2**\n\nParis\n\n**Answer 2 of 2**\n\n*Lyon*\n"
        "Answered by `capitals` with temperature: 0.9 and candidate count: 2."
    )
    check_message(message)


def test_an_answer_in_a_thread_names_its_model() -> None:
    (message,) = build_answer(ModelAnswer(CAPITALS, Answer("Paris.")))
    check_message(message)
    assert message.text == "Paris.\nAnswered by `capitals`."
    assert [each["type"] for each in message.blocks] == ["markdown", "context"]


def test_a_long_answer_goes_on_in_further_messages() -> None:
    paragraphs = [f"Paragraph {index}. " + "word " * 50 for index in range(200)]
    messages = ask("Tell me all.", Answer("\n\n".join(paragraphs)))
    assert len(messages) == 5
    assert [each["type"] for each in messages[0].blocks] == ["section", "markdown"]
    assert all([each["type"] for each in later.blocks] == ["markdown"] for later in messages[1:])
    blocks = [block for message in messages for block in message.blocks]
    said = "".join(block["text"] for block in blocks if block["type"] == "markdown")
    assert all(f"Paragraph {index}." in said for index in range(200))


def test_the_note_on_how_an_answer_ended_stands_under_its_last_piece() -> None:
    messages = ask("Tell me all.", Answer("word " * 5_000, Finish.CUT, "MAX_TOKENS"))
    notes = [each for message in messages for each in message.blocks if each.get("block_id") == "answer_notes"]
    assert len(notes) == 1
    assert messages[-1].blocks[-1] == notes[0]
    assert messages[-1].text.endswith(notes[0]["elements"][0]["text"])


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (Answer("Paris."), ""),
        (
            Answer("", Finish.BLOCKED, "SAFETY"),
            "Google's filters held the answer back: it may be unsafe. Google's word for it is `SAFETY`. "
            "Try to put the question differently.",
        ),
        (
            Answer("The first", Finish.BLOCKED, "RECITATION"),
            "Google's filters stopped the answer here: it repeats text from somewhere else too closely. "
            "Google's word for it is `RECITATION`. Try to put the question differently.",
        ),
        (
            Answer("", Finish.BLOCKED, "BRAND_NEW_REASON"),
            "Google's filters held the answer back. Google's word for it is `BRAND_NEW_REASON`. "
            "Try to put the question differently.",
        ),
        (
            Answer("Long", Finish.CUT, "MAX_TOKENS"),
            "The answer ends early: the model reached its limit for one answer. "
            "Google's word for it is `MAX_TOKENS`. Ask it to go on.",
        ),
        (
            Answer("Half", Finish.CUT, "OTHER"),
            "The answer ends early: Google does not say why. Google's word for it is `OTHER`. Ask it to go on.",
        ),
        (
            Answer("Half", Finish.CUT, "BRAND_NEW_REASON"),
            "The answer ends early: Google gave a reason that this bot does not know. "
            "Google's word for it is `BRAND_NEW_REASON`. Ask it to go on.",
        ),
        (
            Answer("Half", Finish.CUT),
            "The answer may end early: Google did not say that it is complete. Ask it to go on.",
        ),
        (
            Answer("", Finish.EMPTY, "MALFORMED_FUNCTION_CALL"),
            "The model gave no answer: the model wrote a broken function call. "
            "Google's word for it is `MALFORMED_FUNCTION_CALL`. Try to put the question differently.",
        ),
        (
            Answer("", Finish.EMPTY, "BRAND_NEW_REASON"),
            "The model gave no answer: Google gave a reason that this bot does not know. "
            "Google's word for it is `BRAND_NEW_REASON`. Try to put the question differently.",
        ),
        (
            Answer("", Finish.CUT, "MAX_TOKENS"),
            "The model used up its limit for one answer before it wrote a word: a model's thoughts count too. "
            "Google's word for it is `MAX_TOKENS`. Ask for less at a time, or allow longer answers with "
            "/tune settings.",
        ),
        (Answer("", Finish.EMPTY), "The model gave no answer. Try to put the question differently."),
        (Answer(" \n", Finish.COMPLETE), "The model gave no answer. Try to put the question differently."),
    ],
)
def test_an_answer_that_is_not_whole_says_so_and_why(answer: Answer, note: str) -> None:
    assert answer_note(answer) == note
    (message,) = ask("Why?", answer)
    assert note in message.text


def test_history_that_was_not_taken_is_admitted() -> None:
    (message,) = build_answer(ModelAnswer(CAPITALS, Answer("Paris."), history_dropped=True))
    assert "it saw only the last question" in message.text


def test_history_that_was_cut_is_admitted() -> None:
    (message,) = build_answer(ModelAnswer(CAPITALS, Answer("Paris."), history_cut=True))
    assert "This thread is longer than the model takes: it saw only the newest messages of it." in message.text


def test_a_model_cannot_ping_the_channel() -> None:
    (message,) = ask("Say hi <!here>", Answer("Hi <!channel> and <@U0BOSS> and @everyone"))
    assert message.blocks[1]["text"] == "Hi &lt;!channel&gt; and &lt;@U0BOSS&gt; and @\u2060everyone"


def test_an_answer_of_thoughts_alone_says_what_to_do() -> None:
    note = answer_note(Answer("", Finish.CUT, "MAX_TOKENS"))
    assert "before it wrote a word" in note
    assert "/tune settings" in note
