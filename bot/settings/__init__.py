"""The settings, read once from a mapping (the environment variables) into one frozen value.

All problems are reported at once, by the variable's own name. Secrets print as ***. Each field's description is
its row in the README and its lines in `.env.example`; tests compare them. The package reads no
files but those that a variable such as SLACK_BOT_TOKEN_FILE names.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from bot.domain.approval import ApprovalRules
from bot.domain.retention_rules import RetentionRules
from bot.domain.roles import Role, RoleGrant
from bot.domain.spending import ConfirmationRules
from bot.errors import SettingsError
from bot.settings.problems import conflicts, field_problems, read_secret_files
from bot.settings.value_forms import (
    BaseUrl,
    comma_list,
    domain_list,
    grantee_list,
    gs_prefix_list,
    host_list,
    models_by_backend,
    number_by_backend,
    plain_text,
)

Grantees = Annotated[tuple[str, ...], BeforeValidator(grantee_list)]

DEFAULT_PORT: Final = 3000
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


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
    hosts: Annotated[tuple[str, ...], BeforeValidator(host_list)] = Field(
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
    backends: Annotated[tuple[str, ...], BeforeValidator(comma_list)] = Field(
        ("vertex",),
        alias="TUNEBOT_BACKENDS",
        description="Which Google systems to offer: `vertex`, `gemini`, `palm`, separated by commas. The first is "
        "the default.",
    )
    base_models: Annotated[dict[str, tuple[str, ...]], BeforeValidator(models_by_backend)] = Field(
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
    openai_api_key: SecretStr | None = Field(
        None,
        alias="OPENAI_API_KEY",
        description="A key of OpenAI, only to read its fine-tuning jobs and their files for `/tune import`. Each "
        "person who may tune can then read these files.",
    )
    openai_url: BaseUrl = Field("", alias="TUNEBOT_OPENAI_URL", description="Another base of OpenAI's API.")
    vertex_url: BaseUrl = Field(
        "", alias="TUNEBOT_VERTEX_URL", description="Another base for every Vertex AI host."
    )
    genai_url: BaseUrl = Field(
        "", alias="TUNEBOT_GENAI_URL", description="Another base for the Gemini and PaLM APIs."
    )
    storage_url: BaseUrl = Field(
        "", alias="STORAGE_EMULATOR_HOST", description="Another base for Cloud Storage, e.g. an emulator's."
    )
    gs_prefixes: Annotated[tuple[str, ...], BeforeValidator(gs_prefix_list)] = Field(
        (),
        alias="TUNEBOT_GS_PREFIXES",
        description="The Cloud Storage buckets and folders that people may name files of, separated by commas: "
        "`gs://my-bucket` or `gs://my-bucket/folder`. Unset: none. The bot's own copies, in `tunebot/` of a "
        "bucket, are never read for anybody.",
    )
    google_share_domains: Annotated[tuple[str, ...], BeforeValidator(domain_list)] = Field(
        (),
        alias="TUNEBOT_GOOGLE_SHARE_DOMAINS",
        description="The domains, separated by commas, to whose Google accounts the owner of a model of the "
        "Gemini or PaLM API may open it at Google with `/tune share NAME ada@example.com`. Such an account asks "
        "it outside of Slack and of the budgets. Unset: none.",
    )
    database: str = Field("tunebot.db", alias="TUNEBOT_DB", min_length=1, description="The SQLite file.")
    backup_to: str = Field(
        "",
        alias="TUNEBOT_BACKUP_TO",
        pattern=r"^(gs://[a-z0-9][a-z0-9._-]+(/.*)?|/.*)?$",
        description="Where the running bot puts copies of its database: `gs://my-bucket/folder`, or the path of a "
        "folder that begins with `/`. Unset: it makes none.",
    )
    backup_hours: float = Field(
        24,
        alias="TUNEBOT_BACKUP_HOURS",
        gt=0,
        le=720,
        description="Hours between two copies, where `TUNEBOT_BACKUP_TO` is set.",
    )
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
    tunings_at_once: Annotated[dict[str, int], BeforeValidator(number_by_backend)] = Field(
        default_factory=dict,
        alias="TUNEBOT_TUNINGS_AT_ONCE",
        description="How many tunings Google runs at the same time, the others wait in the bot: `2`, or by system "
        "`vertex=2,gemini=5`; `0` is no limit. Unset: 1 for `vertex`, which is Google's usual quota, and no limit "
        "for the others.",
    )
    prices: str = Field(
        "",
        alias="TUNEBOT_PRICES",
        description="A table of prices in place of the built-in one, which `tunebot prices` prints.",
    )
    confirm_usd: Decimal = _CONFIRM_USD
    confirm_epoch_factor: int = _CONFIRM_EPOCH_FACTOR
    owners: Grantees = Field(
        (),
        alias="TUNEBOT_OWNERS",
        description="Who owns the bot beside the workspace's administrators: Slack's ids of people (`U...`) and "
        "user groups (`S...`), separated by commas.",
    )
    approvers: Grantees = Field(
        (),
        alias="TUNEBOT_APPROVERS",
        description="Who approves tunings and looks after those of others: ids of people, user groups and "
        "channels (`C...`), for those who are in them.",
    )
    tuners: Grantees = Field(
        (),
        alias="TUNEBOT_TUNERS",
        description="Who may tune: the same ids, or `everyone` for each full member of the workspace.",
    )
    askers: Grantees = Field(
        (),
        alias="TUNEBOT_ASKERS",
        description="Who may ask models, with the same values. While nobody is named, here or with `/tune roles`, "
        "each full member may.",
    )
    start_alone: Literal["tuners", "approvers"] = Field(
        "tuners",
        alias="TUNEBOT_START_ALONE",
        description="Who starts a tuning without another's approval: `tuners`, or only `approvers`.",
    )
    approval_usd: Decimal | None = Field(
        None,
        alias="TUNEBOT_APPROVAL_USD",
        ge=0,
        le=1_000_000_000,
        description="A start that may cost more US dollars than this, or whose price is unknown, needs the yes of "
        "an approver. Unset: no price needs one.",
    )
    approval_hours: float = Field(
        72,
        alias="TUNEBOT_APPROVAL_HOURS",
        gt=0,
        le=8760,
        description="Hours in which an approver can decide on a start; then it ends, and nothing was started.",
    )
    approvals_channel: str = Field(
        "",
        alias="TUNEBOT_APPROVALS_CHANNEL",
        pattern=r"^[CG][A-Z0-9]{2,}$|^$",
        description="The id of a channel in which approvers are asked, beside the direct messages to those whom a "
        "role names. The bot must be in it.",
    )
    ceiling_hours: float | None = Field(
        None,
        alias="TUNEBOT_CEILING_HOURS",
        gt=0,
        le=8760,
        description="Hours after which a running tuning is cancelled by the bot. Unset: no limit.",
    )
    ceiling_usd: Decimal | None = Field(
        None,
        alias="TUNEBOT_CEILING_USD",
        gt=0,
        le=1_000_000_000,
        description="US dollars after which a running tuning is cancelled by the bot, where Google says its epoch "
        "and the price is known. Unset: no limit.",
    )
    conversation_days: int = Field(
        365,
        alias="TUNEBOT_CONVERSATION_DAYS",
        ge=0,
        le=36_500,
        description="For how many days questions and answers of threads are kept; `0` is for ever.",
    )
    report_days: int = Field(
        90,
        alias="TUNEBOT_REPORT_DAYS",
        ge=0,
        le=36_500,
        description="For how many days reports on files, and starts that nobody pressed, are kept; `0` is for "
        "ever.",
    )
    training_file_days: int = Field(
        90,
        alias="TUNEBOT_TRAINING_FILE_DAYS",
        ge=0,
        le=36_500,
        description="For how many days after the end of a tuning the bot's copies of its files stay in "
        "`TUNEBOT_BUCKET`; `0` is for ever.",
    )
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
    log_form: str = Field(
        "text",
        alias="TUNEBOT_LOG_FORM",
        pattern="^(text|json)$",
        description="How log lines are written: `text` for people, `json` for programs.",
    )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; a variable set to nothing counts as unset. Blocks while it reads secrets from files.

        Raises SettingsError that lists every problem.
        """
        settings, problems = cls.examine(environment)
        if settings is None:
            lines = "\n".join(f"  {problem}" for problem in problems)
            raise SettingsError(
                f"These settings do not work:\n{lines}\n",
                "What each one means: tunebot settings. What else is wrong, with the repair: tunebot doctor.",
            )
        return settings

    @classmethod
    def examine(cls, environment: Mapping[str, str]) -> tuple[Self | None, list[str]]:
        """Return the settings and no problem, or None and every problem, each after its variable's name."""
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        problems = read_secret_files(given, secret_names())
        problems += conflicts(given)
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            return None, field_problems(error) + problems
        return (None, problems) if problems else (settings, [])

    @property
    def base_models_by_backend(self) -> dict[str, tuple[str, ...]]:
        """The base models to offer instead of the built-in ones, by backend."""
        return {name or self.backends[0]: models for name, models in self.base_models.items()}

    @property
    def named_roles(self) -> tuple[RoleGrant, ...]:
        """The roles that the settings give."""
        lists = {
            Role.OWNER: self.owners,
            Role.APPROVER: self.approvers,
            Role.TUNER: self.tuners,
            Role.ASKER: self.askers,
        }
        return tuple(RoleGrant(role, grantee) for role, grantees in lists.items() for grantee in grantees)

    @property
    def start_alone_role(self) -> Role:
        """The least role that starts a tuning without an approval."""
        return Role.APPROVER if self.start_alone == "approvers" else Role.TUNER

    @property
    def tunings_at_once_by_backend(self) -> dict[str, int]:
        """How many tunings run at the same time, for each backend for which a number is set."""
        numbers = {name: self.tunings_at_once.get(name, self.tunings_at_once.get("")) for name in self.backends}
        return {name: number for name, number in numbers.items() if number is not None}

    @property
    def retention_rules(self) -> RetentionRules:
        return RetentionRules(self.conversation_days, self.report_days, self.training_file_days)

    @property
    def stuck_after(self) -> timedelta:
        return timedelta(minutes=self.stuck_minutes)

    @property
    def confirmation_rules(self) -> ConfirmationRules:
        return ConfirmationRules(self.confirm_epoch_factor, self.confirm_usd)

    @property
    def ceiling_after(self) -> timedelta | None:
        return None if self.ceiling_hours is None else timedelta(hours=self.ceiling_hours)

    @property
    def approval_rules(self) -> ApprovalRules:
        return ApprovalRules(self.approval_usd, timedelta(hours=self.approval_hours), self.approvals_channel)

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
            "TUNEBOT_OPENAI_URL": self.openai_url,
            "STORAGE_EMULATOR_HOST": self.storage_url,
        }
        plain = {name: urlsplit(base).hostname for name, base in bases.items() if base.startswith("http://")}
        return [name for name, host in plain.items() if host not in _THIS_MACHINE]

    @property
    def bucket_name(self) -> str:
        return self.bucket.removeprefix("gs://").rstrip("/")

    def effective(self) -> dict[str, str]:
        """Return each variable with its value as the bot uses it, for the log; a secret that is set is `***`."""
        shown = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            secret = isinstance(value, SecretStr)
            shown[str(field.alias)] = "***" if secret else plain_text(value)
        return shown

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
        raise SettingsError("\n".join(field_problems(error)), "The README explains each setting.") from error
    return ConfirmationRules(rules.confirm_epoch_factor, rules.confirm_usd)


def secret_names() -> tuple[str, ...]:
    """The variables that hold secrets. Each of them may name a file instead, see `secret_file_name`."""
    return tuple(
        str(field.alias)
        for field in Settings.model_fields.values()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    )


def reveal(secret: SecretStr | None) -> str:
    """Return the secret's value, empty if it is not set."""
    return secret.get_secret_value() if secret is not None else ""
