"""The settings of how the bot works: when it polls, what a start may cost, who may do what, what is kept."""

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field

from bot.settings.value_forms import grantee_list, number_by_backend

Grantees = Annotated[tuple[str, ...], BeforeValidator(grantee_list)]

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


class ConfirmationFields(BaseModel):
    """The settings of the second yes, which the command line reads without the others."""

    confirm_usd: Decimal = _CONFIRM_USD
    confirm_epoch_factor: int = _CONFIRM_EPOCH_FACTOR


class RuleFields(BaseModel):
    """Polling, money, roles, approvals, retention, limits and logs."""

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
