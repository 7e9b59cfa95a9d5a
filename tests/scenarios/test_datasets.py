"""Each of the four files in `tests/data/datasets` is tuned on."""

import json

import pytest

from tests.support.bot_harness import BotHarness, buttons, shown_in
from tests.support.data_files import data_file

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAPPING = "input=question output=answer"


JUNK = b"not a row\n" * 150_000


def word_problems() -> bytes:
    """7,500 rows: the file's 300, each 25 times with a number of its own."""
    rows = [json.loads(line) for line in data_file("datasets/word_problems.jsonl").splitlines()]
    copies = [{**row, "question": f"{number}. {row['question']}"} for number in range(25) for row in rows]
    return b"".join(json.dumps(row).encode() + b"\n" for row in copies)


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_next_number_is_tuned_on_everywhere(bot: BotHarness, backend: str) -> None:
    content = data_file("datasets/next_number.jsonl")
    _, job = await bot.started(f"next {backend}", f"backend={backend} epochs=3", content)
    assert job.training_task.example_count == 15
    if backend != "vertex":
        job.advance()
        await bot.card(f"next {backend}")
        job.finish()
        await bot.ada.slash_command(bot.channel, "/ask", f'model="next {backend}" thirty one')
        return
    job.finish()
    await bot.message(f"next {backend}", "is ready")
    await bot.ada.slash_command(bot.channel, "/ask", f'model="next {backend}" thirty one')
    await bot.message("asked", "thirty two")


async def test_messages_with_model_turns_are_sent_in_vertex_ais_own_dialect(bot: BotHarness) -> None:
    content = data_file("datasets/messages_capitals.jsonl")
    await bot.type(f"start name=capitals file={bot.share(content, 'messages_capitals.jsonl')}")
    report = await bot.report("Ready to start")
    assert "9 rows" in shown_in(report)
    assert "Gemini 1.0 messages" in shown_in(report)
    await bot.ada.submit_view(report)
    job = await bot.job("capitals")
    sent = [json.loads(line) for line in bot.google.buckets.read(*stored_at(job.request)).decode().splitlines()]
    assert len(sent) == 9
    assert [turn["role"] for turn in sent[0]["contents"]] == ["user", "model"]
    job.finish()
    await bot.message("capitals", "is ready")


async def test_the_chat_is_refused_as_it_is_and_its_bad_row_named(bot: BotHarness) -> None:
    content = data_file("datasets/openai_chat.jsonl")
    await bot.type(f"start name=toy file={bot.share(content, 'openai_chat.jsonl')}")
    report = await bot.report("Not ready to start")
    said = shown_in(report)
    assert "Line 4:" in said
    assert "no user turn" in said
    assert "5 rows, 4 of them fit" in said
    assert "submit" not in report.definition


async def test_the_chat_is_tuned_on_without_its_bad_row(bot: BotHarness) -> None:
    rows = data_file("datasets/openai_chat.jsonl").splitlines(keepends=True)
    card, job = await bot.started("toy chat", content=b"".join(rows[:3] + rows[4:]))
    assert job.training_task.example_count == 4
    job.finish()
    await bot.message("toy chat", "is ready", thread=card.ts)
    bot.google.answers.clear()
    await bot.ada.slash_command(bot.channel, "/ask", 'model="toy chat" How often do I water a cactus?')
    await bot.message("asked", "Once in two weeks")


async def test_the_chats_long_answer_is_too_long_for_the_gemini_api(bot: BotHarness) -> None:
    content = data_file("datasets/openai_chat.jsonl")
    await bot.type(f"start backend=gemini name=toy file={bot.share(content)}")
    said = shown_in(await bot.report("Not ready to start"))
    assert "the limit is 5,000" in said


async def test_word_problems_is_tuned_on_in_one_line_with_its_keys_named(bot: BotHarness) -> None:
    content = word_problems()
    await bot.type(f"start name=word_problems {MAPPING} file={bot.share(content, 'word_problems.jsonl')}")
    report = await bot.report("Ready to start")
    assert "7,500 rows" in shown_in(report)
    await bot.ada.submit_view(report)
    await bot.card("word_problems")
    job = await bot.job("word_problems")
    assert job.training_task.example_count == 7_500
    job.finish()
    await bot.message("word_problems", "is ready: tuned on 7,500 rows")


async def test_word_problems_is_tuned_on_with_its_keys_named_in_the_form(bot: BotHarness) -> None:
    content = word_problems()
    await bot.type()
    await bot.all_fields()
    submission = await bot.ada.submit_view(
        None,
        {
            "name": "word_problems form",
            "file_upload": ("word_problems.jsonl", content),
            "input_key": "question",
            "output_key": "answer",
        },
    )
    assert submission.action == "update", submission.errors
    report = await bot.report("Ready to start")
    await bot.ada.submit_view(report)
    assert (await bot.job("word_problems form")).training_task.example_count == 7_500


async def test_a_file_of_unknown_keys_is_asked_for_them_and_the_guess_is_one_click_away(
    bot: BotHarness,
) -> None:
    content = word_problems()
    await bot.type(f"start name=guessed file={bot.share(content, 'word_problems.jsonl')}")
    report = await bot.report("Not ready to start")
    assert "`question` and `answer`" in shown_in(report)
    await bot.ada.click(report, "report_check")
    await bot.ada.submit_view(await bot.report("Ready to start"))
    assert (await bot.job("guessed")).training_task.example_count == 7_500


async def test_a_table_in_another_encoding_is_read_after_two_answers(bot: BotHarness) -> None:
    rows = "".join(f"Wo ist Schlüssel {number}?;Beim Pförtner {number}\n" for number in range(20))
    content = f"Frage;Antwort\n{rows}".encode("cp1252")
    await bot.type(f"start name=keys file={bot.share(content, 'keys.csv')}")
    report = await bot.report("Not ready to start")
    assert "Is this file written in Windows-1252 (or Latin-1)?" in shown_in(report)
    await bot.ada.click(report, "report_encoding")
    asked = await bot.slack.workspace.wait_for_view(bot.ada.id, lambda view: "report_check" in buttons(view))
    await bot.ada.click(asked, "report_check")
    report = await bot.report("Ready to start")
    assert "keys.utf8.csv" in shown_in(report)
    assert "Beim Pförtner 0" in shown_in(report)
    # The file holds a person's rows, so it goes to that person alone.
    [written] = [file for file in bot.slack.workspace.files.values() if file.name == "keys.utf8.csv"]
    assert [channel for channel, _ in written.shares] == [bot.ada.open_dm().id]


async def test_where_a_repair_keeps_no_row_the_reason_stands_beside_the_way_back(bot: BotHarness) -> None:
    content = b'{"prompt": "one", "completion": ""}\n' * 3
    await bot.type(f"start name=empty file={bot.share(content)}")
    report = await bot.report("Not ready to start")
    assert "I can try to repair this file." in shown_in(report)
    await bot.ada.click(report, "report_repair")
    failed = await bot.report("That did not work")
    assert "The first one: completion is empty." in shown_in(failed)
    assert [*buttons(failed)] == ["form_again"]


async def test_both_keys_or_neither_must_be_named(bot: BotHarness) -> None:
    await bot.type("start input=question file=gs://bucket/x.jsonl")
    await bot.message("`output` is missing", "input=question output=answer")


async def test_a_file_of_junk_is_not_read_to_its_end_and_the_report_says_so(bot: BotHarness) -> None:
    await bot.type(f"start name=junk file={bot.share(JUNK)}")
    shown = shown_in(await bot.report("Not ready to start"))
    assert "More than 100,000 rows cannot be tuned on, so I stopped there." in shown
    assert "I did not read what follows line 1" in shown


def stored_at(request: dict[str, dict[str, str]]) -> tuple[str, str]:
    """Bucket and name of a Vertex job's training file."""
    bucket, _, name = request["supervisedTuningSpec"]["trainingDatasetUri"].removeprefix("gs://").partition("/")
    return bucket, name


async def test_rows_with_tools_and_pictures_reach_vertex_ai_in_googles_form(bot: BotHarness) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/map.png"}}
    rows = [
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": f"Weather on day {i}?"}, picture]},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "cold"},
                {"role": "assistant", "content": f"Cold on day {i}."},
            ],
            "tools": [{"type": "function", "function": {"name": "weather"}}],
        }
        for i in range(12)
    ]
    _, job = await bot.started("tools", content="".join(json.dumps(row) + "\n" for row in rows).encode())
    sent = [json.loads(line) for line in bot.google.buckets.read(*stored_at(job.request)).decode().splitlines()]
    assert len(sent) == job.training_task.example_count == 12
    assert sent[0]["contents"][0]["parts"][1]["fileData"]["fileUri"] == "https://example.org/map.png"
    assert sent[0]["contents"][1]["parts"] == [{"functionCall": {"name": "weather", "args": {"city": "Bern"}}}]
    assert sent[0]["tools"] == [{"functionDeclarations": [{"name": "weather"}]}]
