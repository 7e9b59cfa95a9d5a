"""Two models get one question, each is paid once, and nobody sees before their vote which is which."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bot.chat.answer_worker import ASKED_AGAIN_WITHIN, AnswerWorker
from bot.chat.compare import AskingSteps, Comparisons
from bot.chat.question_limits import QuestionLimits
from bot.domain.backoff import Backoff
from bot.domain.chat import ModelAnswer, ModelRef, Question
from bot.domain.comparison import BASE, ComparisonSum, Preference
from bot.domain.place import Place, Requester
from bot.errors import Outdated
from bot.ports.notifier import RecordAttempt
from bot.ports.questions import LiveRecord, OpenQuestion, Posted
from bot.spending.price_table import read_price_table
from bot.spending.question_costs import QuestionBudgets
from tests.support.harness import ADA, PLACE, Harness
from tests.support.recording_answer_poster import RecordingAnswerPoster
from tests.support.waiting import wait_until

BASES = r"/publishers/"
ENDPOINTS = r"/endpoints/"
MODELS = r"/(publishers|endpoints)/.+:(streamG|g)enerateContent$"
KEY = "command:1.2"


@dataclass
class ComparedAnswers(RecordingAnswerPoster):
    """It keeps the whole answers that were posted."""

    def __post_init__(self) -> None:
        self.whole: list[ModelAnswer] = []

    async def post(
        self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt, live: LiveRecord
    ) -> Posted:
        self.whole.append(answer)
        return await super().post(asked, answer, record_attempt, live)


@pytest.fixture
async def model(harness: Harness) -> ModelRef:
    job = await harness.answering("counter")
    return ModelRef("vertex", job.endpoint, job.name)


def worker(
    harness: Harness,
    *,
    tuned_first: bool = True,
    per_minute: int = 0,
    missing: Callable[[ModelRef], Awaitable[None]] | None = None,
) -> tuple[AnswerWorker, Comparisons]:
    """What a process has; each one has its own opinion on the order."""
    stores = harness.stores
    comparisons = Comparisons(harness.chat, harness.use_cases.access, stores.comparisons, toss=lambda: tuned_first)
    budgets = QuestionBudgets(stores.budgets, stores.question_spend, read_price_table(), harness.clock)
    impatient = Backoff(first=0.001, longest=0.01, after_fault=0.01)
    made = AnswerWorker(
        stores.questions,
        harness.chat,
        harness.clock,
        impatient,
        limits=QuestionLimits(per_minute),
        feedback=harness.use_cases.feedback,
        budgets=budgets,
        comparisons=comparisons,
        missing=missing,
    )
    return made, comparisons


def question(model: ModelRef, compare: str = BASE) -> Question:
    return Question(KEY, PLACE, ADA, "seven", model=model, quoted=True, compare=compare)


async def ask(asking: AnswerWorker, to: RecordingAnswerPoster, asked: Question) -> None:
    opened = await asking.add(asked)
    assert opened is not None
    await asking.process(opened, to)


def paid(harness: Harness, which: str) -> int:
    return sum(bool(call.status == 200) for call in harness.google.requests.matching(which + r".+enerateContent$"))


@pytest.mark.parametrize("tuned_first", [True, False])
async def test_both_are_asked_alike_and_a_vote_says_which_is_which(
    harness: Harness, model: ModelRef, tuned_first: bool
) -> None:
    asking, comparisons = worker(harness, tuned_first=tuned_first)
    to = ComparedAnswers()
    await ask(
        asking, to, replace(question(model), settings=replace(question(model).settings, max_output_tokens=9))
    )
    (whole,) = to.whole
    assert [side.model == model for side in whole.sides] == [tuned_first, not tuned_first]
    assert [side.is_base for side in whole.sides] == [not tuned_first, tuned_first]
    first, second = harness.google.requests.matching(MODELS)
    assert first.body == second.body
    assert whole.compared == KEY

    requester = Requester(ADA, PLACE)
    job = await harness.use_cases.access.named(requester, "counter")
    for choice in (Preference.A, Preference.SAME, Preference.B):
        shown = await comparisons.vote(requester, KEY, choice)
        assert [side.model == model for side in shown.sides] == [tuned_first, not tuned_first]
    await comparisons.vote(Requester("U-grace", PLACE), KEY, Preference.SAME)
    (total,) = await comparisons.sums(requester, job)
    base = next(side.model for side in whole.sides if side.is_base)
    won, lost = (0, 1) if tuned_first else (1, 0)
    assert total == ComparisonSum(base, True, better=won, worse=lost, same=1)
    for stranger in (Requester("U-eve", Place(PLACE.team, "C-other")), Requester(ADA, Place("T-other", "C1"))):
        with pytest.raises(Outdated):
            await comparisons.vote(stranger, KEY, Preference.A)


async def test_a_stopped_comparison_stores_only_the_models_that_were_asked(
    harness: Harness, model: ModelRef
) -> None:
    _, comparisons = worker(harness)
    running = await comparisons.begin(question(model), model)
    assert not running.has_begun
    running.sent.add(1)
    running.received[1].append("eig")
    kept: list[tuple[int, str]] = []

    async def nothing(*_: object) -> None:
        return None

    async def keep(index: int, answer: ModelAnswer) -> None:
        kept.append((index, answer.answer.text))

    whole = await comparisons.stop(running, AskingSteps(lambda _: nullcontext(), nothing, keep, nothing))
    assert kept == [(1, "eig")]
    assert [side.answer.text for side in whole.sides] == ["", "eig"]
    assert (running.has_begun, whole.compared) == (True, "")


async def test_a_side_that_is_stored_is_not_asked_again_and_keeps_its_place(
    harness: Harness, model: ModelRef
) -> None:
    fault = harness.google.faults.hang(path=BASES)
    asking, _ = worker(harness)
    to = ComparedAnswers()
    task = asyncio.create_task(ask(asking, to, question(model)))

    async def one_is_stored() -> bool:
        found = await harness.stores.comparisons.comparison(KEY)
        return bool(fault.hits) and found is not None and any(side.answer for side in found.sides)

    await wait_until(one_is_stored)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    harness.google.faults.clear()
    next_one, _ = worker(harness, tuned_first=False)
    (left,) = await next_one.open_questions()
    await next_one.process(left, to)
    (whole,) = to.whole
    assert [side.model == model for side in whole.sides] == [True, False]
    assert (paid(harness, ENDPOINTS), paid(harness, BASES)) == (1, 1)
    sums = await harness.stores.question_spend.sums(
        PLACE.team, harness.clock.time.date().replace(day=1), harness.clock.time.date().replace(year=2100)
    )
    assert sum(each.questions for each in sums) == 3, "the call whose answer was lost counts, too"


async def test_half_a_comparison_that_was_paid_is_shown_also_when_it_is_too_late_for_the_rest(
    harness: Harness, model: ModelRef
) -> None:
    asking, _ = worker(harness)
    opened = await asking.add(question(model))
    assert opened is not None
    begun = await worker(harness)[1].begin(question(model), model)
    answer = await harness.chat.asking.ask(PLACE, "seven", model)
    await harness.stores.comparisons.store_side(KEY, 0, answer, None)
    harness.clock.time += ASKED_AGAIN_WITHIN * 2
    to = ComparedAnswers()
    await asking.process(opened, to)
    (whole,) = to.whole
    assert whole.sides[0].answer == answer.answer
    assert whole.sides[1].problem == "I was interrupted before this model answered."
    assert whole.compared == ""
    assert begun.comparison.key == KEY
    assert paid(harness, BASES) == 0


async def test_a_side_that_fails_says_so_in_its_place_and_both_failing_is_a_failure(
    harness: Harness, model: ModelRef
) -> None:
    harness.google.faults.fail(403, path=BASES, times=None)
    missing: list[ModelRef] = []

    async def note(gone: ModelRef) -> None:
        missing.append(gone)

    asking, _ = worker(harness, missing=note)
    to = ComparedAnswers()
    await ask(asking, to, question(model))
    (whole,) = to.whole
    assert whole.sides[0].answer.text
    assert whole.sides[1].problem
    assert whole.unfinished
    assert whole.compared == ""
    assert await harness.stores.questions.failed(KEY) is not None, "both can be asked again"

    harness.google.faults.fail(404, path=ENDPOINTS, times=None)
    await ask(asking, to, replace(question(model), key="command:2"))
    assert missing == [model], "its owner is told"
    assert len(to.whole) == 1
    assert await harness.stores.comparisons.comparison("command:2") is None
    assert await asking.open_questions() == []


async def test_both_questions_count_and_a_model_is_not_compared_with_itself(
    harness: Harness, model: ModelRef
) -> None:
    asking, _ = worker(harness, per_minute=1)
    to = ComparedAnswers()
    await ask(asking, to, question(model))
    assert "You asked one question within a minute" in to.shown[-1]
    asking, _ = worker(harness)
    await ask(asking, to, replace(question(model, "counter"), key="command:3"))
    assert "there are no two models to compare" in to.shown[-1]
    await ask(asking, to, replace(question(model, "unknown"), key="command:4"))
    assert "I know no model named 'unknown'" in to.shown[-1]
    assert harness.google.requests.matching(MODELS) == []


async def test_two_tuned_models_are_compared_and_the_words_stay_only_with_feedback(
    harness: Harness, model: ModelRef
) -> None:
    await harness.answering("newest")
    asking, comparisons = worker(harness)
    to = ComparedAnswers()
    await ask(asking, to, question(model, "newest"))
    (whole,) = to.whole
    assert [side.model.name for side in whole.sides] == ["counter", "newest"]
    assert await words(harness) == []

    await harness.stores.feedback.set_switch(PLACE.team, ADA, on=True)
    await ask(asking, to, replace(question(model, "newest"), key="command:5"))
    assert await words(harness) == ["seven"]
    await comparisons.vote(Requester("U-grace", PLACE), "command:5", Preference.B)
    await harness.stores.erasure.forget(Requester(ADA, PLACE), ADA)
    assert await words(harness) == []
    job = await harness.use_cases.access.named(Requester(ADA, PLACE), "newest")
    (total,) = await comparisons.sums(Requester(ADA, PLACE), job)
    assert (total.other, total.better) == (model, 1), "another person's vote still counts"


async def test_a_deleted_question_leaves_no_words_and_a_forgotten_person_no_name(
    harness: Harness, model: ModelRef
) -> None:
    await harness.stores.feedback.set_switch(PLACE.team, ADA, on=True)
    asking, comparisons = worker(harness)
    await ask(asking, ComparedAnswers(), question(model))
    assert await words(harness) == ["seven"]
    await asking.withdraw(PLACE.team, KEY)
    assert await words(harness) == []
    assert await comparisons.vote(Requester("U-grace", PLACE), KEY, Preference.B), "it may be voted on"

    early = replace(question(model), key="command:6")
    opened = await asking.add(early)
    assert opened is not None
    await harness.stores.erasure.forget(Requester(ADA, PLACE), ADA)
    await asking.process(opened, ComparedAnswers())
    left = await harness.database.run(lambda db: list(db.query("SELECT user, text FROM comparisons")))
    assert left == [{"user": "", "text": ""}] * 2


async def test_an_edit_that_names_another_model_compares_with_that_one(harness: Harness, model: ModelRef) -> None:
    await harness.answering("newest")
    _, comparisons = worker(harness)
    await comparisons.begin(question(model), model)
    changed = await comparisons.begin(question(model, "newest"), model)
    assert [side.model.name for side in changed.comparison.sides] == ["counter", "newest"]


async def words(harness: Harness) -> list[str]:
    """What is kept of questions in comparisons, with both answers."""
    query = """
    SELECT text FROM comparisons WHERE text <> ''
      AND (SELECT COUNT(reply) FROM comparison_sides WHERE comparison = key) = 2
    """
    found = await harness.database.run(lambda connection: list(connection.query(query)))
    kept = "SELECT 1 FROM comparison_sides WHERE reply IS NOT NULL"
    replies = await harness.database.run(lambda connection: list(connection.query(kept)))
    assert len(replies) == 2 * len(found)
    return [str(row["text"]) for row in found]


@pytest.mark.parametrize("compare", [BASE, "other"])
async def test_a_model_that_was_hidden_while_its_comparison_waited_is_not_asked(
    harness: Harness, model: ModelRef, monkeypatch: pytest.MonkeyPatch, compare: str
) -> None:
    await harness.tuned("other")
    asking, _ = worker(harness)
    to = ComparedAnswers()
    begun = harness.use_cases.chat.check_settings

    async def hidden_meanwhile(*values: object) -> None:
        await begun(*values)  # type: ignore[arg-type]
        moved = "UPDATE jobs SET channel = 'C0PRIVATE', owner = 'U0EVE'"
        await harness.database.write(lambda db: db.execute(moved))

    monkeypatch.setattr(harness.chat, "check_settings", hidden_meanwhile)
    await ask(asking, to, question(model, compare))
    assert paid(harness, BASES) == paid(harness, ENDPOINTS) == 0
    assert to.whole == []


async def test_the_side_of_the_base_is_held_against_the_budget_at_the_price_of_the_base(
    harness: Harness, model: ModelRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, _ = worker(harness)
    held: list[tuple[str, bool]] = []
    reserve = QuestionBudgets.reserve

    async def noted(
        budgets: QuestionBudgets, half: Question, *sent: Any, endpoint: str, is_base: bool = False
    ) -> None:
        held.append((half.key, is_base))
        await reserve(budgets, half, *sent, endpoint=endpoint, is_base=is_base)

    monkeypatch.setattr(QuestionBudgets, "reserve", noted)
    await ask(asking, ComparedAnswers(), question(model))
    assert sorted(held) == [(f"{KEY}:0", False), (f"{KEY}:1", True)]


async def test_a_side_that_google_refuses_is_not_counted_as_paid_by_the_next_process(
    harness: Harness, model: ModelRef
) -> None:
    harness.google.faults.fail(403, path=BASES, times=None)
    asking, _ = worker(harness)
    to = ComparedAnswers()
    await ask(asking, to, question(model))
    assert [bool(side.problem) for side in to.whole[0].sides] == [False, True]
    assert await harness.stores.question_spend.count_lost() == 0


async def test_a_side_that_google_refused_costs_nothing_where_a_person_stops_the_other_one(
    harness: Harness, model: ModelRef
) -> None:
    harness.google.faults.fail(403, path=BASES, times=None)
    hanging = harness.google.faults.hang(path=ENDPOINTS + r".+enerateContent$")
    asking, _ = worker(harness)
    to = ComparedAnswers()
    task = asyncio.create_task(ask(asking, to, question(model)))

    async def one_is_refused_and_one_hangs() -> bool:
        refused = [call for call in harness.google.requests.matching(BASES) if call.status == 403]
        return bool(hanging.hits and refused and not await under_way(harness, f"{KEY}:1"))

    await wait_until(one_is_refused_and_one_hangs, "the refusal")
    assert asking.stop(PLACE, ADA) == 1
    await task
    assert len(to.whole) == 1
    asked = [line for line in await harness.stores.audit_log.lines(PLACE.team) if line.act.action == "ask"]
    assert [line.subject for line in asked] == [model.endpoint]


async def under_way(harness: Harness, key: str) -> bool:
    """Return whether a call of this key was sent and has no answer yet."""
    query = "SELECT 1 FROM calls_under_way WHERE key = ?"
    return await harness.database.run(lambda db: db.execute(query, [key]).fetchone() is not None)
