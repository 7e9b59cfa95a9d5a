"""Each fault that the doctor names: how a test makes it, and what the doctor then says."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import sqlite_utils
from aiohttp import web

from bot import app
from bot.ports.diagnosis import Mark
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.runtime.doctor import Row
from bot.sandbox.google import BucketSettings, GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.settings import Settings
from storage.migrations import migrations
from tests.support.clock import FixedClock

BUCKET = "training"
READS = BucketSettings().permissions


@dataclass
class Installation:
    """A whole installation at the stand-ins; a test breaks one part of it."""

    slack: SlackStandIn
    google: GoogleStandIn
    directory: Path
    silent_slack: str
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


def silent_slack() -> web.Application:
    """A server between the bot and Slack that lets no header through: neither the scopes nor the time."""

    async def answer(_: web.Request) -> web.Response:
        said = {"ok": True, "team_id": "T1", "user_id": "U1", "team": "t", "user": "u", "url": "wss://h"}
        return web.json_response(said, headers={"Date": "none"})

    silent = web.Application()
    silent.router.add_route("*", "/api/{method}", answer)
    return silent


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


def no_database(made: Installation) -> None:
    (made.directory / "tunebot.db").write_bytes(b"no database" * 1000)


def older_database(made: Installation) -> None:
    with sqlite_utils.Database(made.directory / "tunebot.db") as db:
        migrations.apply(db, stop_before="m003_conversations")


def newer_database(made: Installation) -> None:
    with sqlite_utils.Database(made.directory / "tunebot.db") as db:
        migrations.apply(db)
        row = next(iter(db["_sqlite_migrations"].rows))
        db.table("_sqlite_migrations").insert({**row, "id": 999, "name": "m999_next_year"})


def damaged_database(made: Installation) -> None:
    """Change what a page in the middle of the file says."""
    path = made.directory / "tunebot.db"
    with sqlite_utils.Database(path) as db:
        migrations.apply(db)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 4096)
        file.write(b"\xff" * 512)


def without_rights(name: str) -> Break:
    """Take the rights to write from the folder of the database, or from the file in it."""

    def change(made: Installation) -> None:
        path = made.directory / "closed"
        path.mkdir()
        (path / "tunebot.db").touch()
        made.changes["TUNEBOT_DB"] = str(path / "tunebot.db")
        (path / name).chmod(0o500)

    return change


def slack_refuses(method: str, error: str) -> Break:
    return lambda made: made.slack.faults.fail(method, error=error, times=None)


def google_refuses(path: str, message: str) -> Break:
    return lambda made: made.google.faults.fail(403, message, path=path, times=None)


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
        (no_database, "database.schema", Mark.FAILED, "not an SQLite database", "tunebot restore"),
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
    "a token that rotates, no agent, an access token, a bucket of an unknown project and an older database": [
        (
            lambda made: setattr(made.slack.app, "bot_token", "xoxe.xoxb-1-rotates"),
            "slack.bot_token",
            Mark.LIMITED,
            "ends within twelve hours",
            "tunebot manifest",
        ),
        (without_scope("assistant:write"), "slack.agent", Mark.LIMITED, "no Stop button", "Reinstall"),
        (
            slack_refuses("blocks.validate", "unknown_method"),
            "slack.messages",
            Mark.UNKNOWN,
            "no message was judged",
            "",
        ),
        (
            slack_refuses("apps.connections.open", "missing_scope"),
            "slack.socket",
            Mark.FAILED,
            "lacks the scope connections:write",
            "App-Level Tokens",
        ),
        (
            lambda made: made.clock.advance(timedelta(seconds=-60)),
            "slack.clock",
            Mark.LIMITED,
            "differs from Slack's by",
            "timedatectl",
        ),
        (
            lambda made: None,
            "google.credentials",
            Mark.LIMITED,
            "lasts about an hour",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ),
        (
            google_refuses(r"^/v1/projects/[^/:]+$", "No."),
            "google.service_agent",
            Mark.UNKNOWN,
            "the project's number",
            "service-PROJECT-NUMBER@gcp-sa-aiplatform",
        ),
        (
            setting("TUNEBOT_BASE_MODELS", "gemini-9"),
            "google.retirement",
            Mark.UNKNOWN,
            "no date",
            "tunebot prices > my-prices.toml",
        ),
        (older_database, "database.schema", Mark.LIMITED, "has schema 2", "tunebot.db.schema-2"),
    ],
    "no socket, no right at Vertex AI and a newer database": [
        (
            slack_refuses("apps.connections.open", "forbidden_team"),
            "slack.socket",
            Mark.FAILED,
            "opens no socket: forbidden_team",
            "Switch Socket Mode on",
        ),
        (
            google_refuses("/tuningJobs$", "Permission 'aiplatform.tuningJobs.list' denied."),
            "google.vertex",
            Mark.FAILED,
            "denied",
            "add-iam-policy-binding sandbox-project --role=roles/aiplatform.user",
        ),
        (newer_database, "database.schema", Mark.FAILED, "newer Tunebot (m999", "ls "),
    ],
    "requests without a signing secret, an API that is off and a damaged database": [
        (
            lambda made: made.changes.update(SLACK_APP_TOKEN="", SLACK_SIGNING_SECRET="short"),
            "slack.http",
            Mark.LIMITED,
            "32 hexadecimal digits",
            "Signing Secret",
        ),
        (
            google_refuses("/tuningJobs$", "Vertex AI API has not been used in project 1."),
            "google.vertex",
            Mark.FAILED,
            "has not been used",
            "gcloud services enable aiplatform.googleapis.com storage.googleapis.com",
        ),
        (
            setting("TUNEBOT_BACKENDS", "vertex,gemini"),
            "google.gemini",
            Mark.LIMITED,
            "no longer tunes",
            "gemini out",
        ),
        (damaged_database, "database.schema", Mark.FAILED, "is damaged", "tunebot restore"),
    ],
    "a proxy that lets no header through, and a database without rights": [
        (
            lambda made: made.changes.__setitem__("SLACK_API_URL", made.silent_slack),
            "slack.scopes",
            Mark.UNKNOWN,
            "which scopes",
            "",
        ),
        (lambda made: None, "slack.clock", Mark.UNKNOWN, "what time it is", ""),
        (without_rights("tunebot.db"), "database.file", Mark.FAILED, "tunebot.db", "sudo chown"),
    ],
    "a folder without rights": [
        (without_rights("."), "database.file", Mark.FAILED, "may not write to", "sudo chown"),
    ],
}

# The space on the disk in MB, settings with http://, variables, and what is found on a machine with these.
MACHINE: list[tuple[float, list[str], dict[str, str], str, Mark, str, str]] = [
    (50, [], {}, "machine.disk", Mark.FAILED, "are free", "Free some space"),
    (-1, [], {}, "machine.disk", Mark.FAILED, "cannot be read", "folder that exists"),
    (500, [], {}, "machine.disk", Mark.LIMITED, "are free", "Free some space"),
    (
        5e3,
        [],
        {"SSL_CERT_DIR": "/no"},
        "machine.certificates",
        Mark.FAILED,
        "does not exist",
        "Unset SSL_CERT_DIR",
    ),
    (
        5e3,
        ["SLACK_API_URL"],
        {},
        "machine.certificates",
        Mark.LIMITED,
        "unencrypted",
        "Set SLACK_API_URL to an https",
    ),
    (
        5e3,
        [],
        {"HTTPS_PROXY": "ftp://a:s3cret@h"},
        "machine.proxy",
        Mark.FAILED,
        "no address",
        "HTTPS_PROXY=http://",
    ),
]
