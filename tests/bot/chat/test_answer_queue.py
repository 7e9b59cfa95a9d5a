"""Questions beyond what Google is asked at a time wait in turns; everybody is told, and other work goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from bot.backends import build_backends
from bot.backends.google.connections import CONNECTIONS, Pool
from bot.chat.answer_worker import AnswerWorker
from bot.chat.question_asking import ASKED_AT_ONCE, ASKED_AT_ONCE_BY_ONE
from bot.domain.chat import ModelRef, Question
from bot.domain.jobs import JobState
from bot.runtime.fair_queue import FairQueue
from tests.support.backend_harness import RETRY_POLICY, options
from tests.support.harness import ADA, PLACE, TEAM, Harness
from tests.support.recording_answer_poster import RecordingAnswerPoster
from tests.support.waiting import wait_until
from tests.support.workspace_people import open_chat

BEN = "U2"


@dataclass
class Askers:
    """People who ask at the same time; `told` lists what each of them saw."""

    worker: AnswerWorker
    model: ModelRef
    people: list[RecordingAnswerPoster] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def ask(self, user: str, times: int = 1) -> Sequence[RecordingAnswerPoster]:
        people = [RecordingAnswerPoster() for _ in range(times)]
        for person in people:
            key = f"command:{len(self.tasks)}"
            asked = await self.worker.add(Question(key, PLACE, user, "1", model=self.model, quoted=True))
            assert asked is not None
            self.tasks.append(asyncio.create_task(self.worker.process(asked, person)))
        self.people += people
        return people


async def _askers(harness: Harness, queue: FairQueue | None = None) -> AsyncIterator[Askers]:
    job = await harness.answering("counter")
    # A question may wait for a minute, which no test does.
    patient = options(harness.google, retry_policy=replace(RETRY_POLICY, generation=60.0))
    backends = build_backends(["vertex"], patient)
    chat = open_chat(harness.stores, backends)
    worker = AnswerWorker(harness.stores.questions, chat, harness.clock, queue=queue)
    made = Askers(worker, ModelRef("vertex", job.endpoint, job.name))
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    await backends["vertex"].close()


@pytest.fixture
async def askers(harness: Harness) -> AsyncIterator[Askers]:
    async for made in _askers(harness):
        yield made


@pytest.fixture
async def narrow(harness: Harness) -> AsyncIterator[Askers]:
    async for made in _askers(harness, FairQueue(at_once=2, most_each=1, most_waiting=3)):
        yield made


def test_question_whose_turn_it_is_never_waits_for_a_connection() -> None:
    assert CONNECTIONS[Pool.QUESTIONS] > ASKED_AT_ONCE


async def test_five_hundred_stuck_questions_delay_neither_another_person_nor_a_start(
    harness: Harness, askers: Askers
) -> None:
    stuck = harness.google.faults.hang(path=r":(streamG|g)enerateContent", times=None)
    people = await askers.ask(ADA, 500)
    await wait_until(lambda: all(person.shown for person in people))
    await wait_until(lambda: stuck.hits == ASKED_AT_ONCE_BY_ONE)
    assert sum(person.shown == ["waiting"] for person in people) == 500 - ASKED_AT_ONCE_BY_ONE
    (ben,) = await askers.ask(BEN)
    await wait_until(lambda: stuck.hits == ASKED_AT_ONCE_BY_ONE + 1)
    assert ben.shown == ["asking counter"]
    job = await harness.started("another")
    assert job.state is not JobState.FAILED
    await harness.refresher.poll("vertex", [job])
    assert (await harness.tuning.cancel(TEAM, job.key, ADA)).cancelled_by == ADA
    assert not any(task.done() for task in askers.tasks)


async def test_everybody_who_waits_is_answered_in_the_end(harness: Harness, narrow: Askers) -> None:
    people = [*await narrow.ask(ADA, 3), *await narrow.ask(BEN, 2)]
    await asyncio.gather(*narrow.tasks)
    assert [person.shown[-1] for person in people] == ["2 1/1"] * 5


async def test_question_that_finds_the_queue_full_is_refused_with_a_reason(
    harness: Harness, narrow: Askers
) -> None:
    stuck = harness.google.faults.hang(path=r":(streamG|g)enerateContent", times=None)
    await narrow.ask(ADA, 4)
    await wait_until(lambda: sum(person.shown == ["waiting"] for person in narrow.people) == 3)
    await wait_until(lambda: stuck.hits == 1)
    (one_more,) = await narrow.ask(ADA)
    await narrow.tasks[-1]
    assert one_more.shown == [
        "I cannot take your question now: too many others wait for their answers. Ask it again in a few minutes."
    ]
    assert len(await narrow.worker.open_questions()) == 4


async def test_question_that_waited_when_the_process_ended_is_answered_by_the_next_one(
    harness: Harness, narrow: Askers
) -> None:
    stuck = harness.google.faults.hang(path=r":(streamG|g)enerateContent", times=None)
    await narrow.ask(ADA, 2)
    await wait_until(lambda: stuck.hits == 1)
    await wait_until(lambda: any(person.shown == ["waiting"] for person in narrow.people))
    for task in narrow.tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    harness.google.faults.clear()
    for left in await narrow.worker.open_questions():
        person = RecordingAnswerPoster()
        await narrow.worker.process(left, person)
        assert person.shown == ["asking counter", "2 1/1"]
