"""Each fault that the doctor names is made at the stand-ins, and found with its fix."""

import ast
import asyncio
import inspect
import json
import os
import textwrap
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from bot.app import google_options, installation_checks
from bot.backends import open_google
from bot.cli import cli
from bot.errors import BotError
from bot.ports.diagnosis import Check, Diagnosis, Mark
from bot.runtime.doctor import run_checks
from bot.runtime.logs import RedactingFormatter
from bot.runtime.machine_checks import machine_checks
from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.settings import Settings
from bot.spending.price_table import read_price_table
from handlers.slack_errors import SAID_OF_TOKENS
from handlers.transport.manifest import manifest
from handlers.transport.slack_client import log_in
from handlers.transport.slack_connection import open_slack_client
from storage.database_checks import database_checks
from tests.support.connect_proxy import tls_in_front, write_certificate
from tests.support.doctor_faults import BUCKET, FAULTS, MACHINE, Found, Installation, silent_slack


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with GoogleStandIn(job_seconds=None, seed=7) as google, SlackStandIn(manifest=manifest()) as slack:
        google.create_bucket(BUCKET)
        silent = web.AppRunner(silent_slack())
        await silent.setup()
        await web.TCPSite(silent, "127.0.0.1", 0).start()
        host, port = silent.addresses[0][:2]
        yield Installation(slack, google, tmp_path, f"http://{host}:{port}/api")
        await silent.cleanup()


async def test_a_whole_installation_has_only_good_rows(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.key_file()
    rows = await installation.rows(monkeypatch)
    assert {row.name: row.fact for row in rows.values() if row.mark is not Mark.GOOD} == {}
    assert "tunebot@sandbox-project.iam.gserviceaccount.com" in rows["google.credentials"].fact


@pytest.mark.parametrize(("free", "unencrypted", "environment", "name", "mark", "fact", "fix"), MACHINE)
async def test_each_fault_of_the_machine_is_found_with_its_fix(
    tmp_path: Path,
    free: float,
    unencrypted: list[str],
    environment: dict[str, str],
    name: str,
    mark: Mark,
    fact: str,
    fix: str,
) -> None:
    def free_bytes(folder: Path) -> int:
        if free < 0:
            raise FileNotFoundError(2, "No such file or directory")
        return int(free * 1024**2)

    rows = {
        each.name: each
        for each in await run_checks(machine_checks(tmp_path, unencrypted, environment, free_bytes))
    }
    assert rows[name].mark is mark
    assert fact in rows[name].fact
    assert fix in rows[name].fix
    assert "s3cret" not in str(rows)


def function_of(check: Check) -> Callable[..., Any]:
    """The function that makes the diagnosis, also where it is bound to arguments or runs on a thread."""
    run: Any = check.run
    while isinstance(run, partial):
        run = run.args[0] if run.func is asyncio.to_thread else run.func
    return getattr(run, "__func__", run)  # type: ignore[no-any-return]


def ends_of(function: Callable[..., Any]) -> Counter[str]:
    """How often a function, and each one that diagnoses for it, says `failed`, `limited` and `unknown`."""
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if not isinstance(node, ast.Name):
            continue
        if node.id in ("failed", "limited", "unknown"):
            found[node.id] += 1
        named = inspect.unwrap(function).__globals__.get(node.id)
        if inspect.isfunction(named) and str(named.__annotations__.get("return")) in ENDS:
            found += ends_of(named)
    return found


ENDS = (str(Diagnosis), str(Diagnosis | None))


async def test_each_end_of_each_check_is_made_in_a_test(installation: Installation) -> None:
    made = Counter(
        [(name, mark) for faults in FAULTS.values() for _, name, mark, *_ in faults]
        + [(name, mark) for _, _, _, name, mark, *_ in MACHINE]
    )
    installation.changes |= {"TUNEBOT_BACKENDS": "vertex,gemini,palm", "SLACK_SIGNING_SECRET": "short"}
    for app_token in (installation.slack.app.app_token, ""):
        installation.changes["SLACK_APP_TOKEN"] = app_token
        settings = Settings.read(installation.variables())
        async with (
            open_slack_client(settings) as client,
            open_google(settings.backends, google_options(settings)) as google,
        ):
            prices = read_price_table("")
            checks = installation_checks(settings, client, google, prices, installation.clock, {})
            for check in [*checks, *database_checks(settings.database)]:
                for mark, times in ends_of(function_of(check)).items():
                    assert made[check.name, Mark(mark)] >= times, f"{check.name} ends as {mark} in {times} ways"


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_each_fault_is_found_with_its_fix(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, faults: list[Found]
) -> None:
    for change, *_ in faults:
        change(installation)
    rows = await installation.rows(monkeypatch)
    log = RedactingFormatter([], SAID_OF_TOKENS)
    for _, name, mark, fact, fix in faults:
        row = rows[name]
        if name == "database.file" and "chown" in fix and os.getuid() == 0:
            continue  # Nothing is closed to root.
        assert row.mark is mark, row
        assert fact in row.fact
        assert fix in row.fix
        assert log.redact(f"{row.fact} {row.fix}") == f"{row.fact} {row.fix}"


async def test_where_slack_is_away_nothing_is_called_wrong(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.changes["SLACK_API_URL"] = "http://127.0.0.1:9/api"
    rows = await installation.rows(monkeypatch)
    assert (rows["slack.bot_token"].mark, rows["slack.scopes"].mark) == (Mark.UNKNOWN, Mark.UNKNOWN)
    assert rows["google.vertex"].mark is Mark.GOOD


async def test_a_proxy_that_opens_tls_is_a_fault_with_its_fix_and_refuses_the_start(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(installation.directory / "proxy.pem", ["localhost"])
    async with (
        tls_in_front(installation.slack.origin, certificate) as slack_port,
        tls_in_front(installation.google.url, certificate) as google_port,
    ):
        slack_url, google_url = f"https://localhost:{slack_port}", f"https://localhost:{google_port}"
        installation.changes |= {"SLACK_API_URL": f"{slack_url}/api", "STORAGE_EMULATOR_HOST": google_url}
        rows = await installation.rows(monkeypatch)
        for name in ("slack.bot_token", "slack.socket", "google.bucket"):
            assert rows[name].mark is Mark.FAILED
            assert "does not trust the certificate" in rows[name].fact
            assert "set SSL_CERT_FILE to a file with its certificate" in rows[name].fix
        settings = Settings.read(installation.variables())
        async with open_slack_client(settings) as client:
            with pytest.raises(BotError, match="does not trust the certificate that answers at https://localhost"):
                await log_in(settings, client)


def test_wrong_settings_are_rows_with_their_fix_and_a_status_for_scripts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "SLACK_SIGNING_SECRET",
        "TUNEBOT_BUCKET",
        "GOOGLE_CLOUD_PROJECT",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNEBOT_DB", str(tmp_path / "tunebot.db"))
    monkeypatch.setenv("ALL_PROXY", "socks5://ada:s3cret@h")
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert rows["settings.SLACK_BOT_TOKEN"]["mark"] == "failed"
    assert "gcloud storage buckets create" in rows["settings.TUNEBOT_BUCKET"]["fix"]
    assert "gcloud config get-value project" in rows["settings.GOOGLE_CLOUD_PROJECT"]["fix"]
    assert "connections:write" in rows["settings.SLACK_APP_TOKEN"]["fix"]
    assert rows["machine.proxy"]["fact"] == "ALL_PROXY names a SOCKS proxy, and only HTTP proxies are supported."
    assert not [name for name in rows if "PROXY" in name], "one row says it"
    assert "s3cret" not in result.output
    text = CliRunner().invoke(cli, ["doctor"]).stdout
    assert "FAIL  SLACK_BOT_TOKEN" in text
    assert "fix: Copy the Bot User OAuth Token" in text
