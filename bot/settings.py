"""The settings, read once from a mapping (the environment variables) into one frozen value.

All problems are reported at once, by the variable's own name. Secrets print as ***. Each field's description is
its row in the README and its lines in `.env.example`; tests compare them. This module reads no files but those
that a variable such as SLACK_BOT_TOKEN_FILE names.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.domain.spending import ConfirmationRules
from bot.errors import SettingsError

DEFAULT_PORT: Final = 3000
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
KNOWN_BACKENDS: Final = ("vertex", "gemini", "palm")


def _names(text: str) -> tuple[str, ...]:
    """`a, b` -> ("a", "b")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _hosts(text: str) -> tuple[str, ...]:
    """`0.0.0.0, ::` -> ("0.0.0.0", "::")."""
    hosts = _names(text)
    for host in hosts:
        try:
            ip_address(host)
        except ValueError:
            raise ValueError("should be IP addresses, such as 0.0.0.0 or ::") from None
    if not hosts:
        raise ValueError("should be at least one IP address")
    return hosts


def _models_by_backend(text: str) -> dict[str, tuple[str, ...]]:
    """`vertex=a b,gemini=c` -> {"vertex": ("a", "b"), "gemini": ("c",)}; without `=`, the name is empty."""
    models: dict[str, tuple[str, ...]] = {}
    for part in _names(text):
        backend, equals, ids = part.partition("=")
        name, listed = (backend.strip(), ids) if equals else ("", backend)
        models[name] = models.get(name, ()) + tuple(listed.split())
    return models


def _gs_prefixes(text: str) -> tuple[str, ...]:
    """`gs://bucket, gs://bucket/folder/` -> ("gs://bucket", "gs://bucket/folder/")."""
    prefixes = _names(text)
    for prefix in prefixes:
        if not re.fullmatch(r"gs://[a-z0-9][a-z0-9._-]*(/[^\s]*)?", prefix):
            raise ValueError("should be buckets or folders such as gs://my-bucket or gs://my-bucket/folder")
    return prefixes


def _base_url(text: str) -> str:
    """An http or https base without a trailing slash; a bare `host:port`, as emulators are named, is http."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be a URL that starts with http:// or https://")
    return parts.geturl().rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]


_CONFIRM_USD: Final = Field(
    Decimal(50),
    alias="TUNEBOT_CONFIRM_USD",
    ge=0,
    le=1_000_000_000,
    description="A start that may cost more US dollars than this needs a second yes.",
)
_CONFIRM_EPOCH_FACTOR: Final = Field(
    5,
    alias="TUNEBOT_CONFIRM_EPOCH_FACTOR",
    ge=1,
    le=1_000,
    description="A start with more than so many times the recommended epochs needs a second yes.",
)


class _ConfirmationSettings(BaseModel):
    """The settings of the second yes, which the command line reads without the others."""

    confirm_usd: Decimal = _CONFIRM_USD
    confirm_epoch_factor: int = _CONFIRM_EPOCH_FACTOR


class Settings(BaseModel):
    """The settings of one process."""

    model_config = ConfigDict(frozen=True, populate_by_name=False, extra="ignore")

    slack_bot_token: SecretStr = Field(
        alias="SLACK_BOT_TOKEN", description="The bot's token, `xoxb-...`. Required."
    )
    slack_app_token: SecretStr | None = Field(
        None,
        alias="SLACK_APP_TOKEN",
        description="An app-level token, `xapp-...` with `connections:write`. Set: Socket Mode, no public address "
        "needed. Unset: HTTP requests on `PORT`. Required without `SLACK_SIGNING_SECRET`.",
    )
    slack_signing_secret: SecretStr | None = Field(
        None,
        alias="SLACK_SIGNING_SECRET",
        description="Checks that HTTP requests come from Slack. Required without `SLACK_APP_TOKEN`.",
    )
    slack_api_url: BaseUrl = Field(
        "https://slack.com/api",
        alias="SLACK_API_URL",
        description="Another base of Slack's Web API. Files may then be fetched from its host too.",
    )
    port: int | None = Field(
        None,
        alias="PORT",
        ge=1,
        le=65535,
        description="The port for Slack's requests (`/slack/events`), `/healthz` and `/metrics`; 3000 if "
        "unset. In Socket Mode the last two are served only where this is set.",
    )
    hosts: Annotated[tuple[str, ...], BeforeValidator(_hosts)] = Field(
        ("0.0.0.0",),  # noqa: S104 - only this address can be reached from outside of a container
        alias="HOST",
        description="The addresses to listen on at `PORT`, separated by commas: `0.0.0.0` is every IPv4 address, "
        "`::` every IPv6 address.",
    )
    google_cloud_project: str = Field(
        "", alias="GOOGLE_CLOUD_PROJECT", description="The Google Cloud project. Required for `vertex`."
    )
    google_cloud_location: str = Field(
        "us-central1",
        alias="GOOGLE_CLOUD_LOCATION",
        pattern=r"^[a-z0-9-]+$",
        description="Where Vertex AI tunes, e.g. `us-central1` or `europe-west4`.",
    )
    google_cloud_quota_project: str = Field(
        "",
        alias="GOOGLE_CLOUD_QUOTA_PROJECT",
        description="The project that Google counts requests against, where it is not the credentials' own.",
    )
    bucket: str = Field(
        "",
        alias="TUNEBOT_BUCKET",
        pattern=r"^(gs://)?[a-z0-9][a-z0-9._-]*/?$|^$",
        description="The Cloud Storage bucket for training files. Required for `vertex`.",
    )
    backends: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        ("vertex",),
        alias="TUNEBOT_BACKENDS",
        description="Which Google systems to offer: `vertex`, `gemini`, `palm`, separated by commas. The first is "
        "the default.",
    )
    base_models: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_models_by_backend)] = Field(
        default_factory=dict,
        alias="TUNEBOT_BASE_MODELS",
        description="Base models to offer instead of the built-in ones: `vertex=ID ID,gemini=ID`. Without a name "
        "before `=`, they are the default system's.",
    )
    google_oauth_access_token: SecretStr | None = Field(
        None,
        alias="GOOGLE_OAUTH_ACCESS_TOKEN",
        description="A ready access token instead of Application Default Credentials. It lasts about an hour.",
    )
    gemini_api_key: SecretStr | None = Field(
        None,
        alias="GEMINI_API_KEY",
        description="An API key for questions to Gemini API models. Tuning needs OAuth all the same.",
    )
    vertex_url: BaseUrl = Field(
        "", alias="TUNEBOT_VERTEX_URL", description="Another base for every Vertex AI host."
    )
    genai_url: BaseUrl = Field(
        "", alias="TUNEBOT_GENAI_URL", description="Another base for the Gemini and PaLM APIs."
    )
    storage_url: BaseUrl = Field(
        "", alias="STORAGE_EMULATOR_HOST", description="Another base for Cloud Storage, e.g. an emulator's."
    )
    gs_prefixes: Annotated[tuple[str, ...], BeforeValidator(_gs_prefixes)] = Field(
        (),
        alias="TUNEBOT_GS_PREFIXES",
        description="The Cloud Storage buckets and folders that people may name files of, separated by commas: "
        "`gs://my-bucket` or `gs://my-bucket/folder`. Unset: none. The bot's own copies, in `tunebot/` of a "
        "bucket, are never read for anybody.",
    )
    database: str = Field("tunebot.db", alias="TUNEBOT_DB", min_length=1, description="The SQLite file.")
    poll_seconds: float = Field(
        5,
        alias="TUNEBOT_POLL_SECONDS",
        gt=0,
        le=3600,
        description="Seconds between two polls of a young job; older jobs are polled less often, down to once a "
        "minute after the first half hour.",
    )
    stuck_minutes: float = Field(
        120,
        alias="TUNEBOT_STUCK_MINUTES",
        gt=0,
        le=10080,
        description="Minutes without a new step or state after which a tuning is called stuck, once, in its "
        "thread.",
    )
    prices: str = Field(
        "",
        alias="TUNEBOT_PRICES",
        description="A table of prices in place of the built-in one, which `tunebot prices` prints.",
    )
    confirm_usd: Decimal = _CONFIRM_USD
    confirm_epoch_factor: int = _CONFIRM_EPOCH_FACTOR
    questions_per_minute: int = Field(
        20,
        alias="TUNEBOT_QUESTIONS_PER_MINUTE",
        ge=0,
        description="How many questions one person may send to models within a minute, since each one costs "
        "money; `0` is no limit.",
    )
    thread_questions_per_hour: int = Field(
        100,
        alias="TUNEBOT_THREAD_QUESTIONS_PER_HOUR",
        ge=0,
        description="How many questions of one thread may be sent to models within an hour; `0` is no limit.",
    )
    log_level: str = Field(
        "INFO",
        alias="TUNEBOT_LOG_LEVEL",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; a variable set to nothing counts as unset. Blocks while it reads secrets from files.

        Raises SettingsError that lists every problem.
        """
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        problems = _read_secret_files(given, secret_names())
        problems += _conflicts(given)
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            problems = _field_problems(error) + problems
        if problems:
            lines = "\n".join(f"  {problem}" for problem in problems)
            raise SettingsError(
                f"Tunebot cannot start with these settings:\n{lines}\n", "The README explains each."
            )
        return settings

    @property
    def base_models_by_backend(self) -> dict[str, tuple[str, ...]]:
        """The base models to offer instead of the built-in ones, by backend."""
        return {name or self.backends[0]: models for name, models in self.base_models.items()}

    @property
    def stuck_after(self) -> timedelta:
        return timedelta(minutes=self.stuck_minutes)

    @property
    def confirmation_rules(self) -> ConfirmationRules:
        return ConfirmationRules(self.confirm_epoch_factor, self.confirm_usd)

    @property
    def http_port(self) -> int:
        return self.port or DEFAULT_PORT

    @property
    def own_slack_origin(self) -> str:
        """Scheme, host and port of a SLACK_API_URL that is not Slack's own, else empty."""
        parts = urlsplit(self.slack_api_url)
        return "" if parts.netloc == "slack.com" else f"{parts.scheme}://{parts.netloc}"

    @property
    def unencrypted_urls(self) -> list[str]:
        """The variables whose URL is `http://` on another machine, so that tokens travel there unencrypted."""
        bases = {
            "SLACK_API_URL": self.slack_api_url,
            "TUNEBOT_VERTEX_URL": self.vertex_url,
            "TUNEBOT_GENAI_URL": self.genai_url,
            "STORAGE_EMULATOR_HOST": self.storage_url,
        }
        plain = {name: urlsplit(base).hostname for name, base in bases.items() if base.startswith("http://")}
        return [name for name, host in plain.items() if host not in _THIS_MACHINE]

    @property
    def bucket_name(self) -> str:
        return self.bucket.removeprefix("gs://").rstrip("/")

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value, for the log formatter that replaces them."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))


def read_confirmation_rules(environment: Mapping[str, str]) -> ConfirmationRules:
    """Read only the settings of the second yes, for a command that needs no others. Raises SettingsError."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    try:
        rules = _ConfirmationSettings.model_validate(given)
    except ValidationError as error:
        raise SettingsError("\n".join(_field_problems(error)), "The README explains each setting.") from error
    return ConfirmationRules(rules.confirm_epoch_factor, rules.confirm_usd)


def secret_names() -> tuple[str, ...]:
    """The variables that hold secrets. Each of them may name a file instead, see `secret_file_name`."""
    return tuple(
        str(field.alias)
        for field in Settings.model_fields.values()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    )


def secret_file_name(name: str) -> str:
    """SLACK_BOT_TOKEN -> SLACK_BOT_TOKEN_FILE."""
    return f"{name}_FILE"


def env_example() -> str:
    """Build the text of `.env.example`: every variable and its meaning; what need not be set is commented out."""
    lines = [
        "# The settings of Tunebot, written by `tunebot settings`. Copy this file and fill in the copy.",
        "# Docker reads it with --env-file, and a shell with: set -a; . ./tunebot.env; set +a",
        "# A variable that is set to nothing counts as unset.",
    ]
    for field in Settings.model_fields.values():
        name, default = str(field.alias), default_text(field)
        text = str(field.description).replace("`", "")
        lines += ["", *textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"{name}=" if "Required" in text else f"#{name}={default}")
        if name in secret_names():
            lines += ["# Or the path of a file that holds it:", f"#{secret_file_name(name)}="]
    lines += [
        "",
        "# Google's own library reads this one: the path of a service account's key file.",
        "#GOOGLE_APPLICATION_CREDENTIALS=",
    ]
    return "\n".join(lines) + "\n"


def default_text(field: FieldInfo) -> str:
    """Return the default as one writes it in the environment; empty where there is none."""
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    return ",".join(value) if isinstance(value, tuple) else str(value or "")


def reveal(secret: SecretStr | None) -> str:
    """Return the secret's value, empty if it is not set."""
    return secret.get_secret_value() if secret is not None else ""


def _read_secret_files(given: dict[str, str], names: Sequence[str]) -> list[str]:
    """Put the content of each `..._FILE` under the secret's own name, and return what is wrong with the files.

    A problem does not name the path: somebody may have put the secret itself there.
    """
    problems: list[str] = []
    for name in names:
        variable = secret_file_name(name)
        if variable not in given:
            continue
        if name in given:
            problems.append(f"{variable}: set this or {name}, not both")
            continue
        # With an empty text the secret counts as set, so that it is not reported as missing, too.
        given[name] = ""
        try:
            given[name] = Path(given[variable]).read_text(encoding="utf-8").strip()
        except OSError as error:
            problems.append(f"{variable}: the file cannot be read: {error.strerror}")
        except ValueError:
            problems.append(f"{variable}: the file is not text")
        else:
            if not given[name]:
                problems.append(f"{variable}: the file is empty")
    return problems


def _conflicts(given: Mapping[str, str]) -> list[str]:
    """Return what is wrong with combinations of variables, also if single ones are wrong."""
    problems: list[str] = []
    if "SLACK_APP_TOKEN" not in given and "SLACK_SIGNING_SECRET" not in given:
        problems.append("SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP): set one of the two")
    backends = _names(given.get("TUNEBOT_BACKENDS", "vertex"))
    known = ", ".join(KNOWN_BACKENDS)
    problems += [
        f"TUNEBOT_BACKENDS: {name!r} is not one of {known}" for name in backends if name not in KNOWN_BACKENDS
    ]
    if not backends:
        problems.append(f"TUNEBOT_BACKENDS: name at least one of {known}")
    if "vertex" in backends:
        needed = {
            "GOOGLE_CLOUD_PROJECT": "Vertex AI runs in a project",
            "TUNEBOT_BUCKET": "Vertex AI reads training files from a bucket",
        }
        problems += [f"{name}: is required, {why}" for name, why in needed.items() if name not in given]
    problems += [
        f"TUNEBOT_BASE_MODELS: {name!r} is not in TUNEBOT_BACKENDS"
        for name in _models_by_backend(given.get("TUNEBOT_BASE_MODELS", ""))
        if name and name not in backends
    ]
    return problems


def _field_problems(error: ValidationError) -> list[str]:
    """Return one line for each wrong variable, without its value, which may be a secret."""
    return [f"{problem['loc'][0]}: {_plain(problem)}" for problem in error.errors(include_url=False)]


def _plain(problem: ErrorDetails) -> str:
    """Shorten Pydantic's message; the README describes what a pattern accepts."""
    match problem["type"]:
        case "missing":
            return "is required and not set"
        case "string_pattern_mismatch":
            return "has a form that is not accepted"
        case _:
            return problem["msg"].removeprefix("Value error, ").removeprefix("Input ").split(",")[0]
