"""Everything a person can get wrong, and everything Google can refuse: each with words of its own."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.scenarios.conftest import NEXT_NUMBER, Open, World, buttons, shown_in, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = b'{"text_input": "seven", "output": "eight"}\n'


async def refused(world: World, words: str = "", *, content: bytes = NEXT_NUMBER, name: str = "rows.jsonl") -> str:
    """What the report of `/tune start` says against this file; nothing must have reached Google's tuning."""
    before = len(world.google.jobs.all)
    await world.type(f"start {words} file={world.share(content, name)}")
    report = await world.report("Not ready to start", "That did not work")
    assert "submit" not in report.definition
    assert len(world.google.jobs.all) == before
    return shown_in(report)


# The file


async def test_no_file(world: World) -> None:
    await world.type()
    form = await world.view("Tune a model")
    submission = await world.ada.submit_view(form, {"name": "fileless"})
    assert submission.errors == {"file_upload": "Upload a file, pick one shared here, or give an address."}


async def test_two_files(world: World) -> None:
    world.share(name="other.jsonl")
    await world.type()
    form = await world.view("Tune a model")
    submission = await world.ada.submit_view(
        form, {"file_upload": ("rows.jsonl", GOOD), "file_uri": "gs://some-bucket/rows.jsonl"}
    )
    assert "more than one file" in submission.errors["file_uri"]


async def test_a_picture(world: World) -> None:
    said = await refused(world, content=b"\x89PNG\r\n\x1a\n" + bytes(64), name="rows.png")
    assert "not a text file" in said
    assert "JSONL or CSV" in said


async def test_a_web_page_under_a_datasets_name(world: World) -> None:
    said = await refused(world, content=b"<!DOCTYPE html><html><body>hello</body></html>")
    assert "login page" in said or "HTML page" in said
    assert "files:read" in said


async def test_a_missing_scope(world: World) -> None:
    link = world.share()
    world.slack.app.scopes.discard("files:read")
    await world.type(f"start file={link}")
    said = shown_in(await world.report("That did not work"))
    assert "files:read" in said
    assert "install the app again" in said


@pytest.mark.parametrize("redirects", [False, True], ids=["a page", "a redirect to it"])
async def test_slacks_login_page_instead_of_the_file(world: World, redirects: bool) -> None:
    world.slack.workspace.calls.clear()
    link = world.share()
    world.slack.faults.login_redirects = redirects
    world.slack.faults.delay("files.download", seconds=0.4)
    await world.type(f"start file={link}")
    # The scope goes between the look at the file and its download, so that Slack's page is all there is to judge.
    await until(lambda: world.slack.workspace.calls_of("files.download") or None, "the download")
    world.slack.app.scopes.discard("files:read")
    said = shown_in(await world.report("That did not work"))
    assert "login page instead of numbers.jsonl" in said
    assert "files:read" in said


async def test_a_file_that_was_deleted_meanwhile(world: World) -> None:
    file = world.ada.upload(world.channel, "rows.jsonl", GOOD)
    file.deleted = True
    await world.type(f"start file={world.ada.permalink(file)}")
    assert f"I find no file {file.id}" in shown_in(await world.report("That did not work"))


async def test_a_file_in_a_channel_that_the_bot_does_not_see(world: World) -> None:
    hidden = world.slack.add_channel(f"hidden-{world.channel.id}", world.ada, with_bot=False)
    file = world.ada.upload(hidden, "rows.jsonl", GOOD)
    await world.type(f"start file={world.ada.permalink(file)}")
    said = shown_in(await world.report("That did not work"))
    assert f"I find no file {file.id}" in said
    assert "/invite" in said


async def test_a_download_that_breaks_off(world: World) -> None:
    world.slack.faults.reset("files.download", times=None)
    await world.type(f"start file={world.share()}")
    said = shown_in(await world.report("That did not work"))
    assert "numbers.jsonl" in said
    assert "Try again" in said


async def test_a_link_to_a_message_or_to_elsewhere(world: World) -> None:
    await world.type("start file=https://sandbox.slack.com/archives/C1/p123")
    await world.message("leads to a message, not to a file")
    await world.type("start file=https://example.com/rows.jsonl")
    await world.message("I cannot fetch", "gs:// address")
    await world.type("start file=gs://just-a-bucket")
    await world.message("not a whole Cloud Storage address")


async def test_an_empty_file(world: World) -> None:
    said = await refused(world, content=b"\n\n")
    assert "holds no example" in said


# Its rows


async def test_lines_that_are_not_json(world: World) -> None:
    said = await refused(world, content=GOOD + b"{'text_input': 1}\n" + GOOD + b"oops\n")
    assert "Error in lines 2 and 4" in said
    assert "Not JSON" in said


async def test_a_dialect_that_nobody_knows(world: World) -> None:
    said = await refused(world, content=b'{"frage": "sieben", "antwort": "acht"}\n' * 3)
    assert "in no form that I know" in said
    assert "`frage` and `antwort`" in said


async def test_keys_that_the_rows_do_not_have(world: World) -> None:
    said = await refused(world, "input=question output=reply", content=b'{"question": "a", "answer": "b"}\n')
    assert "reply is missing" in said


async def test_preference_rows_are_not_taken_for_examples_in_silence(world: World) -> None:
    row = {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "completions": [
            {"score": 1, "completion": {"role": "model", "parts": [{"text": "hello"}]}},
            {"score": 0, "completion": {"role": "model", "parts": [{"text": "no"}]}},
        ],
    }
    await world.type(f"start name=preferences file={world.share(json.dumps(row).encode() * 1)}")
    report = await world.report()
    assert "Only the preferred answer is learned" in shown_in(report)


async def test_mixed_dialects(world: World) -> None:
    said = await refused(world, content=GOOD + b'{"prompt": "nine", "completion": "ten"}\n')
    assert "Error in line 2" in said
    assert "the file began as" in said


async def test_empty_fields(world: World) -> None:
    said = await refused(world, content=GOOD + b'{"text_input": "nine", "output": "  "}\n')
    assert "Error in line 2" in said
    assert "output is empty" in said


async def test_a_file_too_large_for_its_way(world: World) -> None:
    rows = b'{"text_input": "%s", "output": "b"}\n' % (b"a" * 30_000)
    said = await refused(world, "backend=gemini", content=rows * 150)
    assert "Google takes 4,000,000" in said
    assert "tune on Vertex AI" in said


# The values


async def test_an_unknown_base_model(world: World) -> None:
    said = await refused(world, "base=gemini-3.5-flesh")
    assert "I know no base model 'gemini-3.5-flesh' for Vertex AI" in said
    assert "Did you mean gemini-3.5-flash?" in said


@pytest.mark.parametrize(
    ("words", "told"),
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
async def test_a_value_out_of_range(world: World, words: str, told: str) -> None:
    assert told in await refused(world, words)


async def test_words_that_are_no_numbers(world: World) -> None:
    await world.type("start epochs=three file=gs://some-bucket/rows.jsonl")
    await world.message("`epochs` must be a whole number, not “three”")
    await world.type("start epohcs=3")
    await world.message("I do not know “epohcs=”", "Did you mean epochs?")


async def test_an_address_that_is_none_is_told_under_its_field(world: World) -> None:
    await world.type()
    form = await world.view("Tune a model")
    submission = await world.ada.submit_view(form, {"file_uri": "gs://nope", "name": "x"})
    assert "not a whole Cloud Storage address" in submission.errors["file_uri"]


async def test_two_values_that_exclude_each_other_are_told_under_the_field(world: World) -> None:
    await world.type("start backend=gemini")
    form = await world.view("Tune a model")
    both: dict[str | tuple[str, str], object] = {"learning_rate": "0.001", "learning_rate_multiplier": "2"}
    submission = await world.ada.submit_view(form, {"file_upload": ("rows.jsonl", GOOD), **both})
    assert "cannot be set together" in submission.errors["learning_rate"]


async def test_a_name_that_is_taken(world: World) -> None:
    await world.started("taken name")
    said = await refused(world, 'name="Taken Name"')
    assert "already a model named" in said
    assert "Choose another name" in said
    await world.type()
    form = await world.view("Tune a model")
    submission = await world.ada.submit_view(form, {"file_upload": ("rows.jsonl", GOOD), "name": "taken name"})
    assert "already a model named" in submission.errors["name"]


async def test_a_name_that_is_taken_between_report_and_start(world: World) -> None:
    link = world.share()
    await world.type(f'start name="raced" file={link}')
    slow = await world.report("Ready to start")
    await world.ada.close_view(slow)
    bob = world.slack.person(f"bob-{world.channel.id}")
    bob.join(world.channel)
    await bob.slash_command(world.channel, "/tune", f"start name=raced file={link}")
    report = await world.slack.workspace.wait_for_view(bob.id, lambda view: view.title == "Ready to start", 10)
    await world.type(f"start name=raced file={link}")
    mine = await world.report("Ready to start")
    await bob.submit_view(report)
    submission = await world.ada.submit_view(mine)
    assert submission.view is not None
    assert "Choose another name" in shown_in(submission.view)
    await world.job("raced")
    assert len([job for job in world.google.jobs.all if job.display_name == "raced"]) == 1


async def test_no_such_model(world: World) -> None:
    for text in ("status nobody", "cancel nobody", "delete nobody", "use nobody"):
        await world.type(text)
    await until(lambda: len(world.messages("nobody")) == 4 or None, "four answers")
    assert all("no job named" in said.text or "no model named" in said.text for said in world.messages("nobody"))
    assert all("/tune" in said.text for said in world.messages("nobody"))


# Google


async def create_fails(world: World, name: str, *words: str) -> None:
    """Start; the job ends as failed with these words, in the reply and on the card, and its name stays free."""
    card = await world.start(name)
    ended = await world.message(name, "failed on", *words, thread=card.ts, within=5.0)
    assert "What to do:" in ended.text
    await world.shows(card, "failed", *words)
    assert "job_cancel" not in buttons(card)


@pytest.mark.parametrize(
    ("code", "sentence", "advice"),
    [
        (400, "Base model gemini-9 is not supported.", "TUNEBOT_BASE_MODELS"),
        (400, "The adapter size is not supported for this base model.", "adapter size"),
        (403, "Permission 'aiplatform.tuningJobs.create' denied.", "administrator"),
        (403, "Access to the project is denied.", "administrator"),
        (404, "Project not found.", "another project or location"),
        (429, "Quota exceeded for concurrent tuning jobs.", "one tuning of a project at a time"),
    ],
)
async def test_google_refuses_the_start(world: World, code: int, sentence: str, advice: str) -> None:
    world.google.faults.fail(code, sentence, path="/tuningJobs$", method="POST")
    await create_fails(world, f"refused {code} {len(sentence)}", sentence.rstrip("."), advice)


@pytest.mark.parametrize("backend", ["gemini", "palm"])
async def test_the_older_systems_refuse_the_start_as_they_do_today(world: World, backend: str) -> None:
    world.google.faults.fail(
        400, "Base model is not supported for createTunedModel.", path="/tunedModels$", method="POST"
    )
    card = await world.start(f"today {backend}", f"backend={backend}")
    await world.message(f"today {backend}", "failed on", "is not supported for createTunedModel", thread=card.ts)


async def test_a_missing_bucket(world: World) -> None:
    world.google.faults.fail(404, "The specified bucket does not exist.", path="/upload/storage")
    await create_fails(world, "bucketless", "bucket", "TUNEBOT_BUCKET")


async def test_a_file_in_a_bucket_that_is_not_there(world: World) -> None:
    await world.type("start file=gs://no-such-bucket-here/rows.jsonl")
    said = shown_in(await world.report("That did not work"))
    assert "gs://no-such-bucket-here/rows.jsonl" in said


async def test_a_start_whose_answer_is_lost_is_found_again_and_not_repeated(world: World) -> None:
    world.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    card = await world.start("answer lost")
    await world.shows(card, "running")
    (await world.job("answer lost")).finish()
    await world.message("answer lost", "is ready", thread=card.ts)
    assert len([job for job in world.google.jobs.all if job.display_name == "answer lost"]) == 1


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_a_503_to_a_start_is_neither_repeated_nor_called_a_failure_at_once(
    world: World, backend: str
) -> None:
    name = f"503 {backend}"
    fault = world.google.faults.fail(
        503, "The service is currently unavailable.", path="/(tuningJobs|tunedModels)$", method="POST"
    )
    card = await world.start(name, f"backend={backend}")
    await until(lambda: fault.hits or None, "the create")
    await world.type("status")
    await world.message(name, "being sent to Google")
    assert fault.hits == 1
    assert not [job for job in world.google.jobs.all if job.display_name == name]
    assert "failed" not in card.text


@pytest.mark.parametrize(
    ("code", "sentence", "advice"),
    [
        (400, "Multiturn chat is not enabled for this model.", "outside of a thread"),
        (403, "You do not have permission to access tuned model.", "share it with the bot's account"),
        (404, "Endpoint is not found.", "may have been deleted"),
    ],
)
async def test_google_refuses_a_question(world: World, code: int, sentence: str, advice: str) -> None:
    name = f"asked {code}"
    await world.tuned(name)
    world.google.faults.fail(code, sentence, path=":generateContent")
    await world.ada.slash_command(world.channel, "/ask", f'model="{name}" seven')
    told = await world.message(sentence.rstrip("."), advice)
    assert told.visible_to == world.ada.id
    world.ada.post(world.channel, world.ada.typed(f"@Tunebot model=“{name}” seven"))
    await world.message("eight")


@pytest.mark.parametrize("code", [429, 503])
async def test_a_question_outlasts_googles_short_troubles(world: World, code: int) -> None:
    name = f"patient {code}"
    await world.tuned(name)
    world.google.faults.fail(code, path=":generateContent", retry_after=0)
    await world.ada.slash_command(world.channel, "/ask", f'model="{name}" seven')
    await world.message("eight", "asked")


async def test_a_quota_that_stays_used_up_is_told(world: World) -> None:
    await world.tuned("quota")
    world.google.faults.fail(429, "Quota exceeded.", path=":generateContent", retry_after=600)
    await world.ada.slash_command(world.channel, "/ask", "model=quota seven")
    await world.message("Quota exceeded.", "Wait a minute")


async def test_a_trouble_in_a_thread_is_told_in_the_thread(world: World) -> None:
    await world.tuned("thread trouble")
    await world.ada.slash_command(world.channel, "/ask", 'model="thread trouble" seven')
    answer = await world.message("eight", "asked")
    world.google.faults.fail(404, "Endpoint is not found.", path=":generateContent")
    world.ada.post(world.channel, "ninety nine", thread_ts=answer.ts)
    await world.message("Endpoint is not found", thread=answer.ts)


async def test_looks_outlast_429_and_503_without_anybody_noticing(world: World) -> None:
    card, job = await world.started("patient look")
    for code in (429, 503):
        world.google.faults.fail(code, path=f"/{job.name.rsplit('/', 1)[1]}$", retry_after=0)
    job.finish()
    await world.message("patient look", "is ready", thread=card.ts)
    assert not [revision for revision in card.revisions if "last look failed" in revision.text]


async def test_expired_credentials(world_of: Open) -> None:
    async with world_of(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.2"}) as world:
        await world.tuned("before")
        world.google.credentials.expire_all()
        await world.ada.slash_command(world.channel, "/ask", "model=before seven")
        told = await world.message("GOOGLE_OAUTH_ACCESS_TOKEN")
        assert told.visible_to == world.ada.id
        card = await world.start("after")
        await world.message("after", "failed on", "GOOGLE_OAUTH_ACCESS_TOKEN", thread=card.ts)


# Slack


async def forged(world: World, body: str, *, secret: str | None = None, age: int = 0) -> tuple[int, str]:
    """Send a request as Slack does, signed with this secret; the status and the answer."""
    stamp = str(int(time.time()) - age)
    key = (secret or world.slack.app.signing_secret).encode()
    digest = hmac.new(key, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    url = f"http://127.0.0.1:{world.stage.port}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_forged_old_and_foreign_requests_are_not_served(world_of: Open) -> None:
    async with world_of("http", job_seconds=None) as world:
        command = {
            "team_id": world.slack.workspace.team_id,
            "channel_id": world.channel.id,
            "user_id": world.ada.id,
            "command": "/tune",
            "text": "help",
            "trigger_id": "1.2.3",
            "response_url": f"{world.slack.origin}/actions/none",
        }
        before = len(world.slack.workspace.calls)
        assert (await forged(world, urlencode(command), secret="guessed"))[0] == 401
        assert (await forged(world, urlencode(command), age=3600))[0] == 401
        status, answer = await forged(world, urlencode({**command, "team_id": "T0ELSEWHERE"}))
        assert (status, answer) == (200, "")
        event = {
            "type": "event_callback",
            "team_id": "T0ELSEWHERE",
            "event_id": "Ev1",
            "event": {
                "type": "message",
                "channel": world.channel.id,
                "channel_type": "channel",
                "user": "U0STRANGER",
                "text": f"<@{world.slack.app.bot_user_id}> list",
                "ts": "1.000001",
            },
        }
        assert (await forged(world, json.dumps(event)))[0] == 200
        await world.type("list")
        await world.message("Nothing here yet")
        said = {call.method for call in world.slack.workspace.calls[before:]}
        assert said <= {"response_url", "auth.test"}, "nothing was posted, opened or looked up for the others"
        assert "dropped a request of workspace T0ELSEWHERE" in world.stage.log_end()
