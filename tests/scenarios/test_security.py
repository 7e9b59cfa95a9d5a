"""Nobody gets in, and nothing gets out: forged requests, hostile files, words that pose as Slack's, secrets."""

import asyncio
import hashlib
import hmac
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.slack.deliveries import encoded
from bot.sandbox.slack.references import live_in_message
from bot.sandbox.stage import BUCKET, Stage
from handlers.transport.manifest import manifest
from tests.scenarios.conftest import NO_QUEUE
from tests.support.bot_harness import NEXT_NUMBER, BotHarness, OpenBot, shown_in
from tests.support.http_server import free_port, serving
from tests.support.waiting import DEADLINE_SECONDS, holds, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEGABYTE = 1_000_000


# Requests over HTTP


def stamped(bot: BotHarness, body: str, *, at: float | None = None) -> dict[str, str]:
    """The headers by which Slack proves that a body is its own, at a time."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(bot.slack.app.signing_secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
        "Content-Type": "application/json" if body.startswith("{") else "application/x-www-form-urlencoded",
    }


async def sent(bot: BotHarness, body: str | AsyncIterator[bytes], headers: Mapping[str, str]) -> int:
    """Knock at the bot's own door; the status of the answer."""
    url = f"http://127.0.0.1:{bot.stage.port}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


def command(bot: BotHarness, text: str) -> str:
    return urlencode(
        {
            "team_id": bot.slack.workspace.team_id,
            "channel_id": bot.channel.id,
            "user_id": bot.ada.id,
            "command": "/tune",
            "text": text,
            "trigger_id": "1.2.3",
            "response_url": f"{bot.slack.origin}/actions/T0/none",
        }
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http_bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BotHarness]:
    """A bot that listens on a port, for the tests that knock there."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/slack/events"
    async with (
        GoogleStandIn(job_seconds=None, seed=1) as google,
        SlackStandIn(manifest=manifest(url), events_url=url) as slack,
    ):
        google.create_bucket(BUCKET)
        ada = slack.person("ada", "Ada Lovelace")
        directory = tmp_path_factory.mktemp("http")
        async with Stage(slack, google, directory, port=port, environment=NO_QUEUE) as stage:
            yield BotHarness(slack, google, stage, ada, slack.add_channel("tuning", ada))


async def test_a_signature_that_does_not_fit_is_refused(http_bot: BotHarness) -> None:
    body = command(http_bot, "list")
    good = stamped(http_bot, body)
    wrong: list[dict[str, str]] = [
        {name: value for name, value in good.items() if name != "X-Slack-Signature"},
        {name: value for name, value in good.items() if name != "X-Slack-Request-Timestamp"},
        {**good, "X-Slack-Signature": ""},
        {**good, "X-Slack-Signature": "v0="},
        {**good, "X-Slack-Signature": good["X-Slack-Signature"][:-1]},
        {**good, "X-Slack-Signature": good["X-Slack-Signature"].replace("v0=", "v1=")},
        {**good, "X-Slack-Signature": "v0=" + "é" * 64},
        {**good, "X-Slack-Request-Timestamp": str(int(good["X-Slack-Request-Timestamp"]) + 1)},
        {**good, "X-Slack-Request-Timestamp": "soon"},
        stamped(http_bot, body, at=time.time() - 310),
        stamped(http_bot, body, at=time.time() + 310),
        stamped(http_bot, command(http_bot, "help")),
    ]
    before = len(http_bot.slack.workspace.calls)
    assert [await sent(http_bot, body, headers) for headers in wrong] == [401] * len(wrong)
    # The bot checks its own token now and then.
    await holds(
        lambda: {call.method for call in http_bot.slack.workspace.calls[before:]} <= {"auth.test"}, 0.2, "silence"
    )
    assert await sent(http_bot, body, good) == 200


async def test_a_start_that_is_replayed_starts_nothing_again(http_bot: BotHarness) -> None:
    _, job = await http_bot.started("replayed")
    submission = next(
        each for each in reversed(http_bot.slack.workspace.deliveries) if each.event_type == "view_submission"
    )
    body, _ = encoded(submission)
    # Within five minutes Slack's scheme accepts the same bytes again; the proposal's id is what stands in the way.
    assert await sent(http_bot, body, stamped(http_bot, body)) == 200
    await holds(
        lambda: [each.display_name for each in http_bot.google.jobs.all].count("replayed") == 1, 0.5, "one job"
    )
    assert len(http_bot.messages("Tuning replayed (")) == 1
    job.finish()


async def test_a_message_that_is_replayed_is_answered_once(http_bot: BotHarness) -> None:
    await http_bot.tuned("replayed answer")
    said = http_bot.ada.post(http_bot.channel, http_bot.ada.typed('@Tunebot model="replayed answer" seven'))
    await http_bot.message("eight", thread=said.ts)
    mention = next(
        each for each in reversed(http_bot.slack.workspace.deliveries) if each.event_type == "app_mention"
    )
    body, _ = encoded(mention)
    asked = len(http_bot.asked())
    # Also under another event id, as a twin of another subscription has.
    for event_id in (mention.payload["event_id"], "EvANOTHER"):
        copy = json.dumps({**mention.payload, "event_id": event_id})
        assert await sent(http_bot, copy, stamped(http_bot, copy)) == 200
    assert await sent(http_bot, body, stamped(http_bot, body)) == 200
    await holds(lambda: len(http_bot.asked()) == asked, 1.2, "one question at Google")
    assert len(http_bot.messages("eight", thread=said.ts)) == 1


async def test_a_click_from_another_workspace_starts_nothing(http_bot: BotHarness) -> None:
    link = http_bot.share()
    await http_bot.type(f"start name=foreign file={link}")
    report = await http_bot.report("Ready to start")
    payload = {
        "type": "view_submission",
        "team": {"id": "T0ELSEWHERE", "domain": "elsewhere"},
        "user": {"id": "U0STRANGER", "team_id": "T0ELSEWHERE"},
        "view": {**report.definition, "id": report.id, "team_id": "T0ELSEWHERE", "state": {"values": {}}},
    }
    body = urlencode({"payload": json.dumps(payload)})
    assert await sent(http_bot, body, stamped(http_bot, body)) == 200
    await holds(lambda: "foreign" not in [job.display_name for job in http_bot.google.jobs.all], 0.3, "no job")
    await http_bot.ada.close_view(report)


async def test_a_click_of_another_companys_person_in_a_shared_channel_does_nothing(http_bot: BotHarness) -> None:
    card, job = await http_bot.started("not theirs")
    await http_bot.shows(card, "job_cancel")
    payload = {
        "type": "block_actions",
        "team": {"id": http_bot.slack.workspace.team_id, "domain": "sandbox"},
        "user": {"id": "U0STRANGER", "team_id": "T0ELSEWHERE"},
        "channel": {"id": http_bot.channel.id, "name": "tuning"},
        "container": {"type": "message", "message_ts": card.ts, "channel_id": http_bot.channel.id},
        "actions": [
            {
                "type": "button",
                "action_id": "job_cancel",
                "block_id": "job_actions",
                "value": job.labels["tunebot-job"],
                "action_ts": "1.000001",
            }
        ],
        "response_url": f"{http_bot.slack.origin}/actions/T0/none",
        "trigger_id": "1.2.3",
    }
    body = urlencode({"payload": json.dumps(payload)})
    assert await sent(http_bot, body, stamped(http_bot, body)) == 200
    await holds(lambda: not http_bot.google.requests.matching(r":cancel$"), 0.5, "no cancellation")
    # The same click of somebody in the workspace is handled.
    payload["user"] = {"id": http_bot.ada.id, "team_id": http_bot.slack.workspace.team_id}
    body = urlencode({"payload": json.dumps(payload)})
    assert await sent(http_bot, body, stamped(http_bot, body)) == 200
    await wait_until(lambda: http_bot.google.requests.matching(r":cancel$"), "the cancellation")
    job.finish()


async def test_an_answers_address_elsewhere_gets_the_answer_and_no_token(http_bot: BotHarness) -> None:
    """Slack signs the address like the rest, so it is used as it is; what goes there opens nothing."""
    received: list[str] = []

    async def note(request: web.Request) -> web.Response:
        received.append(f"{dict(request.headers)} {await request.text()}")
        return web.Response(text="ok")

    async with serving(note) as elsewhere:
        typed = dict(parse_qsl(command(http_bot, "status nobody"))) | {"response_url": f"{elsewhere}actions/1"}
        body = urlencode(typed)
        assert await sent(http_bot, body, stamped(http_bot, body)) == 200
        await wait_until(lambda: received, "the answer")
    (answer,) = received
    assert "I know no tuning named" in answer
    secrets = [value for name, value in http_bot.stage.given_environment.items() if _is_secret(name)]
    assert len(secrets) > 3
    assert "Authorization" not in answer
    assert [secret for secret in secrets if secret in answer] == []


def memory(bot: BotHarness) -> float:
    """The bot's peak of resident memory so far, in MB."""
    lines = Path(f"/proc/{bot.stage.process_id}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / MEGABYTE


async def test_a_body_of_fifty_megabytes_is_refused_without_being_kept(http_bot: BotHarness) -> None:
    before = memory(http_bot)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"a" * MEGABYTE

    try:
        status = await sent(http_bot, pieces(), stamped(http_bot, "payload="))
    except aiohttp.ClientConnectionError:
        status = 413  # the door was shut while we were still pushing
    assert status in (401, 413)
    assert memory(http_bot) - before < 15


async def test_bodies_that_never_end_keep_nobody_out(http_bot: BotHarness) -> None:
    writers: list[asyncio.StreamWriter] = []
    signed = "".join(f"{name}: {value}\r\n" for name, value in stamped(http_bot, "a").items()).encode()
    heads = (
        b"POST /slack/events HTTP/1.1\r\nHost: bot\r\n" + signed + b"Content-Length: 1000\r\n\r\na",
        b"POST /slack/events HTTP/1.1\r\nHost: bot\r\n" + signed + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nX-Slow: ",
    )
    readers = []
    for number in range(150):
        reader, writer = await asyncio.open_connection("127.0.0.1", http_bot.stage.port)
        writer.write(heads[number % 3])
        readers.append(reader)
        writers.append(writer)
    refused = [asyncio.create_task(reader.readline()) for reader in readers[:2]]
    body = command(http_bot, "list")
    assert await sent(http_bot, body, stamped(http_bot, body)) == 200
    assert not any(task.done() for task in refused), "the command waited until the others were refused"
    # Those whose body does not come are refused.
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert all(b" 408 " in line for line in await asyncio.gather(*refused))
    for writer in writers:
        writer.close()


# Files, behind a Slack that lies about them


@dataclass
class Crossing:
    """Slack's API as it is, but for what it says of files; and what lies behind its links."""

    slack: SlackStandIn
    url: str = ""
    said: dict[str, Any] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    origin: str = ""
    thief: str = ""

    async def api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        kept = ("Authorization", "Content-Type")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        target, body = f"{self.slack.api_url}{method}", await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, target, params=request.query, data=body or None, headers=headers
            ) as answer,
        ):
            found = await answer.json()
        if method == "files.info" and self.url:
            found["file"] |= {"url_private": self.url, "url_private_download": self.url, **self.said}
        return web.json_response(found)

    async def redirect(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{self.thief}/stolen"})

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(NEXT_NUMBER * 400)

    async def steal(self, request: web.Request) -> web.Response:
        self.elsewhere.append(f"{request.path} {request.headers.get('Authorization')}")
        return web.Response(body=NEXT_NUMBER)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lying(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[BotHarness, Crossing]]:
    """A bot whose Slack can be made to lie about files, and a thief on another port."""
    async with GoogleStandIn(job_seconds=None, seed=1) as google, SlackStandIn(manifest=manifest()) as slack:
        google.create_bucket(BUCKET)
        crossing = Crossing(slack)
        application, elsewhere = web.Application(), web.Application()
        application.add_routes(
            [
                web.post("/api/{method}", crossing.api),
                web.get("/api/{method}", crossing.api),
                web.get("/redirect", crossing.redirect),
                web.get("/endless", crossing.endless),
            ]
        )
        elsewhere.add_routes([web.get("/{path:.*}", crossing.steal)])
        runners = [web.AppRunner(each, shutdown_timeout=0.1) for each in (application, elsewhere)]
        origins = []
        for runner in runners:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            origins.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        crossing.origin, crossing.thief = origins
        ada = slack.person("ada", "Ada Lovelace")
        environment = {**NO_QUEUE, "SLACK_API_URL": f"{crossing.origin}/api/"}
        async with Stage(slack, google, tmp_path_factory.mktemp("lying"), environment=environment) as stage:
            yield BotHarness(slack, google, stage, ada, slack.add_channel("tuning", ada)), crossing
        for runner in runners:
            await runner.cleanup()


async def refusal(lying: tuple[BotHarness, Crossing], url: str, **said: Any) -> str:
    """What the report says of a file that Slack claims to lie there."""
    bot, crossing = lying
    crossing.url, crossing.said = url, said
    try:
        await bot.type(f"start file={bot.share()}")
        report = await bot.report("That did not work", "Not ready to start", "Ready to start")
        await bot.ada.close_view(report)
        return shown_in(report)
    finally:
        crossing.url, crossing.said = "", {}


@pytest.mark.parametrize(
    "url",
    [
        "{thief}/rows.jsonl",
        "{thief}/files.slack.com",
        "http://localhost:{port}/rows.jsonl",
        "http://127.0.0.2:{port}/rows.jsonl",
        "http://[::1]:{port}/rows.jsonl",
        "http://169.254.169.254/computeMetadata/v1/",
        "http://10.0.0.1/rows.jsonl",
        "http://files.slack.com/rows.jsonl",
        "https://files.slack.com.evil.example/rows.jsonl",
        "https://evilslack.com/rows.jsonl",
        "https://files.slack.com@{host}/rows.jsonl",
        "http://{own}@{host}/rows.jsonl",
        "https://files.slack.com:8443/rows.jsonl",
        "https://{host}\\@files.slack.com/rows.jsonl",
        "https://{host}\t@files.slack.com/rows.jsonl",
        "https://[files.slack.com/rows.jsonl",
        "file:///etc/passwd",
        "//{host}/rows.jsonl",
        "",
        "rows.jsonl",
    ],
)
async def test_the_token_goes_nowhere_but_to_slack(lying: tuple[BotHarness, Crossing], url: str) -> None:
    bot, crossing = lying
    host = crossing.thief.removeprefix("http://")
    own = crossing.origin.removeprefix("http://")
    target = url.format(thief=crossing.thief, host=host, own=own, port=host.rpartition(":")[2])
    said = await refusal(lying, target or " ")
    assert "is not stored at Slack itself" in said
    assert crossing.elsewhere == []
    assert "unexpected error" not in bot.stage.log_end()


async def test_a_redirect_to_another_host_is_not_followed(lying: tuple[BotHarness, Crossing]) -> None:
    _, crossing = lying
    said = await refusal(lying, f"{crossing.origin}/redirect")
    assert "login page" in said
    assert crossing.elsewhere == []


@pytest.mark.parametrize("size", [5_000, 0], ids=["more than it said", "no size said"])
async def test_a_download_that_never_ends_is_ended(lying: tuple[BotHarness, Crossing], size: int) -> None:
    bot, crossing = lying
    before = memory(bot)
    said = await refusal(lying, f"{crossing.origin}/endless", size=size)
    assert "sends more" in said or "more than" in said
    assert memory(bot) - before < 60


OUTSIDE = Path("/tmp/tunebot-was-here.jsonl")
NAMES = {
    "up": "../../../../../../tmp/tunebot-was-here.jsonl",
    "absolute": "/tmp/tunebot-was-here.jsonl",
    "windows": "..\\..\\tunebot-was-here.jsonl",
    "nul": "a\x00b.jsonl",
    "line": "a\r\nX-Evil: 1.jsonl",
    "long": "x" * 5_000 + ".jsonl",
    "emoji": "🦆📈.jsonl",
    "backwards": "rows\u202elnosj.exe",
}


@pytest.mark.parametrize("kind", list(NAMES))
async def test_a_files_name_is_only_ever_shown(http_bot: BotHarness, kind: str) -> None:
    bot = http_bot
    files = {path.name for path in bot.stage.directory.iterdir()}
    file = bot.ada.upload(bot.channel, NAMES[kind], NEXT_NUMBER)
    card = await bot.start(f"named {kind}", file=file.id)
    job = await bot.job(f"named {kind}")
    key = job.labels["tunebot-job"]
    stored = [name for name in bot.google.buckets.bucket(BUCKET) if key in name]
    assert stored == [f"tunebot/{key}/training.jsonl"]
    assert {path.name for path in bot.stage.directory.iterdir()} == files
    assert not OUTSIDE.exists()  # noqa: ASYNC240 - the test has nothing else to do
    job.finish()
    await bot.shows(card, "done")
    assert not re.search(
        r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(shown_by_the_bot(bot))
    )


@pytest.mark.parametrize("kind", list(NAMES))
async def test_a_repaired_files_name_leads_nowhere(http_bot: BotHarness, kind: str) -> None:
    bot = http_bot
    file = bot.ada.upload(bot.channel, NAMES[kind], NEXT_NUMBER + b'{"text_input": "no output"}\n')
    known = set(bot.slack.workspace.files)
    await bot.type(f'start name="repaired {kind}" file={file.id}')
    await bot.ada.click(await bot.report("Not ready to start"), "report_repair")

    def posted() -> list[str] | None:
        names = [each.name for each in bot.slack.workspace.files.values() if each.id not in known]
        return names if len(names) == 2 else None

    for name in await wait_until(posted, "both files"):
        assert re.fullmatch(r"[^/\\]{1,100}\.(repaired|rejected)\.jsonl", name)
        assert name.isprintable()
        assert not name.startswith(".")
    assert not OUTSIDE.exists()  # noqa: ASYNC240 - the test has nothing else to do
    await bot.message("Both files are in this thread")
    view = bot.ada.modal
    if view is not None:
        await bot.ada.close_view(view)


# Words

EVIL = "<!channel> <!here|x> <@U0ADA> <#C0X> <https://evil.example|your bank> @everyone"


def shown_by_the_bot(bot: BotHarness) -> list[str]:
    """All texts that the bot ever showed in messages and forms."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, each in value.items():
                yield from (
                    (each,) if key in ("text", "accessibility_label") and isinstance(each, str) else texts(each)
                )
        elif isinstance(value, list):
            for each in value:
                yield from texts(each)

    calls = [call.args for call in bot.slack.workspace.calls]
    return [*texts(calls), *texts([message.blocks for message in bot.slack.workspace.messages()])]


async def said_by_the_bot(bot: BotHarness) -> list[str]:
    """Everything alive in what the bot ever showed in messages and forms, but for people the bot means."""
    workspace = bot.slack.workspace
    shown = [(message.text, message.blocks) for message in workspace.messages() if message.bot_id is not None]
    shown += [
        (revision.text, revision.blocks)
        for message in workspace.messages()
        if message.bot_id is not None
        for revision in message.revisions
    ]
    shown += [
        ("", call.args["view"]["blocks"])
        for call in workspace.calls
        if call.method in ("views.open", "views.update") and isinstance(call.args.get("view"), dict)
    ]
    assert shown
    alive = [each for text, blocks in shown for each in live_in_message(text, blocks)]
    # An address that shows itself deceives nobody; one behind other words does. The card's link is the bot's own.
    console = "https://console.cloud.google.com/vertex-ai/"
    return [
        str(each)
        for each in alive
        if not (each.kind == "user" and each.target == bot.ada.id)
        and not (each.kind == "link" and (each.label in ("", each.target) or ":" not in each.target))
        and not (each.kind == "link" and each.target.startswith(console))
    ]


async def test_nobodys_words_mention_anybody_or_become_links(http_bot: BotHarness) -> None:
    bot = http_bot
    evil = bot.ada.typed(EVIL)
    row = {"text_input": EVIL, "output": EVIL}
    # A name, a file's name, the values in findings; once refused, once started.
    bot.ada.upload(bot.channel, f"{EVIL}.jsonl".replace("/", "-"), b"{}")
    bad = b"\n".join([json.dumps(row).encode(), b'{"text_input": "<!channel>"}', b"<!channel>", b'{"<!here>": 1}'])
    file = bot.ada.upload(bot.channel, "<!channel><@U0ADA>.jsonl", bad)
    await bot.type(f'start name="{evil}" base="{evil}" backend="{evil}" file={file.id}')
    await bot.ada.close_view(await bot.report())
    await bot.type(f"status {evil}")
    await bot.type(f"start epochs={evil} {evil}")
    await bot.type(evil)
    good = bot.ada.upload(bot.channel, "<!channel><@U0ADA>.jsonl", (json.dumps(row).encode() + b"\n") * 12)
    name = "<!channel> <@U0ADA> <http://evil.example|x>"
    await bot.type(f'start name="{bot.ada.typed(name)}" file={good.id}')
    await bot.ada.submit_view(await bot.report("Ready to start"))
    job = await bot.job(name)
    card = await bot.message("Tuning &lt;!channel&gt;")
    # Google's own words.
    job.fail(3, f"Bad row: {EVIL}")
    await bot.shows(card, "failed")
    # A question and the model's answer.
    answer = (
        f"{EVIL}\n\n> <!channel>\n\n[a](<!here>) `<!channel>` **<@U0ADA>**\n\n"
        "[https://bank.example](https://evil.example) ![bank](https://evil.example/b.png) [bank][1]\n\n"
        "[1]: https://evil.example\n"
    )
    await bot.tuned("safe")
    bot.google.answers.say(answer, times=None)
    await bot.ada.slash_command(bot.channel, "/ask", f"model=safe {evil}")
    notice = await bot.message("asked")
    assert "https://bank.example (https://evil.example) bank (https://evil.example/b.png)" in notice.text
    bot.google.answers.clear()
    bot.google.faults.fail(400, f"Refused: {EVIL}", path=r":(streamG|g)enerateContent")
    await bot.ada.slash_command(bot.channel, "/ask", "model=safe seven")
    await bot.message("Refused")
    await bot.slack.settle()
    assert await said_by_the_bot(bot) == []


# Secrets


@pytest.mark.parametrize("mode", ["socket", "http"])
@pytest.mark.long
async def test_no_secret_is_kept_or_logged(open_bot: OpenBot, mode: str) -> None:
    debug = {"TUNEBOT_LOG_LEVEL": "DEBUG", "TUNEBOT_POLL_SECONDS": "0.2"}
    async with open_bot(mode, job_seconds=None, environment=debug) as bot:
        await bot.tuned("secretive")
        await bot.tuned("secretive too", "backend=gemini")
        await bot.ada.slash_command(bot.channel, "/ask", "model=secretive seven")
        await bot.message("eight", "asked")
        await bot.ada.slash_command(bot.channel, "/ask", 'model="secretive too" seven')
        await bot.type("models")
        await bot.type("status nobody")
        own = bot.stage.given_environment
        repeated = f"Bearer {own['GOOGLE_OAUTH_ACCESS_TOKEN']}, https://x.example/?key={own['GEMINI_API_KEY']}"
        bot.google.faults.fail(403, f"No: {repeated}", path=r":(streamG|g)enerateContent")
        await bot.ada.slash_command(bot.channel, "/ask", "model=secretive nine")
        await bot.message("No: ")
        mend = b'{"prompt": "nine", "completion": ""}\n' + b'{"prompt": "a", "completion": "b"}\n' * 12
        await bot.type(f"start file={bot.share(mend)}")
        report = await bot.report()
        if "report_repair" in str(report.blocks):
            await bot.ada.click(report, "report_repair")
            await bot.message("repaired")
        secrets = {name: value for name, value in bot.stage.given_environment.items() if _is_secret(name)}
        payloads = [each.payload for each in bot.slack.workspace.deliveries]
        secrets |= {
            f"response_url {number}": payload["response_url"].rpartition("/")[2]
            for number, payload in enumerate(payloads)
            if payload.get("response_url")
        }
        secrets |= {f"upload {id_}": id_ for id_ in bot.google.buckets.uploads}
        secrets["verification token"] = bot.slack.app.verification_token
        assert len(secrets) > 6
        # Keys and tokens go in headers: an address is what logs and errors of libraries show.
        assert [each.query for each in bot.google.requests if {"key", "access_token"} & each.query.keys()] == []
        assert any("x-goog-api-key" in each.headers for each in bot.google.requests)
        await bot.stage.stop()
        log = bot.stage.log_file.read_text()
        assert "DEBUG" in log
        directory = bot.stage.directory
        kept = b"".join(path.read_bytes() for path in directory.iterdir() if path.name.startswith("tunebot.db"))
        with sqlite3.connect(directory / "tunebot.db") as database:
            assert database.execute("select count(*) from jobs").fetchone() == (2,)
        assert [name for name, value in secrets.items() if value in log] == []
        shown = "".join(shown_by_the_bot(bot))
        assert [name for name, value in secrets.items() if value in shown] == []
        assert [name for name, value in secrets.items() if value.encode() in kept] == []


async def test_no_name_and_no_text_of_a_person_is_logged_or_measured(open_bot: OpenBot) -> None:
    """The people who read logs and metrics may not be those of the channel: both have ids and states only."""
    debug = {"TUNEBOT_LOG_LEVEL": "DEBUG", "TUNEBOT_POLL_SECONDS": "0.2"}
    async with open_bot("http", job_seconds=None, environment=debug) as bot:
        bot.google.faults.fail(500, path=":countTokens$", times=None)
        for backend in ("vertex", "gemini"):
            name = f"Kassiopeia-{backend}"
            await bot.answering(name, f"backend={backend}")
            await bot.ada.slash_command(bot.channel, "/ask", f"model={name} Quastenflosser")
            await bot.message(f"asked `{name}`")
            file = bot.share(NEXT_NUMBER, f"Zephyrin-{backend}.jsonl")
            await bot.type(f"start name={name}2 backend={backend} file={file}")
            await bot.ada.close_view(await bot.report())
            for text in ("settings", f"status {name}", f"status {name}x", f"share {name} everyone"):
                await bot.type(text)
        await bot.type_and_confirm("delete Kassiopeia-gemini")
        await bot.slack.settle()
        address = f"http://127.0.0.1:{bot.stage.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            metrics = await answer.text()
        await bot.stage.stop()
        log = bot.stage.log_file.read_text()
        assert "audit.entry" in log
        assert "DEBUG" in log
        assert "tunebot_questions" in metrics
        private = ("kassiopeia", "zephyrin", "quastenflosser")
        told = [
            line[:150] for line in (log + metrics).splitlines() if any(each in line.lower() for each in private)
        ]
        assert not told, "\n".join(sorted({line[28:] for line in told}))


def _is_secret(name: str) -> bool:
    return name.endswith(("_TOKEN", "_KEY", "_SECRET"))
