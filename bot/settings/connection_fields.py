"""The settings of what the bot connects to: Slack, Google, OpenAI, its port, its database and the copies of it."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, SecretStr

from bot.settings.value_forms import (
    BaseUrl,
    comma_list,
    domain_list,
    gs_prefix_list,
    host_list,
    models_by_backend,
)


class ConnectionFields(BaseModel):
    """Slack, Google and OpenAI, and the bot's own port and files."""

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
        description="The Cloud Storage buckets and folders that people may name files of, also in rows, separated "
        "by commas: `gs://my-bucket` or `gs://my-bucket/folder`. Unset: none. The bot's own copies, in `tunebot/` "
        "of a bucket, are never read for anybody.",
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
