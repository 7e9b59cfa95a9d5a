"""Each fault that the doctor names is made at the stand-ins, and found with its fix."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import app
from bot.app import SYSTEM_CLOCK
from bot.cli import cli
from bot.ports.diagnosis import Mark
from bot.runtime.doctor import Row
from bot.sandbox.google import BucketSettings, GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.settings import Settings
from handlers.transport.manifest import manifest
from tests.support.clock import FixedClock

BUCKET = "training"
READS = BucketSettings().permissions


@dataclass
class Installation:
    """A whole installation at the stand-ins; a test breaks one part of it."""

    slack: SlackStandIn
    google: GoogleStandIn
    directory: Path
    changes: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    clock: FixedClock = field(default_factory=lambda: FixedClock(SYSTEM_CLOCK.now()))

    def variables(self) -> dict[str, str]:
        return {
            **self.google.environment(),
            "SLACK_BOT_TOKEN": self.slack.app.bot_token,
            "SLACK_APP_TOKEN": self.slack.app.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "TUNEBOT_BUCKET": BUCKET,
            "TUNEBOT_DB": str(self.directory / "tunebot.db"),
            **self.changes,
        }

    def key_file(self) -> None:
        """Use a service account's key file, as a server does."""
        path = self.google.service_account_file(self.directory)
        self.changes["GOOGLE_OAUTH_ACCESS_TOKEN"] = ""
        self.environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)

    def bucket(self, **settings: object) -> None:
        """Use another bucket with these settings."""
        self.google.create_bucket("other", BucketSettings(**settings))  # type: ignore[arg-type]
        self.changes["TUNEBOT_BUCKET"] = "other"

    async def rows(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Row]:
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        settings = Settings.read(self.variables())
        return {row.name: row for row in await app.diagnose(settings, self.environment, self.clock)}


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with GoogleStandIn(job_seconds=None, seed=7) as google, SlackStandIn(manifest=manifest()) as slack:
        google.create_bucket(BUCKET)
        yield Installation(slack, google, tmp_path)


async def test_a_whole_installation_has_only_good_rows(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.key_file()
    rows = await installation.rows(monkeypatch)
    assert {row.name: row.fact for row in rows.values() if row.mark is not Mark.GOOD} == {}
    assert "tunebot@sandbox-project.iam.gserviceaccount.com" in rows["google.credentials"].fact


Break = Callable[[Installation], object]


def without_scope(name: str) -> Break:
    return lambda made: made.slack.app.scopes.discard(name)


def setting(name: str, value: str) -> Break:
    return lambda made: made.changes.__setitem__(name, value)


def variable(name: str, value: str) -> Break:
    return lambda made: made.environment.__setitem__(name, value)


def no_key_file(made: Installation) -> None:
    made.changes["GOOGLE_OAUTH_ACCESS_TOKEN"] = ""
    made.environment["GOOGLE_APPLICATION_CREDENTIALS"] = "/nowhere/key.json"


def as_service_account(made: Installation) -> None:
    made.key_file()
    made.google.project_rights.permissions = frozenset({"aiplatform.models.delete"})


def api_off(made: Installation) -> None:
    made.google.project_rights.enabled = False


def database_with(sql: str) -> Break:
    def change(made: Installation) -> None:
        with closing(sqlite3.connect(made.directory / "tunebot.db")) as connection:
            connection.execute(sql)

    return change


def damaged_database(made: Installation) -> None:
    (made.directory / "tunebot.db").write_bytes(b"no database" * 1000)


Found = tuple[Break, str, Mark, str, str]
# Faults that can be there at the same time, since each test costs a whole installation.
FAULTS: dict[str, list[Found]] = {
    "a socket, messages, a project and a bucket": [
        (
            setting("SLACK_APP_TOKEN", "xapp-wrong"),
            "slack.socket",
            Mark.FAILED,
            "invalid_auth",
            "connections:write",
        ),
        (without_scope("files:write"), "slack.scopes", Mark.LIMITED, "repaired training files", "Reinstall"),
        (
            lambda made: setattr(made.slack.workspace, "charts_enabled", False),
            "slack.messages",
            Mark.LIMITED,
            "does not take a job card (invalid_blocks",
            "report it",
        ),
        (
            as_service_account,
            "google.permission",
            Mark.FAILED,
            "aiplatform.tuningJobs.create",
            "--member=serviceAccount:tunebot@sandbox-project.iam.gserviceaccount.com",
        ),
        (
            setting("TUNEBOT_BUCKET", "missing"),
            "google.bucket",
            Mark.FAILED,
            "no bucket 'missing'",
            "gcloud storage buckets create gs://missing --project=sandbox-project --location=us-central1",
        ),
        (setting("TUNEBOT_BACKENDS", "vertex,palm"), "google.palm", Mark.LIMITED, "no longer tunes", "palm out"),
        (
            setting("TUNEBOT_BASE_MODELS", "gemini-3.5-flash gemini-9"),
            "google.base_models",
            Mark.LIMITED,
            "does not know gemini-9",
            "TUNEBOT_BASE_MODELS",
        ),
        (
            database_with("CREATE TABLE other (a)"),
            "database.schema",
            Mark.FAILED,
            "another program",
            "TUNEBOT_DB",
        ),
        (
            variable("HTTPS_PROXY", "http://127.0.0.1:9"),
            "machine.proxy",
            Mark.FAILED,
            "127.0.0.1:9",
            "HTTPS_PROXY",
        ),
    ],
    "the clock, a bucket to read and an old database": [
        (
            lambda made: made.clock.advance(timedelta(minutes=6)),
            "slack.clock",
            Mark.FAILED,
            "differs from Slack's by 3",
            "timedatectl set-ntp true",
        ),
        (
            api_off,
            "google.permission",
            Mark.UNKNOWN,
            "does not say",
            "gcloud services enable cloudresourcemanager",
        ),
        (
            lambda made: made.bucket(permissions=frozenset({"storage.objects.get"})),
            "google.bucket",
            Mark.FAILED,
            "may not store files",
            "add-iam-policy-binding gs://other --role=roles/storage.objectAdmin --member=",
        ),
        (damaged_database, "database.schema", Mark.FAILED, "not an SQLite database", "tunebot restore"),
    ],
    "the bot's token and the credentials": [
        (setting("SLACK_BOT_TOKEN", "xoxb-wrong"), "slack.bot_token", Mark.FAILED, "invalid_auth", "OAuth"),
        (
            no_key_file,
            "google.credentials",
            Mark.FAILED,
            "no Google credentials",
            "gcloud auth application-default login",
        ),
        (setting("TUNEBOT_DB", "/nowhere/tunebot.db"), "database.file", Mark.FAILED, "no folder", "mkdir -p"),
    ],
    "the certificates": [
        (variable("SSL_CERT_FILE", __file__), "machine.certificates", Mark.FAILED, "no certificates", "ca-cert"),
    ],
    "a scope without which nothing works, a bucket of another project and retired base models": [
        (without_scope("chat:write"), "slack.scopes", Mark.FAILED, "lacks chat:write", "tunebot manifest"),
        (
            lambda made: made.bucket(project_number="42", permissions=READS | {"storage.buckets.getIamPolicy"}),
            "google.service_agent",
            Mark.FAILED,
            "may not read it",
            "@gcp-sa-aiplatform.iam.gserviceaccount.com",
        ),
        (
            lambda made: made.clock.advance(timedelta(days=300)),
            "google.retirement",
            Mark.LIMITED,
            "closed",
            "out of TUNEBOT_BASE_MODELS",
        ),
    ],
    "a bucket elsewhere": [
        (
            lambda made: made.bucket(location="EUROPE-WEST4"),
            "google.bucket",
            Mark.FAILED,
            "is in europe-west4",
            "TUNEBOT_BUCKET=other-us-central1",
        ),
    ],
    "a bucket whose policy is hidden": [
        (
            lambda made: made.bucket(project_number="42"),
            "google.service_agent",
            Mark.UNKNOWN,
            "may not see who reads",
            "roles/storage.objectViewer",
        ),
    ],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_each_fault_is_found_with_its_fix(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, faults: list[Found]
) -> None:
    for change, *_ in faults:
        change(installation)
    rows = await installation.rows(monkeypatch)
    for _, name, mark, fact, fix in faults:
        row = rows[name]
        assert row.mark is mark, row
        assert fact in row.fact
        assert fix in row.fix


async def test_where_slack_is_away_nothing_is_called_wrong(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.changes["SLACK_API_URL"] = "http://127.0.0.1:9/api"
    rows = await installation.rows(monkeypatch)
    assert (rows["slack.bot_token"].mark, rows["slack.scopes"].mark) == (Mark.UNKNOWN, Mark.UNKNOWN)
    assert rows["google.vertex"].mark is Mark.GOOD


def test_wrong_settings_are_rows_with_their_fix_and_a_status_for_scripts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "TUNEBOT_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNEBOT_DB", str(tmp_path / "tunebot.db"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert rows["settings.SLACK_BOT_TOKEN"]["mark"] == "failed"
    assert "gcloud storage buckets create" in rows["settings.TUNEBOT_BUCKET"]["fix"]
    text = CliRunner().invoke(cli, ["doctor"]).stdout
    assert "FAIL  SLACK_BOT_TOKEN" in text
    assert "fix: Copy the Bot User OAuth Token" in text
