"""The README's lines start the built image in Podman, and the bot in it does its work between the stand-ins.

`.ci/image` builds the image and runs this test on it, as root, where Debian's podman and runc are installed.
What is typed is what the README and the compose file say, with three differences: `docker` is Podman, the
credentials are in the test's own folder instead of /etc, and the image is not built again.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from handlers.transport.manifest import manifest
from tests.support.bot_harness import NEXT_NUMBER, BotHarness
from tests.support.forward_proxy import pass_on
from tests.support.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text()
COMPOSE: Final = Path(".github", "deploy", "compose.yaml")
STORE: Final = os.environ.get("TUNEBOT_IMAGE_STORE", "")
# Copying an image into a container takes long where the disk is slow.
START_SECONDS: Final = 300.0

pytestmark = [
    pytest.mark.long,
    pytest.mark.outside,
    pytest.mark.skipif(not STORE, reason="TUNEBOT_IMAGE_STORE names no store with the image: see .ci/image"),
    pytest.mark.skipif(
        not (shutil.which("podman") and shutil.which("runc")), reason="podman or runc is not installed"
    ),
]

# A machine that builds images may have no systemd, and may not let processes have more files.
CONTAINERS_CONF: Final = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
DOCKER: Final = """#!/bin/sh
if [ "$1" != compose ]; then exec podman "$@"; fi
shift
exec podman-compose "$@"
"""
SUDO: Final = """#!/bin/sh
exec "$@"
"""


class InContainer(Stage):
    """A stage whose bot somebody else has started in a container."""

    machine: "Machine"

    def log_end(self, lines: int = 40) -> str:
        return self.machine.type(f"docker logs --tail {lines} {self.machine.container}", check=False)


class Machine:
    """What a stranger types at: a folder with the files that the README names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.container = "tunebot"
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("docker", DOCKER), ("sudo", SUDO)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (folder / "containers.conf").write_text(CONTAINERS_CONF)
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{STORE}"\nrunroot = "{folder / "run"}"\n'
        )
        self._environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "DISABLE_HC_SYSTEMD": "true",
        }

    def type(self, text: str, *, check: bool = True) -> str:
        """Run a script, and return what it printed. Raises AssertionError if it failed and `check` is true."""
        done = subprocess.run(
            ["bash", "-euc", text],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0 or not check, f"{text}\n{done.stdout}"
        return done.stdout

    def fill_in(self, **values: str) -> None:
        """Copy .env.example to tunebot.env, as the README says, and fill in these settings."""
        text = (ROOT / ".env.example").read_text()
        for name, value in values.items():
            [line] = re.findall(rf"^#?{name}=.*$", text, re.MULTILINE)
            text = text.replace(f"\n{line}\n", f"\n{name}={value}\n")
        (self.folder / "tunebot.env").write_text(text)

    def clean(self) -> None:
        """Remove what a failed test has left."""
        for what in ("container rm --all --force --time 0", "volume rm --all --force", "network prune --force"):
            self.type(f"podman {what}", check=False)

    def readme_lines(self) -> str:
        """Return the README's block with `docker run`, with the credentials in this folder."""
        [block] = re.findall(r"```sh\n((?:(?!```)[\s\S])*^docker run [\s\S]*?)```", README, re.MULTILINE)
        return str(block).replace("/etc/tunebot", str(self.folder / "etc"))


def readme_line(pattern: str) -> str:
    """Return the one command in the README, between backticks, that this pattern matches."""
    [found] = re.findall(rf"`({pattern})`", README)
    return str(found)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if os.geteuid() != 0:
        pytest.skip("the README's lines give a file to another user, which needs root")
    return Machine(tmp_path)


@pytest.fixture
async def bot(machine: Machine) -> AsyncIterator[BotHarness]:
    """Stand-ins that a container reaches, and a workspace; the bot is not there yet."""
    gateway = json.loads(machine.type("podman network inspect podman"))[0]["subnets"][0]["gateway"]
    async with AsyncExitStack() as stack:
        google = await stack.enter_async_context(GoogleStandIn(job_seconds=0.0, seed=1))
        slack = await stack.enter_async_context(SlackStandIn(manifest=manifest("")))
        places = []
        for origin in (slack.origin, google.url):
            forward = partial(forwarded, port=int(origin.rpartition(":")[2]))
            # The gateway's address is there only while a container runs.
            server = await asyncio.start_server(forward, "0.0.0.0", 0)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            places.append(f"http://{gateway}:{server.sockets[0].getsockname()[1]}")
        stack.callback(machine.clean)
        google.create_bucket(BUCKET)
        ada = slack.person("ada", "Ada Lovelace")
        channel = slack.add_channel("tuning", ada)
        slack.serve_as(places[0])
        google.credentials.service_account_file(machine.folder, places[1]).rename(machine.folder / "key.json")
        machine.fill_in(
            SLACK_BOT_TOKEN=slack.app.bot_token,
            SLACK_APP_TOKEN=slack.app.app_token,
            SLACK_API_URL=slack.api_url,
            GOOGLE_CLOUD_PROJECT=google.project,
            TUNEBOT_BUCKET=BUCKET,
            TUNEBOT_TUNERS="everyone",
            TUNEBOT_POLL_SECONDS="0.3",
            **dict.fromkeys(("TUNEBOT_VERTEX_URL", "STORAGE_EMULATOR_HOST"), places[1]),
        )
        stage = InContainer(slack, google, machine.folder)
        stage.machine = machine
        yield BotHarness(slack, google, stage, ada, channel)


async def forwarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    await pass_on(reader, writer, "127.0.0.1", port)
    writer.close()


async def typed(machine: Machine, text: str) -> str:
    return await asyncio.to_thread(machine.type, text)


async def connected(bot: BotHarness) -> None:
    def sockets() -> bool:
        return bool(bot.slack.sockets.connections)

    await wait_until(sockets, "the bot's connection to Slack", START_SECONDS)


async def tunes_and_answers(bot: BotHarness, name: str) -> None:
    file = bot.ada.upload(bot.channel, f"{name}.jsonl", NEXT_NUMBER)
    await bot.shows(await bot.start(name, file=file.id), "done, ", "Ask it")
    await bot.type(f"use {name}")
    await bot.message(f"{name}* answers in this channel now")
    await bot.ada.slash_command(bot.channel, "/ask", "seven")
    await bot.message(name, "eight")


async def test_a_stranger_types_the_readmes_lines_and_tunes_in_a_container(
    machine: Machine, bot: BotHarness
) -> None:
    lines = machine.readme_lines()
    doctor = lines.splitlines()[-1]
    await typed(machine, lines.removesuffix(f"{doctor}\n"))
    await connected(bot)
    rows = await typed(machine, f"{doctor} --json")
    marks = {row["name"]: row["mark"] for row in json.loads(rows)}
    assert set(marks.values()) <= {"good", "limited"}, rows
    assert marks["google.credentials"] == marks["database.file"] == "good"
    await tunes_and_answers(bot, "counter")
    person = f"--as {bot.ada.id} --channel {bot.channel.id}"
    assert "counter  succeeded" in await typed(machine, f"docker exec tunebot tunebot status counter {person}")
    await typed(machine, "podman healthcheck run tunebot")
    inside = await typed(
        machine, "docker exec tunebot sh -c 'id -u; grep CapEff /proc/1/status; touch /x || echo locked'"
    )
    assert inside.split()[:3] == ["10001", "CapEff:", "0000000000000000"]
    assert "locked" in inside
    # A copy takes the database's place.
    await typed(machine, readme_line("docker exec tunebot tunebot backup [^`]+"))
    await typed(machine, readme_line("docker stop tunebot"))
    restored = await typed(machine, readme_line("docker run --rm -v [^`]+ tunebot restore [^`]+"))
    assert "/data/tunebot.db is now the copy /data/copy.db" in restored
    await wait_until(lambda: not bot.slack.sockets.connections)
    await typed(machine, readme_line("docker start tunebot"))
    await connected(bot)
    # The volume keeps all of it, also where the container is made anew.
    await typed(machine, "docker stop tunebot")
    assert json.loads(await typed(machine, "podman inspect tunebot"))[0]["State"]["ExitCode"] == 0
    await typed(machine, "docker rm tunebot")
    await wait_until(lambda: not bot.slack.sockets.connections)
    await typed(machine, lines.removesuffix(f"{doctor}\n"))
    await connected(bot)
    await bot.ada.slash_command(bot.channel, "/ask", "-98")
    await bot.message("counter", "-97")
    # The last step of the uninstallation leaves neither the container nor its data.
    await typed(machine, readme_line("docker rm --force tunebot && docker volume rm [^`]+"))
    assert json.loads(await typed(machine, "podman ps --all --format json")) == []
    assert json.loads(await typed(machine, "podman volume ls --format json")) == []


async def test_the_compose_file_starts_the_same(machine: Machine, bot: BotHarness) -> None:
    if shutil.which("podman-compose") is None:
        pytest.skip("podman-compose is not installed")
    text = (ROOT / COMPOSE).read_text()
    [line] = re.findall(r"^#\s+(docker compose .*)$", text, re.MULTILINE)
    assert line.endswith(" up --build --detach")
    (machine.folder / COMPOSE).parent.mkdir(parents=True)
    (machine.folder / COMPOSE).write_text(text.replace("/etc/tunebot", str(machine.folder / "etc")))
    install = machine.readme_lines().splitlines()[0]
    assert install.startswith("sudo install")
    await typed(machine, f"{install}\n{line.replace(' --build', '')}")
    await connected(bot)
    await tunes_and_answers(bot, "composed")
    # The compose file opens the port on this machine alone.
    assert '"ok": true' in await typed(machine, "curl --silent --fail http://127.0.0.1:3000/livez")
    await typed(machine, line.replace(" up --build --detach", " down"))
    assert json.loads(await typed(machine, "podman ps --all --format json")) == []
