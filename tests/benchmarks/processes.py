"""The processes that a benchmark measures: started, waited for, looked at from outside, ended."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click

from tests.benchmarks.light_slack import APP_TOKEN, SECRET, LightSlack

TUNEBOT = ("-m", "bot", "run")
_TICKS = os.sysconf("SC_CLK_TCK")
_MOST_SECONDS = 60.0


@dataclass(frozen=True)
class App:
    """One that serves; `seconds` is what it took from its start until Slack reached it."""

    process: int
    port: int
    seconds: float

    def cpu(self) -> float:
        """The CPU seconds it has used so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self, which: str = "VmRSS") -> float:
        """Resident memory in MB of 10**6 bytes: now, or its peak, VmHWM."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith(which))
        return int(line.split()[1]) * 1024 / 1e6

    def waited(self) -> float:
        """The seconds that its main thread was ready to run and had no processor, see proc(5), schedstat."""
        return int(Path(f"/proc/{self.process}/schedstat").read_text().split()[1]) / 1e9

    async def metrics(self) -> dict[str, float]:
        """What it measures of itself."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as said:
            text = await said.text()
        pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def serving(
    slack: LightSlack, way_in: str, command: tuple[str, ...], environment: dict[str, str], log: Path
) -> AsyncIterator[App]:
    """Start it and wait until Slack reaches it; `way_in` is `socket` or `http`."""
    port = free_port()
    secret = {"SLACK_APP_TOKEN": APP_TOKEN} if way_in == "socket" else {"SLACK_SIGNING_SECRET": SECRET}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    told = {**kept, **slack.environment(), **secret, "PORT": str(port), **environment}
    slack.connected.clear()
    with log.open("ab") as output:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=told, stdout=output, stderr=output
        )
        try:
            ready = slack.connected.wait() if way_in == "socket" else _listens(port)
            waited = asyncio.ensure_future(ready)
            ended = asyncio.ensure_future(process.wait())
            await asyncio.wait({waited, ended}, timeout=_MOST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not waited.done():
                said = await asyncio.to_thread(log.read_text)
                raise click.ClickException(f"it did not start:\n{said[-2000:]}")
            yield App(process.pid, port, time.perf_counter() - began)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    said = await asyncio.to_thread(log.read_text)
    if "unexpected error" in said:  # what it did quickly was an excuse, so its times say nothing
        raise click.ClickException(f"it met an error that it did not expect:\n{said[-2000:]}")


async def _listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return
