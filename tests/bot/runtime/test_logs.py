"""No secret reaches a log line, whichever way it came there."""

import logging
import sys

import pytest

from bot.runtime.logs import REDACTED, RedactingFormatter, set_up


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
