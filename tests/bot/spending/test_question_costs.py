"""What an answer cost, and budgets for questions."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.budgets import Purpose
from bot.domain.chat import Answer, ModelAnswer, ModelRef, Question
from bot.domain.place import Requester
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.domain.spending import TokenUse
from bot.spending.price_table import parse_price_table
from bot.spending.question_costs import question_cost
from tests.support.harness import ADA, PLACE, TEAM, Harness, open_harness
from tests.support.recording_answer_poster import RecordingAnswerPoster
from tests.support.workspace_people import build_open_use_cases

PRICES = parse_price_table(
    """
as_of = 2026-11-27
[models."gemini-3.5-flash"]
training = 10
serving_multiplier = 1.5
input = 100000
output = 200000
""",
    "test",
)
OWNER = Requester("U0OWNER", PLACE)
ROLES = (RoleGrant(Role.TUNER, EVERYONE), RoleGrant(Role.OWNER, OWNER.user))
ANSWERED = ModelAnswer(
    ModelRef("vertex", "e", "m"), Answer("8", usage=TokenUse(10, 3)), base_model="gemini-3.5-flash"
)


@pytest.mark.parametrize(
    ("answered", "usd"),
    [
        (ANSWERED, Decimal("2.4")),
        (replace(ANSWERED, answer=Answer("8")), None),
        (replace(ANSWERED, base_model="gemini-3.1-flash-lite"), None),
        (replace(ANSWERED, base_model=""), None),
    ],
)
def test_a_tuned_model_costs_its_multiple_of_the_base_and_the_unknown_is_none(
    answered: ModelAnswer, usd: Decimal | None
) -> None:
    assert question_cost(answered, PRICES).usd == usd


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path, ("vertex",)) as opened:
        yield opened


async def test_a_question_over_a_used_up_budget_is_not_sent(harness: Harness) -> None:
    parts = (harness.stores, harness.backends, harness.files, harness.clock, lambda: None, harness.workers)
    process = build_open_use_cases(*parts, named_roles=ROLES, prices=PRICES)
    await harness.answering("numbers")
    await process.budgets.set(OWNER, ADA, Purpose.QUESTIONS, Decimal("0.01"))

    async def ask(key: str) -> RecordingAnswerPoster:
        poster = RecordingAnswerPoster()
        asked = await process.answers.add(Question(key, PLACE, ADA, "what comes after 7?"))
        assert asked is not None
        await process.answers.process(asked, poster)
        return poster

    first = await ask("q1")
    assert first.shown[-1].endswith("1/1")
    (use,) = await process.budgets.uses(OWNER)
    assert use.used > Decimal("0.01")
    assert use.unknown == 0
    sent = len(harness.google.requests.matching(r":(stream)?[gG]enerateContent$"))
    refused = await ask("q2")
    assert "Your budget for questions, $0.01 a month, is used up." in refused.shown[-1]
    assert len(harness.google.requests.matching(r":(stream)?[gG]enerateContent$")) == sent
    await process.budgets.set(OWNER, ADA, Purpose.QUESTIONS, use.used * 2)
    third = await ask("q3")
    assert third.shown[-1].endswith("1/1")
    (sums,) = await process.budgets.question_sums(OWNER, use.budget.set_at.date().replace(day=1))
    assert (sums.team, sums.questions) == (TEAM, 2)
