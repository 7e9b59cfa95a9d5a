"""Asking a model for one question: what was never sent costs nothing, and is no answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.chat.answer_worker import AnswerWorker
from bot.domain.backoff import Backoff
from bot.domain.chat import ModelAnswer, Question
from bot.ports.questions import OpenQuestion
from tests.support.harness import ADA, PLACE, Harness
from tests.support.recording_answer_poster import RecordingAnswerPoster


@pytest.mark.parametrize("is_sent", [False, True])
async def test_a_stop_before_the_question_is_sent_leaves_no_answer_and_no_line_in_the_audit_log(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, is_sent: bool
) -> None:
    await harness.answering("counter")
    worker = AnswerWorker(harness.stores.questions, harness.chat, harness.clock, Backoff(first=0.001))

    async def stopped_while_asking(
        *_: object, before_send: Callable[..., Awaitable[None]], **__: object
    ) -> ModelAnswer:
        if is_sent:
            await before_send()
        worker.stop(PLACE, ADA)
        await asyncio.Event().wait()
        raise AssertionError("the stop ends this")

    monkeypatch.setattr(harness.chat.asking, "ask", stopped_while_asking)
    to = RecordingAnswerPoster()
    opened = await worker.add(Question("command:1", PLACE, ADA, "seven", quoted=True))
    assert isinstance(opened, OpenQuestion)
    await worker.process(opened, to)
    said = "1/1" if is_sent else "This question was stopped before an answer came."
    assert to.shown[-1].strip() == said
    lines = await harness.stores.audit_log.lines(PLACE.team)
    assert [line.act.action for line in lines if line.act.action == "ask"] == ["ask"] * is_sent
