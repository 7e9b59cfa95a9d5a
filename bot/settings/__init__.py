"""The settings, read once from a mapping (the environment variables) into one frozen value.

All problems are reported at once, by the variable's own name. Secrets print as ***. Each field's description is
its row in the README and its lines in `.env.example`; tests compare them. The package reads no
files but those that a variable such as SLACK_BOT_TOKEN_FILE names.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Self, get_args
from urllib.parse import urlsplit

from pydantic import ConfigDict, SecretStr, ValidationError

from bot.domain.approval import ApprovalRules
from bot.domain.leftovers import RetentionRules
from bot.domain.roles import Role, RoleGrant
from bot.domain.spending import ConfirmationRules
from bot.errors import SettingsError
from bot.settings.connection_fields import ConnectionFields
from bot.settings.problems import conflicts, field_problems, read_secret_files
from bot.settings.rule_fields import ConfirmationFields, RuleFields
from bot.settings.value_forms import plain_text

DEFAULT_PORT: Final = 3000
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


class Settings(RuleFields, ConnectionFields):
    """The settings of one process. The fields of `ConnectionFields` come first, as pydantic reads the bases."""

    model_config = ConfigDict(frozen=True, populate_by_name=False, extra="ignore")

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
        rules = ConfirmationFields.model_validate(given)
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
