"""A question is asked once and answered once, wherever it was cut off and whatever fails on the way."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.chat.answer_worker import ASKED_AGAIN_WITHIN, AnswerWorker
from bot.domain.backoff import Backoff
from bot.domain.chat import Answer, ModelAnswer, ModelRef, Question, Turn, TurnRole
from bot.domain.generation_settings import GenerationSettings
from bot.domain.place import Place, Requester
from bot.errors import NoSuchJob, Outdated, RetryLater, Unconfirmed
from bot.ports.notifier import NoticeKind
from storage.questions import SqliteQuestions
from tests.support.harness import ADA, PLACE, Harness
from tests.support.recording_answer_poster import RecordingAnswerPoster
from tests.support.waiting import cut_off, wait_until

THREAD = replace(PLACE, thread="1.1")
SEVEN = Question("command:1.2", PLACE, ADA, "1", quoted=True)
IMPATIENT = Backoff(first=0.001, longest=0.01, after_fault=0.01)


@pytest.fixture
async def model(harness: Harness) -> ModelRef:
    job = await harness.answering("counter")
    return ModelRef("vertex", job.endpoint, job.name)


@pytest.fixture
def questions(harness: Harness) -> SqliteQuestions:
    return SqliteQuestions(harness.database, harness.clock)


@pytest.fixture
def asking(harness: Harness, questions: SqliteQuestions) -> AnswerWorker:
    return AnswerWorker(questions, harness.chat, harness.clock, IMPATIENT)


def asked_of_google(harness: Harness) -> int:
    return len(harness.google.requests.matching(r":(streamG|g)enerateContent$"))


async def ask(asking: AnswerWorker, to: RecordingAnswerPoster, question: Question = SEVEN) -> None:
    asked = await asking.add(question)
    assert asked is not None
    await asking.process(asked, to)


async def resume_answers(asking: AnswerWorker, to: RecordingAnswerPoster) -> None:
    """What the next process does with what this one left."""
    (left,) = await asking.open_questions()
    await asking.process(left, to)
    assert await asking.open_questions() == []


async def test_a_question_is_asked_answered_and_kept_with_its_thread(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = RecordingAnswerPoster()
    await ask(asking, to)
    assert to.shown == ["asking counter", "2 1/1"]
    assert await asking.open_questions() == []
    conversation = await harness.chats.conversation(THREAD)
    assert conversation is not None
    assert conversation.turns == (Turn(TurnRole.USER, "1"), Turn(TurnRole.MODEL, "2"))


async def test_a_question_of_the_terminal_is_answered_there_and_kept_nowhere(
    harness: Harness, asking: AnswerWorker, questions: SqliteQuestions, model: ModelRef
) -> None:
    answered = await asking.ask_unposted(replace(SEVEN, key="terminal:1"))
    assert (answered.model, answered.answer.text) == (model, "2")
    assert await questions.open_questions() == []
    assert await harness.chats.conversation(PLACE) is None


async def test_a_question_of_the_terminal_that_a_killed_process_left_is_neither_asked_nor_posted(
    harness: Harness, asking: AnswerWorker, questions: SqliteQuestions, model: ModelRef
) -> None:
    assert await questions.add(replace(SEVEN, key="terminal:1"))
    assert await asking.open_questions() == []
    assert await questions.open_questions() == []
    assert asked_of_google(harness) == 0


async def test_the_same_delivery_is_not_taken_again_while_it_is_answered_nor_afterwards(
    asking: AnswerWorker, model: ModelRef
) -> None:
    asked = await asking.add(SEVEN)
    assert asked is not None
    assert await asking.add(SEVEN) is None
    await asking.process(asked, RecordingAnswerPoster())
    assert await asking.add(SEVEN) is None


async def test_a_form_chose_its_model_by_itself(harness: Harness, asking: AnswerWorker, model: ModelRef) -> None:
    await harness.answering("newest")
    to = RecordingAnswerPoster()
    await ask(asking, to, replace(SEVEN, place=Place(PLACE.team, "C-elsewhere"), model=model))
    assert to.shown == ["asking counter", "2 1/1"]


async def test_cut_off_while_google_thinks_it_is_asked_again_and_answered_once(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    fault = harness.google.faults.hang(path=r":(streamG|g)enerateContent")
    to = RecordingAnswerPoster()

    async def google_thinks() -> bool:
        return bool(fault.hits)

    await cut_off(ask(asking, to), google_thinks)
    harness.clock.time += ASKED_AGAIN_WITHIN
    await resume_answers(asking, to)
    assert to.shown == ["asking counter", "asking counter", "2 1/1"]
    assert asked_of_google(harness) == 2


@pytest.mark.parametrize("problem", [RetryLater("Slack is away.", 1.0), ValueError("a fault of ours")])
async def test_why_there_is_no_answer_is_told_until_slack_has_it_also_by_the_next_process(
    harness: Harness, asking: AnswerWorker, model: ModelRef, problem: Exception
) -> None:
    harness.google.faults.fail(400, "Not today.", path=r":(streamG|g)enerateContent")
    to = RecordingAnswerPoster(problems=[problem] * 100)

    async def failed_twice() -> bool:
        return to.attempts > 1

    await cut_off(ask(asking, to), failed_twice)
    after = RecordingAnswerPoster(problems=[problem] * 2)
    await resume_answers(asking, after)
    *faults, told = after.shown
    assert faults == ["a fault"] * isinstance(problem, ValueError)
    assert "Not today." in told
    assert asked_of_google(harness) == 1


async def test_an_answer_that_is_on_paper_is_posted_and_not_paid_for_again(
    harness: Harness, asking: AnswerWorker, questions: SqliteQuestions, model: ModelRef
) -> None:
    to = RecordingAnswerPoster(gate=asyncio.Event())

    async def under_way() -> bool:
        return bool(to.attempts)

    await cut_off(ask(asking, to), under_way)
    harness.clock.advance(days=2)
    after = RecordingAnswerPoster()
    await resume_answers(asking, after)
    assert after.shown == ["2 1/1"]
    assert after.states[0].unconfirmed is not None, "it is to be looked for"
    assert asked_of_google(harness) == 1
    assert await harness.chat.answers_in(Requester(ADA, THREAD))


async def test_a_question_that_is_too_old_is_given_back_and_not_asked(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    await asking.add(replace(SEVEN, text="what comes\nafter 1?"))
    harness.clock.time += ASKED_AGAIN_WITHIN
    harness.clock.advance(seconds=1)
    to = RecordingAnswerPoster()
    await resume_answers(asking, to)
    assert to.shown == [
        "I was interrupted before I could answer your question: “what comes after 1?”. "
        "Ask it again if you still want to know."
    ]
    assert asked_of_google(harness) == 0


async def test_googles_refusal_is_told_and_settles_the_question(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    harness.google.faults.fail(404, "Endpoint is not found.", path=r":(streamG|g)enerateContent", times=2)
    to = RecordingAnswerPoster()
    await ask(asking, to)
    assert len(to.shown) == 2
    assert "Endpoint is not found" in to.shown[1]
    assert await asking.open_questions() == []
    assert not await harness.chat.answers_in(Requester(ADA, THREAD))


async def test_the_owner_of_a_model_that_google_does_not_find_is_told_once(
    harness: Harness, model: ModelRef
) -> None:
    harness.google.faults.fail(404, "Endpoint is not found.", path=r":(streamG|g)enerateContent", times=4)
    for key in ("q1", "q2"):
        await ask(harness.use_cases.answers, RecordingAnswerPoster(), replace(SEVEN, key=key))
    assert (await harness.due()).count(NoticeKind.MISSING) == 1


async def test_a_refusal_is_told_once_slack_is_back(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    harness.google.faults.fail(404, "Endpoint is not found.", path=r":(streamG|g)enerateContent", times=2)
    to = RecordingAnswerPoster(problems=[RetryLater("Slack is away.", 0.01), RetryLater("Slack is away.", 0.01)])
    await ask(asking, to)
    assert len(to.shown) == 2
    assert "Endpoint is not found" in to.shown[1]
    assert asked_of_google(harness) == 2


async def test_a_refusal_that_was_being_told_is_not_asked_again(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    harness.google.faults.fail(404, "Endpoint is not found.", path=r":(streamG|g)enerateContent", times=2)
    to = RecordingAnswerPoster(gate=asyncio.Event())

    async def under_way() -> bool:
        return bool(to.attempts)

    await cut_off(ask(asking, to), under_way)
    after = RecordingAnswerPoster()
    await resume_answers(asking, after)
    assert len(after.shown) == 1
    assert "Google does not find the model" in after.shown[0]
    assert after.states[0].unconfirmed is not None
    assert asked_of_google(harness) == 2


async def test_without_any_model_it_is_said_how_to_choose_one(harness: Harness, asking: AnswerWorker) -> None:
    to = RecordingAnswerPoster()
    await ask(asking, to)
    assert "/tune use NAME" in to.shown[0]
    assert await asking.open_questions() == []


async def test_only_who_asked_a_private_question_may_ask_it_again(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    harness.google.faults.fail(404, "Endpoint is not found.", path=r":(streamG|g)enerateContent", times=2)
    await ask(asking, RecordingAnswerPoster(), replace(SEVEN, private=True))
    with pytest.raises(Outdated):
        await asking.try_again(SEVEN.key, Requester("U0BOB", SEVEN.place))
    # The button may be in the direct messages, where the bot cannot show it in the channel.
    again = await asking.try_again(SEVEN.key, Requester(SEVEN.user, Place(SEVEN.place.team, "D1")))
    assert again == replace(SEVEN, private=True, key=f"again:{SEVEN.key}")


async def test_a_paid_answer_waits_while_slack_is_away(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = RecordingAnswerPoster(problems=[RetryLater("Slack is away.", 0.01) for _ in range(5)])
    await ask(asking, to)
    assert to.shown == ["asking counter", "2 1/1"]
    assert asked_of_google(harness) == 1
    assert [state.unconfirmed for state in to.states] == [None] * 6, "what was refused need not be looked for"


async def test_a_post_that_may_have_arrived_is_to_be_looked_for(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = RecordingAnswerPoster(problems=[Unconfirmed("Slack's answer was lost.", 0.01)])
    await ask(asking, to)
    assert [state.unconfirmed is not None for state in to.states] == [False, True]


async def test_a_long_answer_goes_on_behind_what_stands(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = RecordingAnswerPoster(pieces=3, gate=asyncio.Event(), free=1)

    async def at_the_second() -> bool:
        return to.attempts == 2

    await cut_off(ask(asking, to), at_the_second)
    after = RecordingAnswerPoster(pieces=3)
    await resume_answers(asking, after)
    assert to.shown[1:] + after.shown == ["2 1/3", "2 2/3", "2 3/3"]
    assert {state.thread for state in after.states} == {THREAD}
    assert await harness.chat.answers_in(Requester(ADA, THREAD))


def half_hourly(harness: Harness, problems: list[RetryLater], pieces: int = 1) -> RecordingAnswerPoster:
    """A poster before whose every attempt half an hour passes."""
    return RecordingAnswerPoster(
        pieces=pieces, problems=list(problems), time_passes=lambda: harness.clock.advance(minutes=30)
    )


GONE = RetryLater("Slack refuses the message: channel_not_found.", 0.0, final=True)


async def test_an_answer_that_was_paid_for_is_kept_however_long_slack_refuses_it(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = half_hourly(harness, [GONE] * 200)
    await ask(asking, to)
    assert to.shown == ["asking counter", "2 1/1"]
    assert [state.refusals.number for state in to.states] == list(range(201))
    assert {state.unconfirmed for state in to.states} == {None}, "a refused post is not there"
    assert asked_of_google(harness) == 1
    assert await asking.open_questions() == []


async def test_a_search_that_slack_refuses_keeps_the_attempt_and_counts(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    unsure = Unconfirmed("Slack does not say whether it has the message: channel_not_found.", 0.0, final=True)
    to = half_hourly(harness, [unsure] * 3)
    await ask(asking, to)
    assert [state.refusals.number for state in to.states] == [0, 1, 2, 3]
    assert [state.unconfirmed is not None for state in to.states] == [False, True, True, True]


async def test_a_message_that_is_deleted_while_its_answer_is_posted_leaves_nothing_in_its_thread(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = RecordingAnswerPoster(gate=asyncio.Event())
    assert to.gate is not None
    task = asyncio.create_task(ask(asking, to))
    await wait_until(lambda: to.attempts, "the post")
    assert asking.stop(PLACE, ADA) == 0
    await asking.withdraw(PLACE.team, SEVEN.key)
    to.gate.set()
    await task
    assert to.shown[-1] == "2 1/1"
    conversation = await harness.stores.chats.conversation(THREAD)
    assert conversation is None or conversation.turns == ()


async def test_a_message_that_is_edited_while_its_answer_is_posted_stands_so_in_its_thread(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = RecordingAnswerPoster(gate=asyncio.Event())
    assert to.gate is not None
    task = asyncio.create_task(ask(asking, to))
    await wait_until(lambda: to.attempts, "the post")
    await asking.change(replace(SEVEN, text="ninety nine"), "1700.5")
    await asking.change(replace(SEVEN, text="an older edit"), "1700.4")
    to.gate.set()
    await task
    conversation = await harness.stores.chats.conversation(THREAD)
    assert conversation is not None
    assert [turn.text for turn in conversation.turns] == ["ninety nine", "2"]
    assert asked_of_google(harness) == 1


async def test_an_edit_that_asks_the_same_ends_no_answer_that_is_paid(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    assert await asking.add(SEVEN)
    changed = harness.stores.questions.change
    assert await changed(SEVEN, "1700.5") == [], "only the mention of the bot was moved"
    edited = replace(SEVEN, text="ninety nine", settings=GenerationSettings(stop_sequences=("a",)))
    assert await changed(edited, "1700.6") == [SEVEN.key]
    assert await changed(edited, "1700.6") == [], "Slack delivered it twice"
    assert await changed(replace(edited, compare="base"), "1700.7") == [SEVEN.key]


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_message_that_is_deleted_between_two_processes_is_neither_asked_nor_kept(
    harness: Harness, asking: AnswerWorker, model: ModelRef, is_answered: bool
) -> None:
    assert await asking.add(SEVEN)
    if is_answered:
        await harness.stores.questions.store_answer(SEVEN.key, ModelAnswer(model, Answer("2")))
    await asking.withdraw(PLACE.team, SEVEN.key)
    (left,) = await asking.open_questions()
    to = RecordingAnswerPoster()
    await asking.process(left, to)
    assert to.shown == ["withdrawn"]
    assert asked_of_google(harness) == 0
    assert await harness.stores.chats.conversation(THREAD) is None
    assert await asking.open_questions() == []


@pytest.mark.parametrize("tries", [0, 1, 2])
async def test_a_question_that_failed_is_tried_again_as_its_message_reads_by_then(
    harness: Harness, asking: AnswerWorker, tries: int
) -> None:
    question = SEVEN
    for _ in range(tries + 1):
        asked = await asking.add(question)
        assert asked is not None
        await asking.process(asked, RecordingAnswerPoster())  # no model was chosen
        failed, question = question, await asking.try_again(question.key, Requester(ADA, PLACE))
    edited = replace(SEVEN, text="ninety nine", named="other", settings=GenerationSettings(temperature=0.5))
    await asking.change(edited, "1700.5")
    again = await asking.try_again(failed.key, Requester(ADA, PLACE))
    assert (again.text, again.named, again.settings) == (edited.text, edited.named, edited.settings)
    await asking.withdraw(PLACE.team, SEVEN.key, "1700.4")
    assert await asking.try_again(failed.key, Requester(ADA, PLACE)), "an older edit"
    await asking.withdraw(PLACE.team, SEVEN.key)
    with pytest.raises(Outdated):
        await asking.try_again(failed.key, Requester(ADA, PLACE))


async def test_the_answer_that_an_earlier_process_left_cannot_be_stopped(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    assert await asking.add(SEVEN)
    await harness.stores.questions.store_answer(SEVEN.key, ModelAnswer(model, Answer("2")))
    (left,) = await asking.open_questions()
    to = RecordingAnswerPoster(gate=asyncio.Event())
    assert to.gate is not None
    task = asyncio.create_task(asking.process(left, to))
    await wait_until(lambda: to.attempts, "the post")
    assert asking.stop(PLACE, ADA) == 0
    to.gate.set()
    await task


async def test_a_fault_of_ours_loses_no_answer_and_is_told_once(
    harness: Harness, asking: AnswerWorker, model: ModelRef, caplog: pytest.LogCaptureFixture
) -> None:
    to = RecordingAnswerPoster(problems=[ValueError("ours"), ValueError("ours")])
    await ask(asking, to)
    assert to.shown == ["asking counter", "a fault", "2 1/1"]
    assert asked_of_google(harness) == 1
    assert "could not continue with command:1.2" in caplog.text


async def test_each_posted_message_starts_the_count_of_refusals_again(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = half_hourly(harness, [GONE, GONE], pieces=2)
    await ask(asking, to)
    assert [state.refusals.number for state in to.states] == [0, 1, 2, 0]


async def test_words_on_a_missing_answer_are_given_up_after_an_hour_of_refusals(
    harness: Harness, asking: AnswerWorker, caplog: pytest.LogCaptureFixture
) -> None:
    to = half_hourly(harness, [GONE] * 100)
    await ask(asking, to)
    assert (to.shown, len(to.states)) == ([], 3)
    assert await asking.open_questions() == []
    assert "gave up to post why command:1.2 has no answer" in caplog.text


async def test_words_on_a_missing_answer_are_given_up_after_a_day_of_any_refusal(
    harness: Harness, asking: AnswerWorker
) -> None:
    later = RetryLater("Slack refuses the message: org_login_required.", 0.0)
    to = half_hourly(harness, [later] * 100)
    await ask(asking, to)
    assert (to.shown, len(to.states)) == ([], 48)
    assert await asking.open_questions() == []


async def test_a_database_that_refuses_for_a_while_costs_no_answer(
    harness: Harness, asking: AnswerWorker, model: ModelRef
) -> None:
    to = RecordingAnswerPoster(gate=asyncio.Event())
    asked = await asking.add(SEVEN)
    assert asked is not None
    task = asyncio.create_task(asking.process(asked, to))

    async def posting() -> bool:
        return bool(to.attempts)

    await wait_until(posting)
    await harness.database.run(lambda connection: connection.execute("PRAGMA query_only = ON"))
    assert to.gate is not None
    to.gate.set()

    async def tried_again() -> bool:
        return len(to.states) > 2

    await wait_until(tried_again)
    await harness.database.run(lambda connection: connection.execute("PRAGMA query_only = OFF"))
    await task
    assert all(state.unconfirmed is not None for state in to.states[1:]), "found again, not posted"
    assert asked_of_google(harness) == 1
    assert await asking.open_questions() == []


@pytest.mark.parametrize("unposted", [False, True])
async def test_a_model_that_was_hidden_while_a_question_waited_is_not_asked(
    harness: Harness, asking: AnswerWorker, model: ModelRef, unposted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question has passed all checks, and waits until others are answered."""
    checked = harness.chat.model_for

    async def hidden_meanwhile(requester: Requester, name: str = "") -> ModelRef:
        found = await checked(requester, name)
        hidden = "UPDATE jobs SET channel = 'C0PRIVATE', owner = 'U0EVE'"
        await harness.database.write(lambda db: db.execute(hidden))
        return found

    monkeypatch.setattr(harness.chat, "model_for", hidden_meanwhile)
    asked = Question("command:9.9", PLACE, ADA, "seven", quoted=True)
    if unposted:
        with pytest.raises(NoSuchJob):
            await asking.ask_unposted(asked)
    else:
        to = RecordingAnswerPoster()
        await ask(asking, to, asked)
        assert not any("1/1" in line for line in to.shown)
    assert asked_of_google(harness) == 0


async def test_an_answer_that_google_writes_while_its_model_is_hidden_is_posted_and_no_other_one(
    harness: Harness, asking: AnswerWorker, model: ModelRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked with the right to, and is paid for."""
    sent = harness.chat.asking.ask

    async def hidden_meanwhile(*values: Any, **options: Any) -> ModelAnswer:
        answer = await sent(*values, **options)
        hidden = "UPDATE jobs SET channel = 'C0PRIVATE', owner = 'U0EVE'"
        await harness.database.write(lambda db: db.execute(hidden))
        return answer

    monkeypatch.setattr(harness.chat.asking, "ask", hidden_meanwhile)
    to = RecordingAnswerPoster()
    for key in ("command:9.8", "command:9.9"):
        await ask(asking, to, Question(key, PLACE, ADA, "seven", quoted=True))
    assert [line for line in to.shown if "1/1" in line] == ["fourteen 1/1"]
    assert asked_of_google(harness) == 1
