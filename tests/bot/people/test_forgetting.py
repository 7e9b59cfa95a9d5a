"""What a person wrote is erased for that person and for owners, and for nobody else."""

from dataclasses import replace

import pytest

from bot.chat.model_asking import exchange
from bot.domain.chat import Answer, ModelAnswer, ModelRef, Question, Turn, TurnRole
from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.errors import Forbidden, Outdated
from bot.people.forgetting import Forgetting
from bot.people.roles import Roles
from storage.conversations import append_turns
from tests.support.harness import ADA, ASKED_BY_ADA, FILE, PLACE, TEAM, Harness
from tests.support.workspace_people import FullMembers

THREAD = Place(TEAM, "C1", "17.5")
MODEL = ModelRef("vertex", "projects/1/endpoints/2", "counter")


class Members(FullMembers):
    async def is_admin(self, user: str) -> bool:
        return user == "U0ADMIN"


def forgetting(harness: Harness) -> Forgetting:
    return Forgetting(Roles(Members(), harness.stores.roles), harness.stores.erasure, harness.stores.feedback)


async def said(harness: Harness, user: str, question: str, place: Place = THREAD) -> None:
    """What a settled question of this person leaves behind."""
    kept = exchange(place, question, ModelAnswer(MODEL, Answer(f"answer to {question}")))
    await harness.database.write(lambda db: append_turns(db, kept, harness.clock.now(), user))


async def texts(harness: Harness, place: Place = THREAD) -> list[str]:
    found = await harness.chats.conversation(place)
    return [] if found is None else [turn.text for turn in found.turns]


async def rows(harness: Harness, table: str) -> int:
    return await harness.database.run(lambda db: db.table(table).count)


async def test_a_person_is_erased_and_the_others_of_the_thread_are_not(harness: Harness) -> None:
    await said(harness, ADA, "mine")
    await said(harness, "U0BOB", "his")
    await said(harness, ADA, "elsewhere", Place("T0OTHER", "C1", "17.5"))
    await harness.proposals.check(PLACE, ADA, StartRequest("vertex", name="hers", file=FILE))
    assert (await rows(harness, "reports"), await rows(harness, "proposals")) == (1, 1)

    erased = await forgetting(harness).forget(ASKED_BY_ADA, ADA)
    assert (erased.turns, erased.reports, erased.proposals) == (2, 1, 1)
    assert await texts(harness) == ["his", "answer to his"]
    assert await texts(harness, Place("T0OTHER", "C1", "17.5")) == ["elsewhere", "answer to elsewhere"]
    [line] = [each for each in await harness.stores.audit_log.lines(TEAM) if each.act.action == "forget a person"]
    assert (line.act.user, line.subject, line.act.channel) == (ADA, ADA, PLACE.channel)

    assert (await forgetting(harness).forget(ASKED_BY_ADA, ADA)).turns == 0


async def test_private_answers_are_erased_too(harness: Harness) -> None:
    questions = harness.stores.questions
    for key, user in (("hers", ADA), ("his", "U0BOB")):
        await questions.add(Question(key, PLACE, user, "seven", quoted=True, private=True))
        await questions.store_answer(key, ModelAnswer(MODEL, Answer("eight")))
        await questions.settle(key)
    await forgetting(harness).forget(ASKED_BY_ADA, ADA)
    assert await questions.share("hers", TEAM, ADA) is None
    assert await questions.share("his", TEAM, "U0BOB") is not None


async def test_only_owners_erase_another_person(harness: Harness) -> None:
    await said(harness, ADA, "mine")
    with pytest.raises(Forbidden, match="may erase what another person left behind"):
        await forgetting(harness).forget(Requester("U0BOB", PLACE), ADA)
    assert await texts(harness) == ["mine", "answer to mine"]
    assert (await forgetting(harness).forget(Requester("U0ADMIN", PLACE), ADA)).turns == 2


async def everything(harness: Harness) -> str:
    """All that the database holds, but for the questions that are still open."""
    tables = [name for name in await harness.database.run(lambda db: db.table_names()) if name != "questions"]
    return str(await harness.database.run(lambda db: {name: list(db.table(name).rows) for name in tables}))


@pytest.mark.parametrize("answered_first", [False, True])
@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("keep", [False, True])
async def test_nothing_is_kept_of_a_question_that_was_under_way(
    harness: Harness, answered_first: bool, private: bool, keep: bool
) -> None:
    """Its answer is still posted: the person waits for it."""
    questions = harness.stores.questions
    question = Question("hers", THREAD, ADA, "my secret", private=private)
    answer = ModelAnswer(
        MODEL, Answer("the secret answer"), sent=(Turn(TurnRole.USER, "my secret"),), rating_key="hers"
    )
    await questions.add(question)
    if answered_first:
        await questions.store_answer("hers", answer)
    await forgetting(harness).forget(ASKED_BY_ADA, ADA)
    if not answered_first:
        await questions.store_answer("hers", answer)
    assert (found := await questions.question("hers")) is not None
    assert found.answer is not None
    await questions.settle("hers", exchange(THREAD, "my secret", answer), keep=keep)
    assert "secret" not in await everything(harness)

    await questions.add(replace(question, key="later", text="a new one"))
    await questions.settle("later", exchange(THREAD, "a new one", answer))
    assert "a new one" in await everything(harness)


@pytest.mark.parametrize("erased", ["during", "after"])
async def test_nothing_is_kept_of_a_file_check_that_was_under_way(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, erased: str
) -> None:
    """Not even the start that it would propose; the next check is kept as any other."""
    request = StartRequest("vertex", name="hers", file=FILE)
    if erased == "during":

        async def erased_meanwhile(base_model: str, text: str) -> int:
            await forgetting(harness).forget(ASKED_BY_ADA, ADA)
            return 0

        monkeypatch.setattr(harness.backends["vertex"], "count_tokens", erased_meanwhile)
    else:

        async def erased_after_the_report(team: str, base_model: str) -> str:
            await forgetting(harness).forget(ASKED_BY_ADA, ADA)
            return base_model

        monkeypatch.setattr(harness.proposals.values, "priced_model", erased_after_the_report)
    with pytest.raises(Outdated, match="was erased while I read this file"):
        await harness.proposals.check(PLACE, ADA, request)
    assert (await rows(harness, "reports"), await rows(harness, "proposals")) == (0, 0)

    monkeypatch.undo()
    await forgetting(harness).forget(Requester("U0ADMIN", PLACE), "U0BOB")
    await harness.proposals.check(PLACE, ADA, request)
    assert (await rows(harness, "reports"), await rows(harness, "proposals")) == (1, 1)
