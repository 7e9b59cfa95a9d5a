"""A question is asked with its own settings, then its channel's, and only with what its model takes."""

from dataclasses import replace

import pytest

from bot.chat.answer_settings import SettingsChange
from bot.domain.chat import ChannelSettings, ModelRef
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.jobs import TuningJob
from bot.errors import BadArgument
from storage.job_rows import job_row
from tests.support.harness import ASKED_BY_ADA, PLACE, Harness

ANSWER = b'{"role": "assistant", "content": "%d"}'


def model_of(job: TuningJob) -> ModelRef:
    return ModelRef(job.backend, job.endpoint, job.name)


async def based_on(harness: Harness, job: TuningJob, base_model: str) -> None:
    """Make the row as if the job had been tuned on this base model."""
    changed = replace(job, spec=replace(job.spec, base_model=base_model))
    await harness.database.write(lambda db: db.table("jobs").update(job.key, job_row(changed)))


async def test_a_question_stands_before_its_channel_and_the_base_model_decides(harness: Harness) -> None:
    settings, job = harness.use_cases.answer_settings, await harness.answering("warm")
    channel = GenerationSettings(temperature=0.5, max_output_tokens=90)
    await settings.change(ASKED_BY_ADA, SettingsChange(channel, greeting="Hello!"))

    answered = await harness.chat.asking.ask(
        PLACE, "8", model_of(job), GenerationSettings(temperature=0.0, top_k=2)
    )
    sent = harness.google.requests.matching(r":(streamG|g)enerateContent")[-1].body["generationConfig"]
    assert (sent["temperature"], sent["topK"], sent["maxOutputTokens"]) == (0.0, 2, 90)
    assert sent["thinkingConfig"] == {"thinkingLevel": "MINIMAL"}
    assert answered.overrides == ("temperature", "top_k")
    assert answered.settings == GenerationSettings(temperature=0.0, top_k=2, max_output_tokens=90)

    await based_on(harness, job, "gemini-3.5-flash-lite")
    plain = await harness.chat.asking.ask(PLACE, "8", model_of(job))
    assert plain.left_out == ("temperature",)
    assert not answered.left_out
    assert await harness.chat.first_left_out(PLACE, plain)
    assert not await harness.chat.first_left_out(PLACE, plain)
    assert await harness.chat.first_left_out(replace(PLACE, channel="C0OTHER"), plain)
    assert harness.google.requests.matching(r":(streamG|g)enerateContent")[-1].body["generationConfig"] == {
        "maxOutputTokens": 90,
        "thinkingConfig": {"thinkingLevel": "MINIMAL"},
    }
    assert (await settings.of_channel(PLACE)).unused == ["temperature"]
    with pytest.raises(BadArgument, match=r"tuned on gemini-3\.5-flash-lite ignore the temperature"):
        await harness.chat.check_settings(model_of(job), GenerationSettings(temperature=0.0))
    with pytest.raises(BadArgument, match="ignore the top-p"):
        await settings.change(ASKED_BY_ADA, SettingsChange(GenerationSettings(top_p=0.5)))


async def test_a_model_tuned_with_a_system_instruction_is_asked_with_the_same_one(harness: Harness) -> None:
    row = b'{"systemInstruction": {"parts": [{"text": "Count on."}]}, "contents": [%s, %s]}\n' % (
        b'{"role": "user", "parts": [{"text": "8"}]}',
        b'{"role": "model", "parts": [{"text": "9"}]}',
    )
    harness.store(row * 3)
    job = await harness.answering("counter")
    assert job.spec.system_instruction == "Count on."
    settings, model = harness.use_cases.answer_settings, model_of(job)

    async def sent_with(own: GenerationSettings = NO_SETTINGS) -> object:
        await harness.chat.asking.ask(PLACE, "8", model, own)
        return harness.google.requests.matching(r":(streamG|g)enerateContent")[-1].body.get("systemInstruction")

    assert await sent_with() == {"parts": [{"text": "Count on."}]}
    assert (await settings.of_channel(PLACE)).tuned_with == "Count on."
    await settings.change(ASKED_BY_ADA, SettingsChange(GenerationSettings(system_instruction="Count back.")))
    assert await sent_with() == {"parts": [{"text": "Count back."}]}
    assert await sent_with(GenerationSettings(system_instruction="")) is None


@pytest.mark.parametrize("backend", ["gemini", "palm"])
async def test_where_rows_hold_the_system_text_before_the_question_it_is_asked_so(
    harness: Harness, backend: str
) -> None:
    row = b'{"messages": [{"role": "system", "content": "Count on."}, %s, %s]}\n'
    lines = [row % (b'{"role": "user", "content": "%d"}' % n, ANSWER % (n + 1)) for n in range(1, 31)]
    harness.store(b"".join(lines))
    job = await harness.answering("counter", backend)
    created = harness.google.requests.matching(r"/tunedModels$|/tunedModels\?")
    tuned = next(each.body for each in created if each.body)["tuningTask"]["trainingData"]["examples"]["examples"]
    settings, model = harness.use_cases.answer_settings, model_of(job)

    async def asked(own: GenerationSettings = NO_SETTINGS) -> str:
        await harness.chat.asking.ask(PLACE, "8", model, own)
        body = harness.google.requests.matching(r":(streamGenerateContent|generateContent|generateText)")[-1].body
        return str(body["prompt"]["text"] if backend == "palm" else body["contents"][-1]["parts"][0]["text"])

    assert await asked() == tuned[7]["textInput"] == "Count on.\n\n8"
    assert (await settings.of_channel(PLACE)).tuned_with == "Count on."
    assert await asked(GenerationSettings(system_instruction="")) == "8"
    # One that the channel has for another model cannot be sent here.
    other = ChannelSettings(GenerationSettings(system_instruction="Be kind."))
    await harness.chats.set_settings(PLACE, other, "UADA")
    assert await asked() == "Count on.\n\n8"


async def test_a_model_tuned_on_a_tuned_model_takes_what_its_first_base_takes(harness: Harness) -> None:
    first = await harness.tuned("first")
    again = await harness.answering("again")
    await based_on(harness, first, "gemini-3.5-flash-lite")
    await based_on(harness, again, first.tuned_model)
    assert (await harness.use_cases.answer_settings.of_channel(PLACE)).base_model == "gemini-3.5-flash-lite"
    await harness.forget_jobs()
    assert (await harness.use_cases.answer_settings.of_channel(PLACE)).base_model == ""


async def test_settings_are_taken_back_one_by_one_and_together(harness: Harness) -> None:
    settings = harness.use_cases.answer_settings
    both = GenerationSettings(temperature=0.5, top_k=3)
    await settings.change(ASKED_BY_ADA, SettingsChange(both, greeting="Hello!"))
    now = await settings.change(ASKED_BY_ADA, SettingsChange(reset=frozenset({"temperature"})))
    assert now.settings == ChannelSettings(GenerationSettings(top_k=3), "Hello!")
    now = await settings.change(ASKED_BY_ADA, SettingsChange(everything=True, greeting=""))
    assert now.settings == ChannelSettings(NO_SETTINGS, "")
    with pytest.raises(BadArgument, match="501 characters"):
        await settings.change(ASKED_BY_ADA, SettingsChange(greeting="x" * 501))


async def test_the_defaults_that_google_keeps_with_a_model_are_shown(harness: Harness) -> None:
    await harness.answering("palm one", "palm")
    settings = harness.use_cases.answer_settings
    shown = await settings.with_defaults(await settings.of_channel(PLACE))
    assert shown.defaults.temperature == pytest.approx(0.7)
    harness.google.faults.fail(503, path="/tunedModels/", times=None)
    assert (await settings.with_defaults(await settings.of_channel(PLACE))).defaults == NO_SETTINGS
