"""A person and a thread may send only so many questions to models, also across restarts of the bot."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.chat.answer_worker import AnswerWorker
from bot.chat.question_limits import QuestionLimits
from bot.domain.chat import ModelRef, Question
from bot.domain.place import Place
from bot.errors import TooManyQuestions
from bot.ports.questions import AskedTimes
from storage.questions import SqliteQuestions
from tests.support.clock import NOON
from tests.support.harness import ADA, PLACE, TEAM, Harness
from tests.support.recording_answer_poster import RecordingAnswerPoster

THREAD = replace(PLACE, thread="1.1")
LIMITS = QuestionLimits(person_per_minute=2, thread_per_hour=3)


def times(*seconds_ago: float) -> list[datetime]:
    return [NOON - timedelta(seconds=seconds) for seconds in seconds_ago]


@pytest.mark.parametrize(
    ("person", "thread"),
    [
        ((), ()),
        ((59,), (59,)),
        ((61, 59), ()),
        ((60, 1), ()),
        ((), (3600, 2, 1)),
        # The clock was put back by an hour: what seems to come later keeps nobody out.
        ((-3600, -3600, -3600), (-1, -1, -1)),
    ],
)
def test_within_the_limits_one_more_is_asked(person: tuple[float, ...], thread: tuple[float, ...]) -> None:
    LIMITS.check(AskedTimes(times(*person), times(*thread)), NOON)


@pytest.mark.parametrize(
    ("person", "thread", "words"),
    [
        ((50, 1), (), "You asked 2 questions within a minute.*again in 10 seconds"),
        ((59.5, 1), (), "again in a second"),
        ((50, 40, 30), (), "again in 20 seconds"),
        ((), (3000, 2, 1), "This thread had 3 questions within an hour.*again in 10 minutes, or in a new thread"),
    ],
)
def test_over_a_limit_the_person_is_told_when_to_ask_again(
    person: tuple[float, ...], thread: tuple[float, ...], words: str
) -> None:
    with pytest.raises(TooManyQuestions, match=words) as caught:
        LIMITS.check(AskedTimes(times(*person), times(*thread)), NOON)
    assert "each one costs money" in caught.value.message


def test_zero_is_no_limit() -> None:
    QuestionLimits().check(AskedTimes(times(*[1] * 1000), times(*[1] * 1000)), NOON)


class Process:
    """What a process of the bot has: it knows of earlier ones what is in the database."""

    def __init__(self, harness: Harness, limits: QuestionLimits = LIMITS) -> None:
        self._store = SqliteQuestions(harness.database, harness.clock)
        self.worker = AnswerWorker(self._store, harness.chat, harness.clock, limits=limits)

    async def ask(self, key: str, user: str = ADA, place: Place = PLACE) -> str:
        """The last words to the person who asks."""
        to = RecordingAnswerPoster()
        asked = await self.worker.add(Question(key, place, user, "1"))
        assert asked is not None
        await self.worker.process(asked, to)
        return to.shown[-1]


@pytest.fixture
async def model(harness: Harness) -> ModelRef:
    job = await harness.answering("counter")
    return ModelRef("vertex", job.endpoint, job.name)


def asked_of_google(harness: Harness) -> int:
    return len(harness.google.requests.matching(r":(streamG|g)enerateContent$"))


async def test_one_persons_questions_are_limited_and_those_of_others_are_answered(
    harness: Harness, model: ModelRef
) -> None:
    process = Process(harness)
    assert [await process.ask(f"k{number}") for number in range(2)] == ["2 1/1"] * 2
    assert "You asked 2 questions within a minute" in await process.ask("k2")
    assert await process.ask("bob", "U2") == "2 1/1"
    assert asked_of_google(harness) == 3
    harness.clock.advance(seconds=60)
    assert await process.ask("k3") == "2 1/1"


async def test_a_threads_questions_are_limited_for_all_people_together(harness: Harness, model: ModelRef) -> None:
    process = Process(harness)
    for number in range(3):
        assert await process.ask(f"k{number}", f"U{number}", THREAD) == "2 1/1"
    assert "or in a new thread" in await process.ask("k3", "U9", THREAD)
    # Outside of threads each question starts one of its own.
    assert await process.ask("k4", "U9") == "2 1/1"
    assert await process.ask("k5", "U8", replace(THREAD, thread="2.2")) == "2 1/1"
    assert asked_of_google(harness) == 5
    harness.clock.advance(hours=1)
    assert await process.ask("k6", "U9", THREAD) == "2 1/1"


async def test_a_restart_does_not_begin_the_count_anew(harness: Harness, model: ModelRef) -> None:
    for number in range(2):
        assert await Process(harness).ask(f"k{number}") == "2 1/1"
    assert "You asked 2 questions" in await Process(harness).ask("k2")
    assert asked_of_google(harness) == 2


@pytest.mark.parametrize("hours", [2, -2])
async def test_a_clock_that_is_set_neither_opens_a_limit_nor_locks_people_out(
    harness: Harness, model: ModelRef, hours: int
) -> None:
    process = Process(harness)
    for number in range(2):
        assert await process.ask(f"k{number}") == "2 1/1"
    harness.clock.set_forward(timedelta(hours=hours))
    assert "You asked 2 questions" in await process.ask("k2")
    harness.clock.advance(seconds=60)
    for number in range(3, 5):
        assert await process.ask(f"k{number}") == "2 1/1"
    assert "You asked 2 questions" in await process.ask("k5")


async def test_what_was_asked_before_the_clock_was_set_back_counts_from_the_start_of_the_next_process(
    harness: Harness, model: ModelRef
) -> None:
    for number in range(2):
        assert await Process(harness).ask(f"k{number}") == "2 1/1"
    harness.clock.set_forward(timedelta(hours=-2))
    process = Process(harness)
    harness.clock.advance(seconds=59)
    assert "You asked 2 questions within a minute" in await process.ask("k2")
    harness.clock.advance(seconds=1)
    assert await process.ask("k3") == "2 1/1"


async def test_a_question_that_the_next_process_asks_again_is_not_counted_twice(
    harness: Harness, model: ModelRef
) -> None:
    limits = QuestionLimits(person_per_minute=1)
    store = SqliteQuestions(harness.database, harness.clock)
    asked = await store.add(Question("k1", PLACE, ADA, "1"))
    assert asked is not None
    await store.count(asked.question, timedelta(hours=1), limits.check)

    to = RecordingAnswerPoster()
    await Process(harness, limits).worker.process(asked, to)

    assert to.shown[-1] == "2 1/1"
    assert "You asked one question within a minute" in await Process(harness, limits).ask("k2")


async def test_a_question_that_no_model_can_answer_is_not_counted(harness: Harness) -> None:
    process = Process(harness)
    for number in range(5):
        assert "No model was chosen for this channel" in await process.ask(f"k{number}")


async def test_the_table_keeps_the_last_hour_only(harness: Harness, model: ModelRef) -> None:
    process = Process(harness)
    await process.ask("k1")
    harness.clock.advance(hours=2)
    await process.ask("k2")
    rows = await harness.database.run(lambda db: list(db.query("SELECT key, team FROM asked")))
    assert rows == [{"key": "k2", "team": TEAM}]
