"""What was fine-tuned at OpenAI is tuned again at Google, from Slack and on the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import cli
from tests.support.bot_harness import OpenBot, shown_in
from tests.support.dataset_builders import chat, jsonl, rows_of
from tests.support.openai_stand_in import KEY, openai_stand_in

pytestmark = pytest.mark.long

TRAINING = jsonl(*(chat("system: be brief", f"user: question {i}", f"assistant: answer {i}") for i in range(30)))
VALIDATION = jsonl(*(chat(f"user: other {i}", f"assistant: reply {i}") for i in range(5)))


async def test_a_job_of_openai_fills_in_the_form_and_is_tuned_at_google(open_bot: OpenBot) -> None:
    async with openai_stand_in() as openai:
        openai.add_job("ftjob-porter", TRAINING, VALIDATION)
        settings = {"OPENAI_API_KEY": KEY, "TUNEBOT_OPENAI_URL": openai.url}
        async with open_bot(environment=settings) as bot:
            await bot.type("import")
            bot.ada.post(bot.channel, bot.ada.typed("@Tunebot import"))
            refused = await bot.message("Type /tune import instead")
            assert "porter" not in shown_in(refused)
            listed = await bot.message("1 fine-tuning job", "*porter*", "3 epochs", "with a validation file")
            assert listed.visible_to == bot.ada.id
            await bot.ada.click(listed, "import_job")
            form = await bot.view("Tune a model")
            assert "openai:file-train0" in str(form.blocks)
            submission = await bot.ada.submit_view(form)
            assert submission.errors == {}
            report = await bot.report("Ready to start")
            assert "30 rows" in shown_in(report)
            await bot.ada.submit_view(report)
            job = await bot.job("porter")
            assert (job.training_task.epochs, job.training_task.example_count) == (3, 30)

            await bot.type("import ftjob-none")
            assert "no such job" in shown_in(await bot.view("That did not work"))
            await bot.ada.close_view()

            told = json.dumps([call.args for call in bot.slack.workspace.calls], default=str)
            kept = bot.stage.log_file.read_text() + told
            assert KEY not in kept
            for path in filter(Path.is_file, bot.stage.directory.glob("tunebot.db*")):
                assert KEY.encode() not in path.read_bytes()


async def test_without_a_key_the_way_by_hand_is_told(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        await bot.type("import")
        await bot.message("I have no key for OpenAI", "attach it here")


async def test_the_command_line_lists_downloads_checks_and_converts(tmp_path: Path) -> None:
    async with openai_stand_in() as openai:
        openai.add_job("ftjob-porter", TRAINING, VALIDATION)
        key_file = tmp_path / "key"
        key_file.write_text(KEY + "\n")
        environment = {"OPENAI_API_KEY_FILE": str(key_file), "TUNEBOT_OPENAI_URL": openai.url}

        async def run(*words: str) -> str:
            result = await asyncio.to_thread(CliRunner().invoke, cli, ["import", *words], env=environment)
            assert result.exception is None, result.exception
            assert KEY not in result.output
            return result.output

        assert "ftjob-porter  gpt-4o-mini-2024-07-18  succeeded  porter  3 epochs" in await run()
        said = await run("ftjob-porter", "--out", str(tmp_path / "out"))
        assert "/tune start name=porter epochs=3" in said
        rows = rows_of((tmp_path / "out" / "ftjob-porter.training.vertex.jsonl").read_bytes())
        assert rows[0]["systemInstruction"]["parts"][0]["text"] == "be brief"
        assert len(rows_of((tmp_path / "out" / "ftjob-porter.validation.vertex.jsonl").read_bytes())) == 5

        by_hand = tmp_path / "download.jsonl"
        by_hand.write_bytes(TRAINING)
        assert "30 rows" in await run(str(by_hand), "--out", str(tmp_path / "by hand"))
