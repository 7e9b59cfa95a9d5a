"""An answer that outgrows a message is shown in each of its messages while the model writes it, in their order."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from bot.chat.answer_worker import StoredLive
from bot.domain.chat import Answer, ModelAnswer, Question
from bot.ports.questions import OpenQuestion
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.sandbox.slack import Message
from handlers.blocks.chat.answer import build_answer, build_asked_answer
from handlers.delivery.answer_posts import SlackAnswerPoster
from handlers.delivery.live_pace import LiveAnswers
from tests.support.question_harness import MODEL, QuestionHarness
from tests.support.slack_harness import open_slack_harness

CODE = "```python\n" + "\n".join(f"line_{number} = {number}" for number in range(900)) + "\n```"
PARTS = ["\n\n".join(f"part{part} " + "word " * 300 for part in range(six, six + 6)) for six in (0, 6, 12)]
CHUNK = 700
LONG = "\n\n".join([PARTS[0], CODE, *PARTS[1:]])
# What passes, also a code that no page of Slack's names.
PASSING = [
    *("rate_limited", "org_login_required", "accesslimited", "message_limit_exceeded", "ekm_access_denied"),
    *("channel_not_found", "a_code_of_next_year"),
]
# What the bot calls to show an answer, and to find one.
METHODS = [
    *("chat.startStream", "chat.appendStream", "chat.stopStream", "chat.postMessage", "chat.update"),
    *("chat.delete", "agents.sessions.setStatus", "conversations.history", "conversations.replies"),
]


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[QuestionHarness]:
    async with open_slack_harness(tmp_path) as at:
        made = QuestionHarness(at)
        yield made
        await made.tasks.drain(0.0)


@dataclass
class Showing:
    """One question whose answer is shown by one process."""

    harness: QuestionHarness
    asked: OpenQuestion
    to: SlackAnswerPoster
    live: StoredLive

    @property
    def messages(self) -> list[Message]:
        return [each for each in self.harness.at.messages() if not each.visible_to]

    def shows(self, words: str) -> bool:
        return words in str([each.blocks for each in self.messages])

    async def grow(self, text: str, shown: Callable[[], bool], *, then: Callable[[], None] | None = None) -> None:
        """Show the text in chunks, and wait for what Slack shows of it before the answer is over.

        `then` is called once its first words are shown.
        """
        async with self.to.show_live(self.asked, MODEL, self.live) as show:
            for at in range(0, len(text), CHUNK):
                show(text[at : at + CHUNK])
                await self.harness.at.slack.settle()
                if then is not None and not at:
                    await self.harness.at.until(lambda: self.shows(text[:5]))
                    then()
            await self.harness.at.until(shown)

    async def finish(self, text: str) -> list[Message]:
        """Post the finished answer as the worker does; returns its messages."""
        store, key, last = self.harness.store, self.asked.question.key, False
        answer = ModelAnswer(MODEL, Answer(text))
        await store.store_answer(key, answer)
        while not last:
            asked = await store.question(key)
            assert asked is not None
            posted = await self.to.post(asked, answer, partial(store.record_attempt, key), self.live)
            await store.posted(key, posted.thread)
            last = posted.last
        return self.messages


async def showing(harness: QuestionHarness, question: Question, *, resumed: bool = False) -> Showing:
    """Ask the question, or go on with it in another process."""
    asked = await (harness.store.question(question.key) if resumed else harness.store.add(question))
    assert asked is not None
    slack = harness.at.connection
    pace = LiveAnswers(slack.poster, append_seconds=0.0, edit_seconds=0.01)
    to = SlackAnswerPoster(slack.idempotent_poster, slack.poster, SYSTEM_CLOCK, None, pace, resumed=resumed)
    return Showing(harness, asked, to, StoredLive(harness.store, question.key, lambda thread: None))


def in_thread(harness: QuestionHarness) -> Question:
    return harness.question("k", thread=harness.at.ada.post(harness.at.channel, "seven").ts)


def typed(harness: QuestionHarness) -> Question:
    return harness.question("k")


def directly(harness: QuestionHarness) -> Question:
    return replace(harness.question("k", harness.at.ada.open_dm()), quoted=False)


def expected(question: Question, text: str) -> list[str]:
    """The Markdown of each message of the finished answer."""
    answer = ModelAnswer(MODEL, Answer(text))
    built = build_asked_answer(question.user, question.text, answer) if question.quoted else build_answer(answer)
    return [block["text"] for each in built for block in each.blocks if block["type"] == "markdown"]


def markdown(messages: list[Message]) -> list[str]:
    return [block["text"] for each in messages for block in each.blocks if block["type"] == "markdown"]


@pytest.mark.parametrize("place", [in_thread, typed, directly])
async def test_each_message_of_a_long_answer_grows_and_is_the_finished_one_in_the_end(
    harness: QuestionHarness, place: Callable[[QuestionHarness], Question]
) -> None:
    question = place(harness)
    one = await showing(harness, question)
    pieces = expected(question, LONG)
    assert len(pieces) > 3
    await one.grow(LONG, lambda: len(one.messages) == len(pieces) and "part17" in markdown(one.messages)[-1])
    before = markdown(one.messages)
    assert before[:-1] == pieces[:-1], "each message before the last one ends where the finished one ends"
    asked = await harness.store.question("k")
    assert asked is not None
    assert [each.ts for each in asked.live] == [each.ts for each in one.messages]
    edits = len(harness.at.calls("chat.update"))
    messages = await one.finish(LONG)
    assert markdown(messages) == pieces
    assert all(each.streaming_until is None and each.metadata for each in messages)
    assert "Answered by" in str(messages[-1].blocks) or question.quoted
    assert len(harness.at.calls("chat.update")) <= edits + 1, "only the last message is still touched"
    thread = messages[0].ts if question.quoted else question.place.thread
    assert [each.thread_ts or "" for each in messages[1:]] == [thread] * (len(pieces) - 1)


async def test_a_stream_that_slack_ends_goes_on_as_a_message_that_is_edited(harness: QuestionHarness) -> None:
    one = await showing(harness, in_thread(harness))
    harness.at.slack.faults.fail("chat.appendStream", times=None, error="message_not_in_streaming_state")
    await one.grow(PARTS[0], lambda: one.shows("part5"))
    assert harness.at.calls("chat.update")
    assert markdown(await one.finish(PARTS[0])) == expected(one.asked.question, PARTS[0])


async def test_where_the_next_stream_is_refused_the_next_message_is_edited(harness: QuestionHarness) -> None:
    one = await showing(harness, in_thread(harness))

    def refuse_streams() -> None:
        harness.at.slack.faults.fail("chat.startStream", times=None, error="channel_type_not_supported")

    await one.grow(LONG, lambda: one.shows("part17"), then=refuse_streams)
    assert markdown(await one.finish(LONG)) == expected(one.asked.question, LONG)
    assert harness.at.calls("chat.postMessage")


@pytest.mark.parametrize("text", ["short", PARTS[0] + "\n\n" + PARTS[1], LONG + " and more"])
async def test_another_process_puts_its_whole_answer_in_the_place_of_all_that_was_shown(
    harness: QuestionHarness, text: str
) -> None:
    question = in_thread(harness)
    one = await showing(harness, question)
    await one.grow(LONG, lambda: one.shows("part17"))
    shown = [each.ts for each in one.messages]
    other = await showing(harness, question, resumed=True)
    # The words of the answer that is lost disappear.
    await other.grow(text[:100], lambda: other.shows(text[:5]) and not other.shows("part17"))
    messages = await other.finish(text)
    assert markdown(messages) == expected(question, text)
    assert [each.ts for each in messages] == shown[: len(messages)]


async def test_a_message_that_somebody_deleted_comes_again_before_the_later_ones(harness: QuestionHarness) -> None:
    one = await showing(harness, in_thread(harness))
    await one.grow(LONG, lambda: one.shows("part17"))
    one.messages[1].deleted = True
    other = await showing(harness, one.asked.question, resumed=True)
    assert markdown(await other.finish(LONG)) == expected(one.asked.question, LONG)


async def test_a_question_that_is_withdrawn_leaves_none_of_its_messages(harness: QuestionHarness) -> None:
    one = await showing(harness, in_thread(harness))
    await one.grow(LONG, lambda: one.shows("part17"))
    asked = await harness.store.question("k")
    assert asked is not None
    await one.to.withdraw(asked)
    assert one.messages == []


async def test_a_thread_that_is_gone_says_nothing_of_streams_in_its_channel(harness: QuestionHarness) -> None:
    question = in_thread(harness)
    harness.at.ada.delete(next(each for each in harness.at.channel.messages if each.ts == question.place.thread))
    asked = await harness.store.add(question)
    assert asked is not None
    slack = harness.at.connection
    pace = LiveAnswers(slack.poster, append_seconds=0.0, edit_seconds=0.01)
    to = SlackAnswerPoster(slack.idempotent_poster, slack.poster, SYSTEM_CLOCK, None, pace)
    async with to.show_live(asked, MODEL, StoredLive(harness.store, "k", lambda thread: None)) as show:
        show("eight")
        await harness.at.until(lambda: harness.at.calls("chat.delete"))
    assert pace.may_stream(question.place.channel)


async def test_an_explanation_takes_the_place_of_all_messages(harness: QuestionHarness) -> None:
    one = await showing(harness, in_thread(harness))
    await one.grow(LONG, lambda: one.shows("part17"))
    asked = await harness.store.question("k")
    assert asked is not None
    await one.to.explain(asked, ValueError(), partial(harness.store.record_attempt, "k"), one.live)
    (message,) = one.messages
    assert "part" not in str(message.blocks)


async def test_a_question_that_is_withdrawn_leaves_no_message_whose_name_was_lost(
    harness: QuestionHarness,
) -> None:
    harness.at.slack.faults.lose_answer("chat.postMessage")
    one = await showing(harness, directly(harness))
    await one.grow(PARTS[0], lambda: one.shows("part0"))
    asked = await harness.store.question("k")
    assert asked is not None
    assert [each.ts for each in asked.live] == [""]
    await one.to.withdraw(asked)
    assert one.messages == []


@pytest.mark.parametrize("place", [in_thread, typed, directly])
async def test_a_restored_backup_that_knows_only_the_first_message_asks_no_model_again(
    harness: QuestionHarness, place: Callable[[QuestionHarness], Question]
) -> None:
    one = await showing(harness, place(harness))
    await one.grow(LONG, lambda: one.shows("part17"))
    await one.finish(LONG)
    await one.live.keep(1)
    other = await showing(harness, one.asked.question, resumed=True)
    found = await other.to.posted_before(other.asked)
    assert found is not None
    assert found.last


@pytest.mark.long
@pytest.mark.parametrize("place", [in_thread, typed, directly])
@pytest.mark.parametrize("method", METHODS)
async def test_a_paid_answer_stands_once_in_its_place_with_whatever_code_a_method_is_refused(
    harness: QuestionHarness, method: str, place: Callable[[QuestionHarness], Question]
) -> None:
    """Slack's answers to the first post and stream are lost, and the process ends with the answer stored."""
    question, faults = place(harness), harness.at.slack.faults
    one = await showing(harness, question)
    faults.lose_answer("chat.postMessage")
    faults.lose_answer("chat.startStream")
    for code in PASSING:
        faults.fail(method, error=code)
    text = "\n\n".join(PARTS)
    async with one.to.show_live(one.asked, MODEL, one.live) as show:
        show(text[:CHUNK])
        await harness.at.slack.settle()
    await harness.store.store_answer("k", ModelAnswer(MODEL, Answer(text)))
    await harness.questions().resume()
    await harness.settled()
    standing = [each for each in one.messages if not each.deleted]
    assert markdown(standing) == expected(question, text)
    assert {each.channel for each in standing} == {question.place.channel}
