"""What `tunebot import` says and writes where a job or its file cannot be taken as it is."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli import cli
from bot.errors import BotError
from tests.support.dataset_builders import chat, jsonl
from tests.support.openai_stand_in import KEY, OpenAiStandIn, openai_stand_in

TRAINING = jsonl(*(chat(f"user: question {i}", f"assistant: answer {i}") for i in range(4)))
UNANSWERED = TRAINING + jsonl(chat("user: and this?"))


async def run(openai: OpenAiStandIn, *words: str) -> Result:
    environment = {"OPENAI_API_KEY": KEY, "TUNEBOT_OPENAI_URL": openai.url}
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["import", *words], env=environment)
    assert KEY not in result.output + str(result.exception)
    return result


def refusal(result: Result) -> BotError:
    assert isinstance(result.exception, BotError)
    return result.exception


async def test_a_key_without_jobs_is_said_to_have_none() -> None:
    async with openai_stand_in() as openai:
        assert "This key has no fine-tuning jobs." in (await run(openai)).output


@pytest.mark.parametrize("kind", ["training", "validation"])
async def test_a_file_that_cannot_be_converted_is_kept_where_the_advice_says(kind: str, tmp_path: Path) -> None:
    async with openai_stand_in() as openai:
        files: dict[str, Any] = {"training": TRAINING, "validation": TRAINING, kind: UNANSWERED}
        openai.add_job("ftjob-a", files["training"], files["validation"])
        for _ in range(2):
            error = refusal(await run(openai, "ftjob-a", "--out", str(tmp_path)))
            kept = tmp_path / f"ftjob-a.{kind}.jsonl"
            assert "line 5: The last turn is not the model's" in error.message
            assert f"tunebot check {kept}" in error.hint
            assert kept.read_bytes() == UNANSWERED
            (tmp_path / "ftjob-a.training.vertex.jsonl").unlink(missing_ok=True)
        checked = CliRunner().invoke(cli, ["check", str(kept), "--repair", str(tmp_path / "repaired")])
        assert "4 rows, 0 of them repaired" in checked.stdout


@pytest.mark.parametrize("kind", ["training", "validation"])
async def test_what_exists_already_is_said_before_anything_is_downloaded(kind: str, tmp_path: Path) -> None:
    async with openai_stand_in() as openai:
        openai.add_job("ftjob-a", TRAINING, TRAINING)
        (tmp_path / f"ftjob-a.{kind}.vertex.jsonl").write_text("mine")
        assert "exists already" in refusal(await run(openai, "ftjob-a", "--out", str(tmp_path))).message
        assert os.listdir(tmp_path) == [f"ftjob-a.{kind}.vertex.jsonl"]
        assert not [path for path in openai.asked if path.startswith("/v1/files/")]


async def test_a_path_without_a_file_is_not_called_an_id() -> None:
    async with openai_stand_in() as openai:
        error = refusal(await run(openai, "no/such/file.jsonl"))
        assert "neither a file here nor the id" in error.message
        assert openai.asked == []


async def test_no_part_of_a_file_is_left_where_it_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    async with openai_stand_in() as openai:
        openai.add_job("ftjob-a", UNANSWERED)
        with monkeypatch.context() as patch:
            patch.setattr("bot.cli.imports.shutil.copyfile", full)
            error = refusal(await run(openai, "ftjob-a", "--out", str(tmp_path)))
        assert "The file is kept" not in error.hint
        assert not (tmp_path / "ftjob-a.training.jsonl").exists()
        assert "The file is kept" in refusal(await run(openai, "ftjob-a", "--out", str(tmp_path))).hint
    assert (tmp_path / "ftjob-a.training.jsonl").read_bytes() == UNANSWERED


def test_an_advised_check_of_a_file_whose_name_begins_like_an_option_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-x.jsonl").write_bytes(UNANSWERED)
    advised = CliRunner().invoke(cli, ["check", "./-x.jsonl"]).output
    assert "tunebot check ./-x.jsonl --repair DIRECTORY" in advised
