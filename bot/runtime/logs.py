"""Logging for operators: one line for each event on standard error, without secrets or strangers' bytes.

Libraries log whole requests at DEBUG. So these loggers are kept at INFO, and known secrets, and text that has the
form of a secret, are replaced in the formatted text, after which nothing is added. RE2 does this in linear time:
anybody can cause a long line.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
import re2  # type: ignore[import-untyped]
from stamina.instrumentation import RetryDetails, set_on_retry_hooks
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars
from structlog.processors import TimeStamper
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict

from bot.errors import BotError
from bot.runtime.google_calls import call_name

logger = logging.getLogger(__name__)

REDACTED: Final = "***"
TEXT: Final = "text"
JSON: Final = "json"
_LONGEST_RECORD: Final = 20_000
_LONGEST_ERROR_LINE: Final = 500  # the text of an error may be a stranger's request or a model's answer

# Between a name and its value in a header, in JSON, in a query and in Python's `repr` of each.
_IS: Final = r"""(?:["']?\s*[:=]\s*b?["']?|["'],\s*b?["'])"""
_NAMES_OF_VALUES: Final = (
    r"(?:token|secret|password|passwd|passphrase|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key"
    r"|account[_-]?key|signature|\bsig|\bpwd|credentials?|ticket|upload_id|session[_-]?id)"
)
# Each pattern's first group stays, the rest is replaced. A key block goes first, since its value has blanks.
_SHAPES: Final = tuple(
    re2.compile(pattern)
    for pattern in (
        r"()-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----[\w+/=\\\s]*(?:-----END [A-Z ]*-----)?",
        # A header with credentials: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2.
        rf"(?i)(\b(?:proxy-)?authorization{_IS})[^\r\n\"',;)}}\]]+",
        rf"(?i)(\b(?:set-)?cookie{_IS})[^\r\n\"')}}\]]+",
        r"(\b(?:Bearer|Basic) )[\w.~+/-]+=*",
        r"(?i)(\bbearer\s+)[\w.~+/-]{16,}=*",
        # The name and the password in an address, as a proxy's has them: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1.
        r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/\"'<>]+@",
        rf"(?i)(\b[\w-]*{_NAMES_OF_VALUES}{_IS})[^\s\"'&,;)}}\]]+",
        r"(\bkey=)[\w-]+",
        # A response URL lets anyone answer a command or an action for 30 minutes; in JSON its slashes are escaped:
        # https://docs.slack.dev/interactivity/handling-user-interaction#message_responses. An incoming webhook
        # posts without a token: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. An
        # upload URL accepts a file's bytes: https://docs.slack.dev/reference/methods/files.getUploadURLExternal.
        r"((?:/actions|/commands|/services|/workflows|/triggers|/upload/v1))(?:\\?/[\w-]+)+",
        # Slack's tokens: https://docs.slack.dev/authentication/tokens. Google's access and refresh tokens, API
        # keys and client secrets. Then JSON Web Tokens, and the keys of other services that people paste.
        r"()(?:xox[a-z](?:\.xox[a-z])?-[\w-]+|xapp-[\w-]+|ya29\.[\w.-]+|AIza[\w-]{20,}|\b1//[\w-]{20,}|GOCSPX-[\w-]+"
        r"|\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|\bsk-[\w-]{16,}|\b[sr]k_(?:live|test)_\w+|\bgh[a-z]_\w{20,}"
        r"|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bA[KS]IA[A-Z0-9]{12,}|\bhf_\w{20,}|\bnpm_\w{20,}|\bpypi-[\w-]{20,}"
        r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bdop_v1_\w{20,})",
    )
)

# Words behind the name of a secret in sentences of ours that are none, as in "SLACK_BOT_TOKEN: is required".
_NO_SECRETS: Final = frozenset(
    ["is", "has", "holds", "set", "the", "should", "no", "not", "none", "null", "true", "false", "information"]
)

_SECRET_NAME: Final = re2.compile(rf"(?i){_NAMES_OF_VALUES}|authorization|cookie")

# What structlog adds to a record: https://www.structlog.org/en/stable/standard-library.html. The time is in UTC,
# and says so by its Z.
_PROCESSORS: Final = (
    TimeStamper(fmt="iso", utc=True, key="time"),
    add_log_level,
    add_logger_name,
    ExtraAdder(),
    lambda _, __, event: _complete(event),
)


class RedactingFormatter(ProcessorFormatter):
    """Formats a record for a person: the time, the level, the logger, the event, its fields, and a traceback.

    The fields are those of `log_event`, and the ids of the request in which the record was made. `codes` are words
    that stay behind the name of a secret: what a service says of it, such as `token_revoked`.
    """

    def __init__(self, secrets: Sequence[str], codes: Collection[str] = ()) -> None:
        super().__init__(
            foreign_pre_chain=_PROCESSORS,
            processors=[ProcessorFormatter.remove_processors_meta, self._render],
            keep_exc_info=True,
            keep_stack_info=True,
        )
        known = sorted((re2.escape(secret) for secret in secrets if len(secret) >= 4), key=len, reverse=True)
        self._known = re2.compile("|".join(known)) if known else None
        self._no_secrets = _NO_SECRETS.union(codes)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Format the line; a line break in a name or an answer is escaped and cannot begin another line."""
        return _visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """Format the traceback indented, so that an error's text cannot look like a log line."""
        return "\n".join(
            f"  {_visible(_cut(line, _LONGEST_ERROR_LINE))}" for line in super().formatException(ei).splitlines()
        )

    def formatStack(self, stack_info: str) -> str:
        """Format the stack indented, as a traceback."""
        return "\n".join(f"  {_visible(line)}" for line in stack_info.splitlines())

    def format(self, record: logging.LogRecord) -> str:
        return self.redact(super().format(record))

    def redact(self, text: str) -> str:
        """Replace the secrets in a text, and cut it."""
        # A secret that a cut divides would keep its first part, so the text is cut behind the patterns too.
        text = _cut(text, 2 * _LONGEST_RECORD)
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for shape in _SHAPES:
            text = shape.sub(self._redacted, text)
        return _cut(text, _LONGEST_RECORD)

    def _redacted(self, match: Any) -> str:
        kept = match.group(1)
        harmless = match.group(0)[len(kept) :].rstrip(".").lower() in self._no_secrets
        return match.group(0) if harmless else f"{kept}{REDACTED}"

    def _render(self, _: Any, __: str, event: EventDict) -> str:
        for appended in ("exc_info", "stack_info"):
            event.pop(appended, None)
        time, level, logger, message = (event.pop(name) for name in ("time", "level", "logger", "event"))
        fields = "".join(f" {name}={_field(value)}" for name, value in event.items())
        return f"{time} {level.upper():<7} {logger}: {message}{fields}"


class JsonFormatter(RedactingFormatter):
    """Formats a record as one line of JSON: `time`, `level`, `logger`, `event`, the fields, and `exception`."""

    def __init__(self, secrets: Sequence[str], codes: Collection[str] = ()) -> None:
        super().__init__(secrets, codes)
        self.keep_exc_info = self.keep_stack_info = False

    def format(self, record: logging.LogRecord) -> str:
        # Each value was redacted before it became JSON, which a cut would break.
        return ProcessorFormatter.format(self, record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        return record.getMessage()

    def _render(self, _: Any, __: str, event: EventDict) -> str:
        traceback, stack = event.pop("exc_info", None), event.pop("stack_info", None)
        if traceback:
            event["exception"] = self.formatException(traceback)
        if stack:
            event["stack"] = self.formatStack(stack)
        named = {name: REDACTED if _SECRET_NAME.search(name) else value for name, value in event.items()}
        plain = {
            name: self.redact(_visible_lines(value)) if isinstance(value, str) else value
            for name, value in named.items()
        }
        return msgspec.json.encode(plain, enc_hook=lambda value: self.redact(str(value))).decode()


def log_event(
    logger: logging.Logger, event: str, level: int = logging.INFO, /, **fields: str | int | float
) -> None:
    """Log an event under its stable name. The fields are ids, states and numbers, never the text of a person."""
    logger.log(level, event, extra=fields)


def bind_request(**ids: str) -> None:
    """Put these ids on every line that is logged for the request of this task; empty ones are left out."""
    clear_contextvars()
    bind_contextvars(**{name: value for name, value in ids.items() if value})


def _complete(event: EventDict) -> EventDict:
    """Drop what another formatter of the standard library has left on the record, and add the request's ids."""
    for name in ("message", "asctime"):
        event.pop(name, None)
    for name, value in sorted(get_contextvars().items()):
        event.setdefault(name, value)
    return event


def _field(value: object) -> str:
    """Return a value as one word, in quotes where it has blanks or quotes."""
    text = str(value)
    return text if text and not re2.search(r"[\s\"=]", text) else msgspec.json.encode(text).decode()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def _visible_lines(text: str) -> str:
    return "\n".join(_visible(line) for line in text.split("\n"))


def _visible(line: str) -> str:
    """Return the line with each control character, direction mark and half of a surrogate pair escaped."""
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


class _NoRequestBytes(logging.Filter):
    """Keeps the bytes of a request that aiohttp cannot read out of the log: it names the error's class alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and type(error).__module__.startswith("aiohttp.http"):
            record.msg, record.args = "a request cannot be read: %s", (type(error).__name__,)
            record.exc_info = record.exc_text = None
        return True


def log_retry(details: RetryDetails) -> None:
    """Log that a call is sent again: which call, why, and after how many seconds."""
    call, why = _call_and_reason(details)
    wait = round(details.wait_for, 2)
    log_event(logger, "retry.scheduled", call=call, why=why, attempt=details.retry_num, wait_seconds=wait)


def say_retries(say: Callable[[str], object]) -> None:
    """Tell the operator at a terminal of each call that is sent again, in a sentence, in place of the log."""

    def say_retry(details: RetryDetails) -> None:
        error = getattr(details.caused_by, "error", details.caused_by)
        why = type(error).__name__
        reason = error.message if isinstance(error, BotError) else f"{details.name} was not answered ({why})."
        say(f"{reason} The next try is in {details.wait_for:.1f} seconds.")

    set_on_retry_hooks((say_retry,))


def _call_and_reason(details: RetryDetails) -> tuple[str, str]:
    """Return which call is sent again, and why.

    The reason is the error's class and code and never its text, which may quote what a person wrote. The name of
    the retried call is ``METHOD /path`` for a request to Google, of which the API and the method are returned.
    """
    error = getattr(details.caused_by, "error", details.caused_by)
    # The body of an answer of Slack's that is not JSON, such as a proxy's page, is text.
    answer: object = getattr(getattr(error, "response", None), "data", None)
    code = getattr(error, "http_status", 0) or (answer.get("error") if isinstance(answer, Mapping) else None)
    method, _, path = details.name.partition(" ")
    call = " ".join(call_name(method, path)) if path.startswith("/") else details.name
    return call, " ".join(str(part) for part in (type(error).__name__, code) if part)


def set_up(level: str, secrets: Sequence[str], form: str = TEXT, codes: Collection[str] = ()) -> None:
    """Send every logger of the process through one redacting handler; `form` is `text` or `json`.

    `secrets` and `codes` are those of RedactingFormatter.
    """
    handler = logging.StreamHandler()
    handler.setFormatter((JsonFormatter if form == JSON else RedactingFormatter)(secrets, codes))
    handler.addFilter(_NoRequestBytes())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Without this, stamina prints retries past our handler, with structlog's own settings.
    set_on_retry_hooks((log_retry,))
    wanted: int = logging.getLevelNamesMapping()[level]
    # At INFO these log every request and every run of the poller, which an operator does not need.
    for chatty in ("httpx", "httpcore", "apscheduler", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(max(wanted, logging.WARNING))
    # At DEBUG these log what people write, and whole answers of Slack and Google.
    for talkative in ("slack_sdk", "slack_bolt", "aiohttp", "asyncio", "google", "markdown_it", "urllib3"):
        logging.getLogger(talkative).setLevel(max(wanted, logging.INFO))
