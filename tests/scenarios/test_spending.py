"""What a start costs is said before it, and a very large one needs a second yes."""

import asyncio
import csv
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.bot_harness import BotHarness, OpenBot, buttons, shown_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


def started(bot: BotHarness, name: str) -> list[object]:
    """The jobs of this name at Google."""
    return [job for job in bot.google.jobs.all if job.display_name == name]


async def test_the_report_shows_the_price_before_anything_starts(bot: BotHarness) -> None:
    await bot.type(f'start name="priced" epochs=3 file={bot.share()}')
    report = shown_in(await bot.report())
    assert "Training may cost less than $0.01" in report
    assert "your choice" in report
    assert "Google counted" in report
    assert "1.5 times" in report
    assert "Google's price may differ" in report


async def test_an_absurd_start_starts_once_and_only_after_a_second_yes(bot: BotHarness) -> None:
    await bot.type(f'start name="absurd" epochs=21 file={bot.share()}')
    report = await bot.report()
    assert "I ask you once more before this starts" in shown_in(report)

    submission = await bot.ada.submit_view(report)

    assert submission.action == "update"
    question = await bot.view("Really start this?")
    assert "21 passes" in shown_in(question)
    assert "about $0.01" in shown_in(question)
    assert not started(bot, "absurd")

    submission = await bot.ada.submit_view(question)

    assert submission.action == "clear"
    await bot.card("absurd")
    await bot.job("absurd")
    assert len(started(bot, "absurd")) == 1


async def test_who_answers_no_to_the_second_question_starts_nothing(bot: BotHarness) -> None:
    await bot.type(f'start name="declined" epochs=21 file={bot.share()}')
    await bot.ada.submit_view(await bot.report())
    await bot.ada.close_view(await bot.view("Really start this?"))

    await bot.start("after it", "epochs=1")
    await bot.job("after it")
    assert not started(bot, "declined")


async def test_the_button_in_a_message_asks_a_second_time_too(bot: BotHarness) -> None:
    bot.slack.faults.fail("views.update", error="not_found")  # as if the modal had been closed a moment before
    await bot.type(f'start name="by button" epochs=21 file={bot.share()}')
    message = await bot.message("Start tuning")
    assert buttons(message)["report_start"] == "Start tuning"

    await bot.ada.click(message, "report_start")
    question = await bot.view("Really start this?")
    assert not started(bot, "by button")

    await bot.ada.submit_view(question)
    await bot.job("by button")
    assert len(started(bot, "by button")) == 1


async def test_the_card_compares_the_estimate_with_googles_count_and_the_month_adds_it_up(bot: BotHarness) -> None:
    card = await bot.tuned("compared", "epochs=2")
    await bot.shows(card, "I estimated", "Google counted", "Google's price may differ")

    await bot.type("spend")
    said = await bot.message("By base model")
    assert said.visible_to == bot.ada.id
    assert f"<@{bot.ada.id}>: less than $0.01 for" in shown_in(said)
    assert "`gemini-3.5-flash`" in shown_in(said)

    await bot.type("spend last month")
    assert (await bot.message("is not a month")).visible_to == bot.ada.id


async def test_a_month_is_exported_while_the_bot_runs(bot: BotHarness) -> None:
    await bot.tuned("=exported", "epochs=2")
    environment = {**os.environ, "TUNEBOT_DB": bot.stage.environment()["TUNEBOT_DB"]}
    month = f"{datetime.now(UTC):%Y-%m}"
    command = [sys.executable, "-m", "bot", "export-spend", "--month", month]
    done = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    text = (await done.communicate())[0].decode()
    rows = {row["name"]: row for row in csv.DictReader(text.splitlines())}
    exported = rows["'=exported"]
    assert exported["basis"] == "tokens that Google counted"
    assert Decimal(exported["google_usd"]) == Decimal(exported["google_tokens"]) * 10 / 1_000_000


async def test_in_a_thread_the_month_names_nobody(bot: BotHarness) -> None:
    await bot.started("named", "epochs=2")
    asked = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot spend"))
    public = await bot.message("By base model", thread=asked.ts)
    assert public.visible_to is None
    assert bot.ada.id not in shown_in(public)


def retiring_soon(directory: Path) -> dict[str, str]:
    """The setting for a table of prices by which one base model retires in 50 days and its successor later."""
    today = datetime.now(UTC).date()
    prices = directory / "prices.toml"
    prices.write_text(
        f"as_of = {today}\n"
        f'[models."gemini-3.5-flash"]\ntraining = 10\nretires = {today + timedelta(days=50)}\n'
        f'[models."gemini-3.5-flash-lite"]\ntraining = 5\nretires = {today + timedelta(days=500)}\n'
    )
    return {"TUNEBOT_PRICES": str(prices)}


@pytest.mark.long
async def test_an_owner_is_told_once_that_a_base_retires_and_can_tune_on_a_successor(
    open_bot: OpenBot, tmp_path: Path
) -> None:
    async with open_bot(environment=retiring_soon(tmp_path)) as bot:
        card = await bot.tuned("numbers", "epochs=2 base=gemini-3.5-flash")
        for _ in range(2):
            await bot.stage.stop()
            await bot.stage.start()
            said = await bot.message("retires the base model", thread=card.ts)
        await bot.shows(card, "Tune on a successor")
        assert len(bot.messages("retires the base model")) == 1
        assert f"<@{bot.ada.id}>" in said.text

        await bot.ada.click(said, "job_successor")
        form = await bot.view("Tune a model")
        assert "gemini-3.5-flash retires on" in shown_in(form)
        report = await bot.ada.submit_view(form, {"name": "on a successor"})
        assert report.errors == {}
        await bot.ada.submit_view(await bot.report("Ready to start"))
        assert (await bot.job("on a successor")).base_model.endswith("gemini-3.5-flash-lite")


@pytest.mark.long
async def test_google_moves_a_model_to_a_successor_only_after_a_yes_and_what_it_refuses_is_trained_after_another(
    open_bot: OpenBot, tmp_path: Path
) -> None:
    move = r"/tuningJobs:rebaseTunedModel$"
    async with open_bot(environment=retiring_soon(tmp_path)) as bot:
        await bot.tuned("numbers", "epochs=2 base=gemini-3.5-flash")
        await bot.stage.stop()
        await bot.stage.start()
        said = await bot.message("retires the base model")
        assert "have Google move the model there" in said.text
        old = bot.google.tuning_jobs.all[0].model

        async def asked(name: str) -> None:
            await bot.ada.click(said, "job_move")
            form = await bot.view("Move a model")
            assert "*numbers* to the base model of this form" in shown_in(form)
            assert (await bot.ada.submit_view(form, {"name": name})).errors == {}
            report = await bot.report("Ready to start")
            assert "Google does not say what that costs" in shown_in(report)
            assert not bot.google.requests.matching(move) or name != "refused"
            await bot.ada.submit_view(report)

        bot.google.faults.fail(400, "This model cannot be rebased.", path=move, times=1)
        await asked("refused")
        failed = await bot.message("did not move the model")
        assert "This model cannot be rebased." in failed.text
        assert len(bot.google.requests.matching(move)) == 1
        await bot.ada.click(failed, "job_tune_again")
        form = await bot.view("Tune a model")
        await bot.ada.submit_view(form, {"name": "trained instead"})
        await bot.ada.submit_view(await bot.report("Ready to start"))
        trained = await bot.job("trained instead")
        assert trained.base_model.endswith("gemini-3.5-flash-lite")
        assert len(bot.google.requests.matching(move)) == 1

        await asked("moved")
        moved = await bot.job("moved")
        assert moved.base_model.endswith("gemini-3.5-flash-lite")
        assert bot.google.requests.matching(move)[-1].body["tunedModelRef"]["tunedModel"].startswith(old)


@pytest.mark.long
async def test_a_price_that_rose_before_start_was_pressed_is_told_and_asked_first(
    open_bot: OpenBot, tmp_path: Path
) -> None:
    """In the view of the report as under a report in a thread, over a restart with another table."""
    prices = tmp_path / "prices.toml"

    def costs(training: int) -> None:
        today = datetime.now(UTC).date()
        prices.write_text(f'as_of = {today}\n[models."gemini-3.5-flash"]\ntraining = {training}\n')

    costs(10)
    async with open_bot(environment={"TUNEBOT_PRICES": str(prices)}) as bot:
        await bot.type(f"start name=viewed epochs=3 base=gemini-3.5-flash file={bot.share()}")
        report = await bot.report("Ready to start")
        grace = bot.slack.person("grace")
        grace.join(bot.channel)
        hers = replace(bot, ada=grace)
        rows = b"".join(b'{"text_input": "%d", "output": "%d"}\n' % (number, number + 1) for number in range(40))
        await hers.type(
            f"start name=posted epochs=3 base=gemini-3.5-flash file={hers.share(rows + b'oops', 'broken.jsonl')}"
        )
        await grace.click(await hers.report("Not ready to start"), "report_post")
        posted = await bot.message("40 rows, all fit to tune on")
        await bot.stage.stop()
        costs(90_000)
        await bot.stage.start()

        assert (await bot.ada.submit_view(report)).action == "update"
        question = await bot.view("Really start this?")
        assert "The table of prices has changed since you read them" in shown_in(question)
        assert not started(bot, "viewed")
        assert (await bot.ada.submit_view(question)).action == "clear"
        await bot.job("viewed")
        assert len(started(bot, "viewed")) == 1

        await bot.ada.click(posted, "report_start")
        question = await bot.view("Really start this?")
        assert "The table of prices has changed since you read them" in shown_in(question)
        await bot.stage.stop()
        costs(95_000)
        await bot.stage.start()
        assert (await bot.ada.submit_view(question)).action == "update"
        assert not started(bot, "posted")
        assert (await bot.ada.submit_view(await bot.view("Really start this?"))).action == "clear"
        await bot.job("posted")
        assert len(started(bot, "posted")) == 1


async def test_an_owner_sets_a_budget_and_a_start_that_does_not_fit_is_refused(bot: BotHarness) -> None:
    await bot.type(f"budget 5 for <#{bot.channel.id}>")
    await bot.message("Only owners and administrators of this workspace may set budgets.")
    root = bot.slack.person(f"root-{bot.channel.id}")
    bot.slack.workspace.users[root.id].is_admin = True
    root.join(bot.channel)
    await root.slash_command(bot.channel, "/tune", f"budget 0 for <#{bot.channel.id}>")
    await replace(bot, ada=root).message(f"<#{bot.channel.id}>, tuning: $0.00 of $0.00 (100%)")

    await bot.type(f'start name="over budget" epochs=3 file={bot.share()}')
    report = await bot.report()
    assert "The budget of this channel for tuning is then used to 100%" in shown_in(report)
    assert (await bot.ada.submit_view(report)).action == "update"
    refusal = shown_in(await bot.view("That did not work"))
    assert "The budget of this channel for tuning is $0.00 a month." in refusal
    assert "can raise it with /tune budget" in refusal
    assert not started(bot, "over budget")
