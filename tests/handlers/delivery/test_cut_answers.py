"""Words that Slack shows of an answer stay where no process finishes it, with a note that it was cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from bot.chat.answer_worker import StoredLive
from bot.chat.question_asking import interrupted
from bot.domain.chat import Question
from bot.errors import BotError
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.sandbox.slack import Message
from handlers.delivery.answer_posts import SlackAnswerPoster
from handlers.delivery.live_pace import LiveAnswers
from tests.support.question_harness import MODEL, QuestionHarness
from tests.support.slack_harness import open_slack_harness
from tests.support.waiting import wait_until

WORDS = "Seven is followed by **eight** again"
LONG = "\n\n".join(f"part{part} " + "word " * 300 for part in range(12)) + "\n\nthe end"
CUT = "This answer was cut:"


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[QuestionHarness]:
    async with open_slack_harness(tmp_path) as at:
        yield QuestionHarness(at)


def in_thread(harness: QuestionHarness) -> Question:
    return harness.question("k", thread=harness.at.ada.post(harness.at.channel, "seven").ts)


def typed(harness: QuestionHarness) -> Question:
    return harness.question("k")


def a_process(harness: QuestionHarness, *, resumed: bool = False) -> SlackAnswerPoster:
    slack = harness.at.connection
    pace = LiveAnswers(slack.poster, append_seconds=0.0, edit_seconds=0.01)
    return SlackAnswerPoster(slack.idempotent_poster, slack.poster, SYSTEM_CLOCK, None, pace, resumed=resumed)


def posted(harness: QuestionHarness) -> list[Message]:
    return [each for each in harness.at.messages() if not each.visible_to]


def shown(harness: QuestionHarness) -> str:
    return str([each.blocks for each in posted(harness)])


async def killed_while_it_shows(harness: QuestionHarness, question: Question, words: str) -> None:
    """Show the words, and end the process before the answer is over."""
    asked = await harness.store.add(question)
    assert asked is not None
    live = StoredLive(harness.store, question.key, lambda thread: None)

    async def process() -> None:
        async with a_process(harness).show_live(asked, MODEL, live) as show:
            show(words)
            await asyncio.Event().wait()

    task = asyncio.create_task(process())
    await harness.at.until(lambda: words[-5:] in shown(harness) if words else bool(posted(harness)))

    async def is_named() -> bool:
        newest = await harness.store.question(question.key)
        return newest is not None and all(each.ts for each in newest.live)

    await wait_until(is_named, "the ts of the message")
    task.cancel()
    await asyncio.wait({task})


async def explained(harness: QuestionHarness, question: Question, error: BotError) -> None:
    """Let the next process say why there is no answer."""
    asked = await harness.store.question(question.key)
    assert asked is not None
    live = StoredLive(harness.store, question.key, lambda thread: None)
    record = partial(harness.store.record_attempt, question.key)
    await a_process(harness, resumed=True).explain(asked, error, record, live)


@pytest.mark.parametrize("place", [in_thread, typed])
@pytest.mark.parametrize("streaming_ended", [False, True])
async def test_the_words_stay_and_one_note_says_that_the_answer_was_cut(
    harness: QuestionHarness, place: Callable[[QuestionHarness], Question], streaming_ended: bool
) -> None:
    question = place(harness)
    await killed_while_it_shows(harness, question, WORDS)
    if streaming_ended:
        for each in posted(harness):
            each.streaming_until = None
    for _ in range(2):  # The second time, the process was killed before it could settle the question.
        await explained(harness, question, interrupted(question))
    (message,) = posted(harness)
    said = str(message.blocks)
    assert "Seven is followed by **eight**" in said
    assert said.count(CUT) == said.count("Try again") == 1
    assert "is writing" not in said + message.text
    assert ("asked `counter`" in said) is question.quoted
    assert "could not get the rest" not in said
    assert message.streaming_until is None


async def test_why_the_rest_did_not_come_stands_under_the_words(harness: QuestionHarness) -> None:
    question = in_thread(harness)
    await killed_while_it_shows(harness, question, WORDS)
    await explained(harness, question, BotError("The budget of this channel is used up.", "Ask an owner."))
    (message,) = posted(harness)
    said = str(message.blocks)
    assert "Seven is followed by **eight**" in said
    assert "I could not get the rest." in said
    assert "The budget of this channel is used up." in said


async def test_a_message_without_words_becomes_the_words_on_the_missing_answer(harness: QuestionHarness) -> None:
    question = in_thread(harness)
    await killed_while_it_shows(harness, question, "")
    await explained(harness, question, interrupted(question))
    (message,) = posted(harness)
    assert "I was interrupted before I could answer" in str(message.blocks)
    assert CUT not in str(message.blocks)


async def test_of_a_long_answer_all_messages_stay_and_the_last_one_says_that_it_was_cut(
    harness: QuestionHarness,
) -> None:
    question = in_thread(harness)
    await killed_while_it_shows(harness, question, LONG)
    await explained(harness, question, interrupted(question))
    first, last = posted(harness)
    assert CUT not in str(first.blocks)
    assert CUT in str(last.blocks)
    assert "part0" in str(first.blocks)
    assert "the end" in str(last.blocks)


async def test_a_message_that_is_gone_is_said_in_a_new_one(harness: QuestionHarness) -> None:
    question = in_thread(harness)
    await killed_while_it_shows(harness, question, WORDS)
    (message,) = posted(harness)
    message.deleted = True
    await explained(harness, question, interrupted(question))
    assert "I was interrupted before I could answer" in shown(harness)
