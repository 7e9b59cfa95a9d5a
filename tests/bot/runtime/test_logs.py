"""No secret reaches a log line, whichever way it came there."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from bot.backends.google.connections import RetryableError
from bot.errors import GoogleUnavailable
from bot.runtime import logs
from bot.runtime.logs import (
    REDACTED,
    JsonFormatter,
    RedactingFormatter,
    bind_request,
    log_event,
    log_retry,
    say_retries,
    set_up,
)
from bot.sandbox.slack import SlackStandIn
from handlers.slack_errors import SAID_OF_TOKENS


def line(message: str, *values: object, secrets: tuple[str, ...] = (), trouble: Exception | None = None) -> str:
    failure = None if trouble is None else (type(trouble), trouble, trouble.__traceback__)
    record = logging.LogRecord("bot", logging.INFO, __file__, 1, message, values, failure)
    return RedactingFormatter(secrets).format(record)


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-123-456-abcDEF",
        "xoxe.xoxp-1-Mi0yLTE",
        "xapp-1-A0-123-deadbeef",
        "ya29.a0AfB_by-xyz.123",
        "AIzaSyA1234567890abcdefghijkl",
        "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl",
        "1//0gAbCdEfGhIjKlMnOpQrStUv-wx",
        "GOCSPX-abcdef_123",
    ],
)
def test_what_is_shaped_like_a_token_is_struck_out(secret: str) -> None:
    assert secret not in line("sent %s to Slack", secret)
    assert REDACTED in line("sent %s to Slack", secret)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("Authorization: Bearer abc.DEF-123~+/=", "abc.DEF"),
        ("wss://wss-primary.slack.com/link/?ticket=12ab-34&app_id=1", "12ab"),
        ("GET /v1beta/models?key=abcdef&pageSize=3", "abcdef"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END PRIVATE KEY-----", "BgkqhkiG9w0B"),
        ("-----BEGIN RSA PRIVATE KEY-----\\nMIIEvQIBADAN\\nBgkqhkiG9w0B", "BgkqhkiG9w0B"),
    ],
)
def test_what_stands_where_a_secret_stands_is_struck_out(said: str, secret: str) -> None:
    assert secret not in line(said)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("cannot reach proxy http://ada:pr0xyPass@proxy.local:3128", "pr0xyPass"),
        ("cannot reach https://t0kenAlone@example.com/path", "t0kenAlone"),
        ("http://ada:a@b:c@proxy.local", "a@b:c"),
        ("GET /v1?access_token=abcDEF123&x=1", "abcDEF123"),
        ("GET /object?X-Goog-Signature=00ff00ff&X-Goog-Credential=acc%40p", "00ff00ff"),
        ("GET /object?X-Goog-Signature=00ff00ff&X-Goog-Credential=acc%40p", "acc%40p"),
        ("{'password': 'hunter2'}", "hunter2"),
        ('{"client_secret": "s3cr3t", "x": 1}', "s3cr3t"),
        ("[(b'Authorization', b'Basic YWRhOmh1bnRlcjI='), (b'Host', b'x')]", "YWRhOmh1bnRlcjI"),
        ("headers: Proxy-Authorization: Basic YWRhOmh1bnRlcjI=", "YWRhOmh1bnRlcjI"),
        ("{'x-goog-api-key': 'plainkey123'}", "plainkey123"),
        ("[(b'x-goog-api-key', b'plainkey123')]", "plainkey123"),
        ("Cookie: d=xyzzy; b=plugh", "plugh"),
        ("X-Slack-Signature: v0=a1b2c3", "a1b2c3"),
        ("https://hooks.slack.com/services/T0/B0/s3cretpath", "s3cretpath"),
        ("https://hooks.slack.com/commands/T0/1/s3cretpath", "s3cretpath"),
        ("'private_key': '-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADAN\\nBgkq\\n-----END PRIVATE KEY-----'", "Bgkq"),
        ("key sk-proj-abcdefghijklmnop1234", "abcdefghijklmnop1234"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("https://hooks.slack.com/triggers/T0/1/s3cretpath", "s3cretpath"),
        ("https://a.example/c?sv=1&sig=00ff%2F00&se=2", "00ff"),
        ("DefaultEndpointsProtocol=https;AccountKey=abcd1234==;", "abcd1234"),
        ("npm_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
        ("pypi-AgEIcHlwaS5vcmcCJDAwMDAw", "AgEIcHlwaS5vcmc"),
        ("eyJhbGciOi.eyJpc3MiOi.", "eyJpc3MiOi"),
    ],
)
def test_a_secret_that_no_setting_names_is_replaced_by_its_form(said: str, secret: str) -> None:
    assert secret not in line("%s", said)
    assert secret not in line("oops", trouble=ValueError(said))


@pytest.mark.parametrize(
    "said",
    [
        "notice 12 of job abc waits: Slack refuses the message: channel_not_found.",
        "prompt_tokens=12, max_output_tokens: 2048, status_code: 200",
        "reading gs://my-bucket/tokens/a.jsonl and https://example.com/a@b?x=1",
        "resuming command:1.2 of team T1, job key 01ABC",
        "SLACK_BOT_TOKEN: is required and not set; SLACK_APP_TOKEN: holds a user's token",
        "GEMINI_API_KEY_FILE: the file is empty; OPENAI_API_KEY_FILE: set this or OPENAI_API_KEY, not both",
    ],
)
def test_what_is_no_secret_stays_readable(said: str) -> None:
    assert line("%s", said).endswith(said)


def test_what_a_service_says_of_a_token_stays_readable() -> None:
    said = "Slack refuses SLACK_BOT_TOKEN: token_revoked. Your app, Basic Information, App-Level Tokens."
    record = logging.LogRecord("bot", logging.INFO, __file__, 1, said, (), None)
    assert RedactingFormatter((), SAID_OF_TOKENS).format(record).endswith(said)
    assert "token_revoked" not in RedactingFormatter(()).format(record)


def test_the_text_of_an_error_is_cut_and_its_control_characters_are_escaped() -> None:
    try:
        raise ValueError("\x1b[2K\u202e\ud83d" + "stranger " * 10_000)
    except ValueError as error:
        said = line("oops", trouble=error)
    assert len(said) < 3_000
    assert "more characters" in said
    assert all(each.isprintable() for each in said.split("\n"))


def test_a_huge_line_is_cut() -> None:
    assert len(line("%s", "word " * 100_000)) < 21_000


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the process logs at DEBUG; every logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in root.manager.loggerDict}
    hooks = get_on_retry_hooks()
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    set_up("DEBUG", ())
    yield stream
    set_on_retry_hooks(hooks)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in root.manager.loggerDict:
        logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET / HTTP/9.9\r\n\r\n", b"STRANGER\x1b[2K BYTES\r\n\r\n", b"\x16\x03\x01STRANGER"],
)
async def test_bytes_that_are_no_request_never_reach_the_log(log: io.StringIO, request_bytes: bytes) -> None:
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(request_bytes)
    assert b"400" in await reader.readline()
    writer.close()
    await runner.cleanup()
    assert "STRANGER" not in log.getvalue()
    assert "Traceback" not in log.getvalue()


async def test_at_debug_slack_sdk_logs_no_message(log: io.StringIO) -> None:
    async with SlackStandIn() as slack:
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        channel = slack.add_channel("general", slack.person("ada"))
        await client.chat_postMessage(channel=channel.id, text="what Ada wrote")
        assert slack.workspace.messages()
    assert "what Ada wrote" not in log.getvalue()


def test_the_work_on_a_hostile_line_grows_with_its_length() -> None:
    """RE2 guarantees it for the patterns; this holds that no pattern is Python's own."""
    source = Path(str(logs.__file__)).read_text()
    assert "import re\n" not in source
    assert line("%s", "eyJ" * 100_000 + "://" * 100_000)


def test_known_secrets_are_struck_out_whatever_their_shape() -> None:
    assert "hunter22" not in line("it is %s", "hunter22", secrets=("hunter22",))


def test_the_longer_of_two_secrets_goes_whole() -> None:
    assert line("abcdefgh", secrets=("abcd", "abcdefgh")).endswith(f": {REDACTED}")


def test_a_traceback_is_struck_out_too() -> None:
    try:
        raise ValueError("failed with hunter22")
    except ValueError as error:
        said = line("oops", secrets=("hunter22",), trouble=error)
    assert "Traceback" in said
    assert "hunter22" not in said


def test_very_short_secrets_do_not_shred_every_line() -> None:
    assert "start" in line("start", secrets=("st", ""))


def test_every_logger_of_the_process_goes_through_it(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        set_up("INFO", ("hunter22",))
        root.handlers[0].setStream(sys.stderr)  # type: ignore[attr-defined]
        logging.getLogger("a.library").warning("says hunter22")
        logging.getLogger("httpx").info("every request")
        said = capsys.readouterr().err
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert "a.library: says ***" in said
    assert "every request" not in said


def test_nobodys_words_begin_a_line_of_their_own() -> None:
    forged = "x\n2026-11-21 00:00:00 INFO bot.tuning.job_service: deleted\r\x1b[2K\u2028y\u202e"
    said = line("the file %s", forged)
    assert said.splitlines() == [said]
    assert said.isprintable()
    assert r"x\n2026-11-21" in said


def test_an_errors_words_cannot_pass_for_a_line_either() -> None:
    try:
        raise ValueError("no\n2026-11-21 00:00:00 INFO bot.tuning.job_service: deleted\u2028\x1b[2K")
    except ValueError as error:
        said = line("oops", trouble=error)
    first, *rest = said.split("\n")
    assert first.endswith(": oops")
    assert len(rest) > 3
    assert all(each.startswith("  ") and each.isprintable() for each in rest)


def record_of(event: str, trouble: Exception | None = None, **fields: str | int | float) -> logging.LogRecord:
    """The record that `log_event` makes."""
    made: list[logging.LogRecord] = []
    logger = logging.Logger("bot.some")

    def keep(record: logging.LogRecord) -> bool:
        made.append(record)
        return False

    logger.addFilter(keep)
    log_event(logger, event, **fields)
    if trouble is not None:
        made[0].exc_info = (type(trouble), trouble, trouble.__traceback__)
    return made[0]


def test_an_event_is_its_name_and_its_fields_with_the_time_in_utc() -> None:
    said = RedactingFormatter(()).format(record_of("job.started", job="tb-1", code=3, why='a "b" c=d'))
    stamp, rest = said.split(" ", 1)
    assert stamp.endswith("Z")
    assert rest == 'INFO    bot.some: job.started job=tb-1 code=3 why="a \\"b\\" c=d"'


def test_a_retry_is_logged_with_what_why_and_when_and_without_the_errors_text(log: io.StringIO) -> None:
    error = RetryableError(GoogleUnavailable("Row 3 says “my secret words”.", http_status=503))
    path = "/v1/projects/p/locations/us-central1/tuningJobs/7"
    log_retry(RetryDetails(f"GET {path}", (), {}, 1, 0.514, 0.0, error))
    log_retry(RetryDetails("Slack log-in", (), {}, 2, 1.0, 0.5, ConnectionError("words")))
    google, slack = log.getvalue().splitlines()
    assert google.endswith(
        'retry.scheduled call="aiplatform tuningJobs.get" why="GoogleUnavailable 503" attempt=1 wait_seconds=0.51'
    )
    assert slack.endswith('retry.scheduled call="Slack log-in" why=ConnectionError attempt=2 wait_seconds=1.0')


def test_who_types_at_a_terminal_reads_of_a_retry_in_a_sentence() -> None:
    before, said = get_on_retry_hooks(), list[str]()
    say_retries(said.append)
    try:
        (hook,) = get_on_retry_hooks()
        hook(RetryDetails("OpenAI", (), {}, 1, 0.52, 0.0, RetryableError(GoogleUnavailable("OpenAI is away."))))
        hook(RetryDetails("GET /v1/projects/p", (), {}, 2, 1.0, 0.5, ConnectionError("words")))
    finally:
        set_on_retry_hooks(before)
    assert said == [
        "OpenAI is away. The next try is in 0.5 seconds.",
        "GET /v1/projects/p was not answered (ConnectionError). The next try is in 1.0 seconds.",
    ]


def test_the_ids_of_the_request_are_on_its_lines_and_on_no_other() -> None:
    async def request(number: int) -> str:
        bind_request(request=f"r{number}", team="T1", channel="")
        await asyncio.sleep(0)
        return RedactingFormatter(()).format(record_of("job.started", job=f"tb-{number}"))

    async def both() -> list[str]:
        return list(await asyncio.gather(request(1), request(2)))

    first, second = asyncio.run(both())
    assert first.endswith("job.started job=tb-1 request=r1 team=T1")
    assert second.endswith("job.started job=tb-2 request=r2 team=T1")
    assert " request=" not in RedactingFormatter(()).format(record_of("job.started"))


def test_as_json_each_line_is_one_object_without_secrets() -> None:
    formatter = JsonFormatter(("hunter22",))
    try:
        raise ValueError("Bearer abcdefghijklmnop123 and hunter22\nno")
    except ValueError as error:
        said = formatter.format(
            record_of("job.failed", error, job="tb-1", code=7, api_token="t", why="x" * 60_000)
        )
    assert "\n" not in said
    read = json.loads(said)
    assert (read["event"], read["level"], read["logger"], read["job"], read["code"]) == (
        "job.failed",
        "info",
        "bot.some",
        "tb-1",
        7,
    )
    assert read["api_token"] == REDACTED
    assert "ValueError: Bearer *** and ***" in read["exception"]
    assert "hunter22" not in said
    assert len(said) < 40_000
