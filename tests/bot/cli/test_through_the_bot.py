"""`tunebot start --wait` follows the tuning to its end, also where the bot is started again meanwhile."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli import cli, through_the_bot
from bot.errors import BotError

JOB = {"key": "tb-1", "name": "capitals", "ended": False, "state": "running", "percent": 40.0, "problem": ""}
ENDED = {**JOB, "ended": True, "state": "succeeded", "percent": 100.0}
STARTED = {"ok": True, "report": "", "notes": "", "job": {**JOB, "state": "submitting", "percent": None}}


class Answers(BaseHTTPRequestHandler):
    """Answers each request with the next of the server's `answers`; None ends the connection without a word."""

    server: "Bot"

    def do_POST(self) -> None:
        answer = self.server.answers.pop(0)
        # The file of a start comes in chunks, RFC 9112.
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Bot(ThreadingUnixStreamServer):
    answers: list[dict[str, Any] | None]

    def get_request(self) -> tuple[Any, Any]:
        return super().get_request()[0], ("", 0)


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bot]:
    monkeypatch.setattr(through_the_bot, "WAIT_SECONDS", 0.0)
    (tmp_path / "rows.jsonl").write_text("{}")
    with Bot(str(tmp_path / "tunebot.db.sock"), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def start(folder: Path) -> Result:
    words = ["start", str(folder / "rows.jsonl"), "--wait", "--as", "U1", "--channel", "C1"]
    return CliRunner().invoke(cli, words, env={"TUNEBOT_DB": str(folder / "tunebot.db")})


def test_a_start_waits_for_the_end_also_while_the_bot_is_started_again(bot: Bot, tmp_path: Path) -> None:
    bot.answers = [STARTED, {"ok": True, "jobs": [JOB]}, None, None, {"ok": True, "jobs": [ENDED]}]
    done = start(tmp_path)
    assert (done.exit_code, bot.answers) == (0, [])
    assert "capitals  succeeded  tb-1" in done.output


def test_a_wait_ends_with_the_bots_words_where_the_tuning_is_seen_no_more(bot: Bot, tmp_path: Path) -> None:
    bot.answers = [STARTED, {"ok": False, "error": "I know no tuning of this key.", "hint": "See /tune list."}]
    done = start(tmp_path)
    assert isinstance(done.exception, BotError)
    assert str(done.exception) == "I know no tuning of this key. See /tune list."


def test_a_wait_for_a_bot_that_stays_away_ends_too(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through_the_bot, "RESTART_SECONDS", 0.0)
    bot.answers = [STARTED, None]
    done = start(tmp_path)
    assert isinstance(done.exception, BotError)
    assert "No answer came from the bot" in done.exception.message


def test_a_start_whose_answer_was_lost_is_not_said_to_have_reached_no_bot(bot: Bot, tmp_path: Path) -> None:
    bot.answers = [None]
    done = start(tmp_path)
    assert isinstance(done.exception, BotError)
    assert str(done.exception) == (
        "No answer came from the bot (RemoteDisconnected). It may have done it, or still do it: see tunebot "
        "status before you send it again."
    )


def test_who_ends_a_start_that_was_not_answered_is_told_that_the_bot_may_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "rows.jsonl").write_text("{}")
    monkeypatch.setattr(through_the_bot, "_send", interrupt)
    done = start(tmp_path)
    assert done.exit_code == 1
    assert "The bot may start it all the same: see tunebot status before you start it again." in done.output


def test_who_ends_the_wait_is_told_that_the_tuning_goes_on(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    bot.answers = [STARTED]
    done = start(tmp_path)
    assert done.exit_code == 1
    assert "The tuning goes on. See it with: tunebot status tb-1" in done.output
