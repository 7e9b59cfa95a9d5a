"""Fine-tuning jobs and files are read from OpenAI, and its key is seen nowhere."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.backends.google.connections import RetryPolicy
from bot.backends.openai.openai import OpenAi
from bot.domain.fine_tuning_job import FineTuningJob
from bot.domain.place import Place
from bot.errors import BadArgument, BotError, FileUnavailable
from tests.support.openai_stand_in import KEY, OpenAiStandIn, openai_stand_in

QUICK = RetryPolicy(first_wait=0.001, longest_wait=0.002)
HERE = Place("T1", "C1")


@pytest.fixture
async def stand_in() -> AsyncIterator[OpenAiStandIn]:
    async with openai_stand_in() as made:
        yield made


@pytest.fixture
async def openai(stand_in: OpenAiStandIn) -> AsyncIterator[OpenAi]:
    made = OpenAi(KEY, stand_in.url, QUICK)
    yield made
    await made.close()


async def test_a_job_is_read_with_its_files_name_and_passes(stand_in: OpenAiStandIn, openai: OpenAi) -> None:
    stand_in.add_job("ftjob-1", b"{}\n", b"{}\n")
    expected = FineTuningJob(
        "ftjob-1",
        "gpt-4o-mini-2024-07-18",
        "succeeded",
        "openai:file-train0",
        "openai:file-val0",
        "porter",
        "ft:gpt-4o-mini-2024-07-18:acme:porter:abc123",
        3,
        datetime.fromtimestamp(1_760_000_000, UTC),
    )
    assert await openai.jobs(10) == [expected]
    assert await openai.job("ftjob-1") == expected


async def test_what_openai_leaves_out_or_chooses_itself_is_no_error(
    stand_in: OpenAiStandIn, openai: OpenAi
) -> None:
    auto = {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": "auto"}}}
    stand_in.add_job("ftjob-1", b"", method=auto, user_provided_suffix=None, fine_tuned_model=None)
    job = await openai.job("ftjob-1")
    assert (job.epochs, job.suffix, job.validation_file) == (None, "", "")
    stand_in.jobs[0] = {"id": "ftjob-2"}
    assert await openai.job("ftjob-2") == FineTuningJob("ftjob-2", "", "", "")


async def test_a_file_is_read_in_pieces(stand_in: OpenAiStandIn, openai: OpenAi) -> None:
    content = b'{"messages": []}\n' * 40_000
    stand_in.add_job("ftjob-1", content)
    info = await openai.describe(HERE, "U1", "openai:file-train0")
    assert (info.name, info.size) == ("porter.jsonl", len(content))
    assert b"".join([chunk async for chunk in openai.read(HERE, "U1", "openai:file-train0")]) == content


async def test_an_error_that_passes_is_tried_again(stand_in: OpenAiStandIn, openai: OpenAi) -> None:
    stand_in.add_job("ftjob-1", b"")
    stand_in.failures += [503, 429]
    assert (await openai.job("ftjob-1")).id == "ftjob-1"
    stand_in.failures += [500] * 9
    with pytest.raises(FileUnavailable) as raised:
        await openai.jobs(3)
    assert raised.value.passing


async def test_no_error_repeats_the_key_or_openais_own_words(stand_in: OpenAiStandIn) -> None:
    stand_in.add_job("ftjob-1", b"")
    wrong = OpenAi("sk-" + "wrong", stand_in.url, QUICK)
    errors: list[BotError] = []
    for read in (wrong.jobs(3), wrong.job("ftjob-1"), wrong.file("openai:file-train0")):
        with pytest.raises(FileUnavailable) as raised:
            await read
        errors.append(raised.value)
    with pytest.raises(FileUnavailable) as refused:
        [chunk async for chunk in wrong.content("openai:file-train0")]
    for error in (*errors, refused.value):
        assert "sk-" not in str(error)
        assert "401, invalid_api_key" in error.message
    await wrong.close()


@pytest.mark.parametrize("job_id", ["ftjob-1/../../files", "job-1", "", "ftjob-a b"])
async def test_what_is_no_id_of_a_job_is_not_sent(stand_in: OpenAiStandIn, openai: OpenAi, job_id: str) -> None:
    with pytest.raises(BadArgument):
        await openai.job(job_id)
    with pytest.raises(FileUnavailable):
        await openai.file(f"openai:{job_id or '../x'}")
    assert stand_in.asked == []


async def test_a_job_that_is_not_there_is_named_as_such(openai: OpenAi) -> None:
    with pytest.raises(FileUnavailable, match="no such job or file"):
        await openai.job("ftjob-404")
