"""Everything a person can get wrong, and everything Google can refuse: each with words of its own."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.sandbox.stage import BUCKET
from tests.support.bot_harness import NEXT_NUMBER, BotHarness, OpenBot, buttons, shown_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = b'{"text_input": "seven", "output": "eight"}\n'


async def refused(
    bot: BotHarness, words: str = "", *, content: bytes = NEXT_NUMBER, name: str = "rows.jsonl"
) -> str:
    """What the report of `/tune start` says against this file; nothing must have reached Google's tuning."""
    before = len(bot.google.jobs.all)
    await bot.type(f"start {words} file={bot.share(content, name)}")
    report = await bot.report("Not ready to start", "That did not work")
    assert "submit" not in report.definition
    assert len(bot.google.jobs.all) == before
    return shown_in(report)


# The file


async def test_no_file(bot: BotHarness) -> None:
    await bot.type()
    form = await bot.view("Tune a model")
    submission = await bot.ada.submit_view(form, {"name": "fileless"})
    assert submission.errors == {"file_upload": "Upload a file, pick one shared here, or give an address."}


async def test_two_files(bot: BotHarness) -> None:
    bot.share(name="other.jsonl")
    await bot.type()
    form = await bot.view("Tune a model")
    submission = await bot.ada.submit_view(
        form, {"file_upload": ("rows.jsonl", GOOD), "file_uri": "gs://some-bucket/rows.jsonl"}
    )
    assert "more than one file" in submission.errors["file_uri"]


async def test_a_picture(bot: BotHarness) -> None:
    said = await refused(bot, content=b"\x89PNG\r\n\x1a\n" + bytes(64), name="rows.png")
    assert "This is a picture, not a training file" in said
    assert "with the picture beside it" in said


async def test_a_web_page_under_a_datasets_name(bot: BotHarness) -> None:
    said = await refused(bot, content=b"<!DOCTYPE html><html><body>hello</body></html>")
    assert "This is an HTML page" in said
    assert "files:read" not in said


async def test_a_missing_scope(bot: BotHarness) -> None:
    link = bot.share()
    bot.slack.app.scopes.discard("files:read")
    await bot.type(f"start file={link}")
    said = shown_in(await bot.report("That did not work"))
    assert "files:read" in said
    assert "install the app again" in said


@pytest.mark.parametrize("redirects", [False, True], ids=["a page", "a redirect to it"])
async def test_slacks_login_page_instead_of_the_file(bot: BotHarness, redirects: bool) -> None:
    bot.slack.workspace.calls.clear()
    link = bot.share()
    bot.slack.faults.login_redirects = redirects
    bot.slack.faults.delay("files.download", seconds=0.4)
    await bot.type(f"start file={link}")
    # The scope goes between the look at the file and its download, so that Slack's page is all there is to judge.
    await wait_until(lambda: bot.slack.workspace.calls_of("files.download"), "the download")
    bot.slack.app.scopes.discard("files:read")
    said = shown_in(await bot.report("That did not work"))
    assert "login page instead of numbers.jsonl" in said
    assert "files:read" in said


async def test_a_file_that_was_deleted_meanwhile(bot: BotHarness) -> None:
    file = bot.ada.upload(bot.channel, "rows.jsonl", GOOD)
    file.deleted = True
    await bot.type(f"start file={bot.ada.permalink(file)}")
    assert f"I find no file {file.id}" in shown_in(await bot.report("That did not work"))


async def test_a_file_in_a_channel_that_the_bot_does_not_see(bot: BotHarness) -> None:
    hidden = bot.slack.add_channel(f"hidden-{bot.channel.id}", bot.ada, with_bot=False)
    file = bot.ada.upload(hidden, "rows.jsonl", GOOD)
    await bot.type(f"start file={bot.ada.permalink(file)}")
    said = shown_in(await bot.report("That did not work"))
    assert f"I find no file {file.id}" in said
    assert "/invite" in said


async def test_a_download_that_breaks_off(bot: BotHarness) -> None:
    bot.slack.faults.reset("files.download", times=None)
    await bot.type(f"start file={bot.share()}")
    said = shown_in(await bot.report("That did not work"))
    assert "numbers.jsonl" in said
    assert "Try again" in said


async def test_a_link_to_a_message_or_to_elsewhere(bot: BotHarness) -> None:
    await bot.type("start file=https://sandbox.slack.com/archives/C1/p123")
    await bot.message("leads to a message, not to a file")
    await bot.type("start file=https://example.com/rows.jsonl")
    await bot.message("I cannot fetch", "gs:// address")
    await bot.type("start file=gs://just-a-bucket")
    await bot.message("not a whole Cloud Storage address")


async def test_an_empty_file(bot: BotHarness) -> None:
    said = await refused(bot, content=b"\n\n")
    assert "holds no row" in said


# Its rows


async def test_lines_that_are_not_json(bot: BotHarness) -> None:
    said = await refused(bot, content=GOOD + b"{'text_input': 1}\n" + GOOD + b"oops\n")
    assert "Line 2:" in said
    assert "the quotes are single" in said
    assert "Line 4:" in said
    assert "this is plain text" in said


async def test_a_dialect_that_nobody_knows(bot: BotHarness) -> None:
    said = await refused(bot, content=b'{"frage": "sieben", "antwort": "acht"}\n' * 3)
    assert "in no form that I know" in said
    assert "`frage` and `antwort`" in said


async def test_keys_that_the_rows_do_not_have(bot: BotHarness) -> None:
    said = await refused(bot, "input=question output=reply", content=b'{"question": "a", "answer": "b"}\n')
    assert "reply is missing" in said


async def test_preference_rows_are_not_taken_for_examples_in_silence(bot: BotHarness) -> None:
    row = {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "completions": [
            {"score": 1, "completion": {"role": "model", "parts": [{"text": "hello"}]}},
            {"score": 0, "completion": {"role": "model", "parts": [{"text": "no"}]}},
        ],
    }
    await bot.type(f"start name=preferences file={bot.share(json.dumps(row).encode() * 1)}")
    report = await bot.report()
    assert report.title == "Not ready to start"
    assert "Should the model learn the preferred answers, and nothing of the others?" in shown_in(report)
    await bot.ada.click(report, "report_check")
    report = await bot.report("Ready to start")
    assert "hello" in shown_in(report)


async def test_mixed_dialects(bot: BotHarness) -> None:
    said = await refused(bot, content=GOOD + b'{"prompt": "nine", "completion": "ten"}\n')
    assert "Line 2:" in said
    assert "I read this file as" in said


async def test_empty_fields(bot: BotHarness) -> None:
    said = await refused(bot, content=GOOD + b'{"text_input": "nine", "output": "  "}\n')
    assert "Line 2:" in said
    assert "output is empty" in said


async def test_a_file_too_large_for_its_way(bot: BotHarness) -> None:
    rows = b'{"text_input": "%s", "output": "b"}\n' % (b"a" * 30_000)
    said = await refused(bot, "backend=gemini", content=rows * 150)
    assert "Google takes 4,000,000" in said
    assert "tune on Vertex AI" in said


# The values


async def test_an_unknown_base_model(bot: BotHarness) -> None:
    said = await refused(bot, "base=gemini-3.5-flesh")
    assert "I know no base model 'gemini-3.5-flesh' for Vertex AI" in said
    assert "Did you mean gemini-3.5-flash?" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("epochs=0", "Epochs is 0, below the least, 1"),
        ("adapter=3", "not one of 1, 2, 4, 8, 16"),
        ("batch=4", "Vertex AI takes no batch_size"),
        ("multiplier=0", "below the least"),
        ("backend=gemini lr=0.001 multiplier=2", "cannot be set together"),
        ("backend=palm multiplier=2", "PaLM API takes no learning_rate_multiplier"),
        ("backend=bedrock", "'bedrock' is not offered here"),
        ("name=" + "x" * 129, "at most 128"),
        ("backend=gemini name=" + "x" * 41, "at most 40"),
        ("backend=palm validation=gs://some-bucket/v.jsonl", "takes no validation"),
    ],
)
async def test_a_value_out_of_range(bot: BotHarness, words: str, expected: str) -> None:
    assert expected in await refused(bot, words)


async def test_words_that_are_no_numbers(bot: BotHarness) -> None:
    await bot.type("start epochs=three file=gs://some-bucket/rows.jsonl")
    await bot.message("`epochs` must be a whole number, not “three”")
    await bot.type("start epohcs=3")
    await bot.message("I do not know “epohcs=”", "Did you mean epochs?")


async def test_an_address_that_is_none_is_told_under_its_field(bot: BotHarness) -> None:
    await bot.type()
    form = await bot.view("Tune a model")
    submission = await bot.ada.submit_view(form, {"file_uri": "gs://nope", "name": "x"})
    assert "not a whole Cloud Storage address" in submission.errors["file_uri"]


async def test_two_values_that_exclude_each_other_are_told_under_the_field(bot: BotHarness) -> None:
    await bot.type("start backend=gemini")
    form = await bot.view("Tune a model")
    both: dict[str | tuple[str, str], object] = {"learning_rate": "0.001", "learning_rate_multiplier": "2"}
    submission = await bot.ada.submit_view(form, {"file_upload": ("rows.jsonl", GOOD), **both})
    assert "cannot be set together" in submission.errors["learning_rate"]


async def test_a_name_that_is_taken(bot: BotHarness) -> None:
    await bot.started("taken name")
    said = await refused(bot, 'name="Taken Name"')
    assert "already a model named" in said
    assert "Choose another name" in said
    await bot.type()
    form = await bot.view("Tune a model")
    submission = await bot.ada.submit_view(form, {"file_upload": ("rows.jsonl", GOOD), "name": "taken name"})
    assert "already a model named" in submission.errors["name"]


async def test_a_name_that_is_taken_between_report_and_start(bot: BotHarness) -> None:
    link = bot.share()
    await bot.type(f'start name="raced" file={link}')
    slow = await bot.report("Ready to start")
    await bot.ada.close_view(slow)
    bob = bot.slack.person(f"bob-{bot.channel.id}")
    bob.join(bot.channel)
    await bob.slash_command(bot.channel, "/tune", f"start name=raced file={link}")
    report = await bot.slack.workspace.wait_for_view(bob.id, lambda view: view.title == "Ready to start")
    await bot.type(f"start name=raced file={link}")
    mine = await bot.report("Ready to start")
    await bob.submit_view(report)
    submission = await bot.ada.submit_view(mine)
    assert submission.view is not None
    assert "Choose another name" in shown_in(submission.view)
    await bot.job("raced")
    assert len([job for job in bot.google.jobs.all if job.display_name == "raced"]) == 1


async def test_no_such_model(bot: BotHarness) -> None:
    for text in ("status nobody", "cancel nobody", "delete nobody", "use nobody"):
        await bot.type(text)
    await wait_until(lambda: len(bot.messages("nobody")) == 4, "four answers")
    assert all("no tuning named" in said.text or "no model named" in said.text for said in bot.messages("nobody"))
    assert all("/tune" in said.text for said in bot.messages("nobody"))


# Google


async def create_fails(bot: BotHarness, name: str, *words: str) -> None:
    """Start; the job ends as failed with these words, in the reply and on the card, and its name stays free."""
    card = await bot.start(name)
    ended = await bot.message(name, "failed on", *words, thread=card.ts)
    assert "What to do:" in ended.text
    await bot.shows(card, "failed", *words)
    assert "job_cancel" not in buttons(card)


@pytest.mark.parametrize(
    ("code", "sentence", "advice"),
    [
        (400, "Base model gemini-9 is not supported.", "TUNEBOT_BASE_MODELS"),
        (400, "The adapter size is not supported for this base model.", "adapter size"),
        (403, "Permission 'aiplatform.tuningJobs.create' denied.", "administrator"),
        (403, "Access to the project is denied.", "administrator"),
        (404, "Project not found.", "another project or location"),
    ],
)
async def test_google_refuses_the_start(bot: BotHarness, code: int, sentence: str, advice: str) -> None:
    bot.google.faults.fail(code, sentence, path="/tuningJobs$", method="POST")
    await create_fails(bot, f"refused {code} {len(sentence)}", sentence.rstrip("."), advice)


@pytest.mark.long
async def test_a_quota_that_is_used_up_for_a_while_delays_the_start(bot: BotHarness) -> None:
    said = "Quota exceeded for concurrent tuning jobs"
    fault = bot.google.faults.fail(429, f"{said}.", path="/tuningJobs$", method="POST", times=None, retry_after=0)
    card = await bot.start("delayed by a quota")
    await bot.shows(card, said, "I try it again by myself")
    await wait_until(lambda: fault.hits >= 2, "the second try")
    assert "delayed by a quota" not in [job.display_name for job in bot.google.jobs.all]
    bot.google.faults.remove(fault)
    await bot.shows(card, "running")
    assert said not in card.text
    assert len([job for job in bot.google.jobs.all if job.display_name == "delayed by a quota"]) == 1


@pytest.mark.parametrize("backend", ["gemini", "palm"])
async def test_the_older_systems_refuse_the_start_as_they_do_today(bot: BotHarness, backend: str) -> None:
    bot.google.faults.fail(
        400, "Base model is not supported for createTunedModel.", path="/tunedModels$", method="POST"
    )
    card = await bot.start(f"today {backend}", f"backend={backend}")
    await bot.message(f"today {backend}", "failed on", "is not supported for createTunedModel", thread=card.ts)


async def test_a_missing_bucket(bot: BotHarness) -> None:
    bot.google.faults.fail(404, "The specified bucket does not exist.", path="/upload/storage")
    await create_fails(bot, "bucketless", "bucket", "TUNEBOT_BUCKET")


async def test_a_file_that_is_not_in_the_bucket(bot: BotHarness) -> None:
    await bot.type(f"start file=gs://{BUCKET}/no-such-file.jsonl")
    said = shown_in(await bot.report("That did not work"))
    assert f"There is no file at gs://{BUCKET}/no-such-file.jsonl" in said


async def test_a_start_whose_answer_is_lost_is_found_again_and_not_repeated(bot: BotHarness) -> None:
    bot.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    card = await bot.start("answer lost")
    await bot.shows(card, "running")
    (await bot.job("answer lost")).finish()
    await bot.message("answer lost", "is ready", thread=card.ts)
    assert len([job for job in bot.google.jobs.all if job.display_name == "answer lost"]) == 1


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_a_503_to_a_start_is_neither_repeated_nor_called_a_failure_at_once(
    bot: BotHarness, backend: str
) -> None:
    name = f"503 {backend}"
    fault = bot.google.faults.fail(
        503, "The service is currently unavailable.", path="/(tuningJobs|tunedModels)$", method="POST"
    )
    card = await bot.start(name, f"backend={backend}")
    await wait_until(lambda: fault.hits, "the create")
    await bot.type("status")
    await bot.message(name, "being sent to Google")
    assert fault.hits == 1
    assert not [job for job in bot.google.jobs.all if job.display_name == name]
    assert "failed" not in card.text


@pytest.mark.parametrize(
    ("code", "sentence", "advice"),
    [
        (400, "Multiturn chat is not enabled for this model.", "outside of a thread"),
        (403, "You do not have permission to access tuned model.", "share it with the bot's account"),
        (404, "Endpoint is not found.", "may have been deleted"),
    ],
)
async def test_google_refuses_a_question(bot: BotHarness, code: int, sentence: str, advice: str) -> None:
    name = f"asked {code}"
    await bot.tuned(name)
    bot.google.faults.fail(code, sentence, path=r":(streamG|g)enerateContent", times=2 if code == 404 else 1)
    await bot.ada.slash_command(bot.channel, "/ask", f'model="{name}" seven')
    notice = await bot.message(sentence.rstrip("."), advice)
    assert notice.visible_to == bot.ada.id
    bot.ada.post(bot.channel, bot.ada.typed(f"@Tunebot model={name} seven"))
    await bot.message("eight", f"Answered by `{name}`")


@pytest.mark.parametrize("code", [429, 503])
async def test_a_question_outlasts_googles_short_troubles(bot: BotHarness, code: int) -> None:
    name = f"patient {code}"
    await bot.tuned(name)
    bot.google.faults.fail(code, path=r":(streamG|g)enerateContent", retry_after=0)
    await bot.ada.slash_command(bot.channel, "/ask", f'model="{name}" seven')
    await bot.message("eight", "asked")


async def test_a_quota_that_stays_used_up_is_told(bot: BotHarness) -> None:
    await bot.tuned("quota")
    bot.google.faults.fail(429, "Quota exceeded.", path=r":(streamG|g)enerateContent", retry_after=600)
    await bot.ada.slash_command(bot.channel, "/ask", "model=quota seven")
    await bot.message("Quota exceeded.", "Wait a minute")


async def test_a_trouble_in_a_thread_is_told_in_the_thread(bot: BotHarness) -> None:
    await bot.tuned("thread trouble")
    await bot.ada.slash_command(bot.channel, "/ask", "model=thread trouble seven")
    answer = await bot.message("eight", "asked")
    bot.google.faults.fail(404, "Endpoint is not found.", path=r":(streamG|g)enerateContent", times=2)
    bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
    await bot.message("Endpoint is not found", thread=answer.ts)


async def test_looks_outlast_429_and_503_without_anybody_noticing(bot: BotHarness) -> None:
    card, job = await bot.started("patient look")
    for code in (429, 503):
        bot.google.faults.fail(code, path=f"/{job.name.rsplit('/', 1)[1]}$", retry_after=0)
    job.finish()
    await bot.message("patient look", "is ready", thread=card.ts)
    assert not [revision for revision in card.revisions if "last look failed" in revision.text]


@pytest.mark.long
async def test_expired_credentials(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.2"}) as bot:
        await bot.tuned("before")
        bot.google.credentials.expire_all()
        await bot.ada.slash_command(bot.channel, "/ask", "model=before seven")
        notice = await bot.message("GOOGLE_OAUTH_ACCESS_TOKEN")
        assert notice.visible_to == bot.ada.id
        card = await bot.start("after")
        await bot.message("after", "failed on", "GOOGLE_OAUTH_ACCESS_TOKEN", thread=card.ts)


# Slack


async def forged(bot: BotHarness, body: str, *, secret: str | None = None, age: int = 0) -> tuple[int, str]:
    """Send a request as Slack does, signed with this secret; the status and the answer."""
    stamp = str(int(time.time()) - age)
    key = (secret or bot.slack.app.signing_secret).encode()
    digest = hmac.new(key, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    url = f"http://127.0.0.1:{bot.stage.port}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_forged_old_and_foreign_requests_are_not_served(open_bot: OpenBot) -> None:
    async with open_bot("http", job_seconds=None) as bot:
        command = {
            "team_id": bot.slack.workspace.team_id,
            "channel_id": bot.channel.id,
            "user_id": bot.ada.id,
            "command": "/tune",
            "text": "help",
            "trigger_id": "1.2.3",
            "response_url": f"{bot.slack.origin}/actions/none",
        }
        before = len(bot.slack.workspace.calls)
        assert (await forged(bot, urlencode(command), secret="guessed"))[0] == 401
        assert (await forged(bot, urlencode(command), age=3600))[0] == 401
        status, answer = await forged(bot, urlencode({**command, "team_id": "T0ELSEWHERE"}))
        assert (status, answer) == (200, "")
        event = {
            "type": "event_callback",
            "team_id": "T0ELSEWHERE",
            "event_id": "Ev1",
            "event": {
                "type": "message",
                "channel": bot.channel.id,
                "channel_type": "channel",
                "user": "U0STRANGER",
                "text": f"<@{bot.slack.app.bot_user_id}> list",
                "ts": "1.000001",
            },
        }
        assert (await forged(bot, json.dumps(event)))[0] == 200
        await bot.type("list")
        await bot.message("Nothing here yet")
        calls = bot.slack.workspace.calls[before:]
        # Only the person who typed `list` in this workspace is looked up, for what they may do.
        assert {call.args.get("user") for call in calls if call.method == "users.info"} <= {bot.ada.id}
        said = {call.method for call in calls} - {"users.info"}
        assert said <= {"response_url", "auth.test"}, "nothing was posted, opened or looked up for the others"
        assert bot.stage.log_end().count("refused a request: the person is of another workspace") == 2
