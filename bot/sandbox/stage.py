"""The real bot as a process of its own, between the stand-ins of Slack and Google.

Nothing of the bot is replaced: it is started by its own command, and only base addresses differ.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import aiohttp

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn

BUCKET: Final = "tunebot-sandbox"
# Deadlines, not expectations: an overloaded machine is slow to start a process.
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
RUN: Final = ("-m", "bot", "run")


class Stage:
    """Starts, stops and kills the bot; its log is kept in the directory beside its database.

    `port` set: the bot serves HTTP there and Slack's requests arrive signed. Unset: Socket Mode. `command` is what
    Python runs: the bot's own command, or a test's that starts it in another way. `start_seconds` is how long a
    start may take, START_SECONDS where it is not given.
    """

    def __init__(
        self,
        slack: SlackStandIn,
        google: GoogleStandIn,
        directory: Path,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = RUN,
        start_seconds: float | None = None,
    ) -> None:
        self.slack = slack
        self.google = google
        self.directory = directory
        self.port = port
        self.extra = dict(environment or {})
        self.command = command
        self.start_seconds = start_seconds
        # What the running bot was started with: Google's stand-in returns another token for each environment.
        self.given_environment: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._log: IO[bytes] | None = None

    @property
    def log_file(self) -> Path:
        return self.directory / "bot.log"

    @property
    def process_id(self) -> int:
        """The id of the bot's process. Raises RuntimeError while it does not run."""
        if self._process is None:
            raise RuntimeError("the bot does not run")
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """Return all settings of the bot; none comes from this process's own environment."""
        app = self.slack.app
        way_in = (
            {"SLACK_APP_TOKEN": app.app_token}
            if self.port is None
            else {"SLACK_SIGNING_SECRET": app.signing_secret, "PORT": str(self.port)}
        )
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            **self.google.environment(),
            **way_in,
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_API_URL": self.slack.api_url,
            "TUNEBOT_BUCKET": BUCKET,
            "TUNEBOT_GS_PREFIXES": f"gs://{BUCKET}",
            "TUNEBOT_BACKENDS": "vertex,gemini,palm",
            "TUNEBOT_DB": str(self.directory / "tunebot.db"),
            "TUNEBOT_POLL_SECONDS": "0.3",
            "TUNEBOT_TUNERS": "everyone",
            **self.extra,
        }

    async def start(self) -> None:
        """Start the bot and wait until Slack reaches it. Raises RuntimeError with the log's end if it cannot.

        No process and no open file stay behind then.
        """
        self._log = self.log_file.open("ab")
        self.given_environment = self.environment()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self.command, env=self.given_environment, stdout=self._log, stderr=self._log
        )
        try:
            async with asyncio.timeout(self.start_seconds or START_SECONDS):
                await self._ready(self._process)
        except BaseException as error:
            await self.kill()
            if isinstance(error, TimeoutError):
                raise RuntimeError(f"the bot was not ready in time:\n{self.log_end()}") from None
            raise

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            if self.port is None:
                if self.slack.sockets.connections:
                    return
            elif await _answers(f"http://127.0.0.1:{self.port}/healthz"):
                return
            await asyncio.sleep(0.02)
        raise RuntimeError(f"the bot ended at once, with {process.returncode}:\n{self.log_end()}")

    def log_end(self, lines: int = 40) -> str:
        """Return the last lines that the bot wrote."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    async def stop(self) -> int:
        """Send SIGTERM, as a container is stopped; return the exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> int:
        """Send SIGKILL: the bot cannot write anything any more. Return the exit code."""
        return await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()
        finally:
            # Also where the caller is cancelled while it waits.
            if self._log is not None:
                self._log.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
