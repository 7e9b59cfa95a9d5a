"""The thumbs under an answer, the form of a correction, and what `/tune feedback` answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat.feedback_service import CorrectionExport, FeedbackSummary
from bot.domain.chat import Answer, ModelAnswer, ModelRef, Turn, TurnRole
from bot.domain.feedback import FeedbackSums, FeedbackSwitch, RatedAnswer, Vote
from bot.errors import Outdated
from bot.tuning.corrected_file import CorrectedFile
from handlers.blocks.chat.answer import build_answer, build_asked_answer
from handlers.blocks.chat.feedback import (
    build_again,
    build_correction_form,
    build_exported,
    build_joined,
    build_joining_view,
    build_summary,
    build_switch,
    build_switched,
    build_thanks,
    build_why,
    read_correction_form,
    read_vote,
    with_votes,
)
from tests.bot.datasets.rewrite.test_corrections import correction
from tests.support.block_checks import check_message, check_view
from tests.support.block_samples import ADA, NOW, PLACE, done

MODEL = ModelRef("vertex", "e", "counter")
ANSWER = RatedAnswer(
    "message:C1:1.2", PLACE, "U2", MODEL, (Turn(TurnRole.USER, "<!channel>"),), "{}", "8 <@U9>", NOW
)


def test_an_answer_has_thumbs_only_where_it_can_be_rated_and_only_at_its_end() -> None:
    long = ModelAnswer(MODEL, Answer("word " * 5_000), rating_key="message:C1:1.2")
    for messages in (build_answer(long), build_asked_answer("U1", "seven", long)):
        assert [message.blocks[-1]["type"] == "context_actions" for message in messages] == [False, False, True]
        [thumbs] = messages[-1].blocks[-1]["elements"]
        assert read_vote(thumbs["positive_button"]["value"]) == ("message:C1:1.2", Vote.UP)
        assert read_vote(thumbs["negative_button"]["value"]) == ("message:C1:1.2", Vote.DOWN)
        check_message(messages[-1], mentions={"U1"})
    [plain] = build_answer(replace(long, answer=Answer("8"), rating_key=""))
    assert "context_actions" not in str(plain.blocks)


@pytest.mark.parametrize("value", ["", "up", "sideways key"])
def test_a_thumb_that_cannot_be_read_is_outdated(value: str) -> None:
    with pytest.raises(Outdated):
        read_vote(value)


def test_the_form_of_a_correction_comes_back_with_its_answer() -> None:
    view = build_correction_form(ADA, ANSWER)
    check_view(view)
    assert view["blocks"][2]["element"]["initial_value"] == "<!channel>"
    values = {name: {name: {"value": name}} for name in ("question", "better")}
    form = read_correction_form({**view, "state": {"values": values}}, ADA)
    assert (form.requester, form.key, form.question, form.text) == (
        replace(ADA, present=False),
        ANSWER.key,
        "question",
        "better",
    )


def test_slack_takes_every_message_on_feedback_and_nobody_is_pinged() -> None:
    job = replace(done(), spec=replace(done().spec, name="<!here> `x`"))
    said = [correction("<@U9> " * 200, "<!channel>") for _ in range(9)]
    for message in (
        build_why(),
        build_thanks(),
        build_again(job),
        build_switch(None),
        build_switch(FeedbackSwitch(True, "U1", NOW)),
        build_switched(on=True, by="U1"),
        build_switched(on=False, by="U1"),
        build_summary(FeedbackSummary(job, FeedbackSums(1, 2, 9), said)),
        build_exported(CorrectionExport(job, 2, 9, b"", b"")),
    ):
        check_message(message, mentions={"U1"})
    check_view(build_joining_view(ADA))


def test_a_card_shows_the_votes_where_there_are_any() -> None:
    card = build_thanks()
    assert with_votes(card, FeedbackSums()) is card
    told = with_votes(card, FeedbackSums(2, 1, 1))
    check_message(told)
    assert told.text.endswith("Feedback: 2 votes for its answers, 1 against, 1 correction.")


def test_corrections_are_shown_to_who_may_see_them_and_never_in_public() -> None:
    said = FeedbackSummary(done(), FeedbackSums(1, 2, 1), [correction("seven", "nine")])
    assert "1 vote for its answers, 2 against, 1 correction." in build_summary(said).text
    assert "seven → nine" in build_summary(said).text
    for hidden in (build_summary(said, in_public=True), build_summary(replace(said, corrections=None))):
        assert "nine" not in hidden.text


def test_the_file_to_tune_again_is_told_with_what_it_replaces() -> None:
    made = CorrectedFile(Path("rows.jsonl"), "counter.jsonl", 2, 0)
    assert build_joined("counter", made).text == "This is the training file of *counter* with 2 corrections."
    assert "in place of 3 rows." in build_joined("counter", replace(made, replaced=3)).text
