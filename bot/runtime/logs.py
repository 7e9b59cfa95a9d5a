"""Logging for operators: one line for each event on standard error, without any secret.

Libraries log whole requests at DEBUG. So known secrets, and text that has the form of a token, are replaced in the
formatted text, after which nothing is added.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any, Final

_TOKEN_SHAPES: Final = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[\w-]+|xapp-[\w-]+|ya29\.[\w.-]+|AIza[\w-]{20,}|(?<=Bearer )[\w.~+/-]+=*"
    # A credentials file contains a refresh token, a client secret or a private key.
    r"|\b1//[\w-]{20,}|GOCSPX-[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY-----[\w+/=\\\s]+"
    r"|(?<=ticket=)[\w%-]+|(?<=\bkey=)[\w-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
    # A response URL lets anyone answer a command or an action for 30 minutes; in JSON its slashes are escaped:
    # https://docs.slack.dev/interactivity/handling-user-interaction#message_responses. An upload URL accepts a
    # file's bytes without a token: https://docs.slack.dev/reference/methods/files.getUploadURLExternal.
    r"|(?<=/actions)(?:\\?/[\w-]+)+|(?<=/commands)(?:\\?/[\w-]+)+|(?<=/upload/v1/)[\w-]+|(?<=upload_id=)[\w%-]+"
    # The deprecated verification token: https://docs.slack.dev/authentication/verifying-requests-from-slack.
    r"|(?<=\"token\": \")[^\"]+|(?<='token': ')[^']+",
)
REDACTED: Final = "***"


class RedactingFormatter(logging.Formatter):
    """Formats a record with its traceback and replaces the secrets in the result."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        known = sorted((re.escape(secret) for secret in secrets if len(secret) >= 4), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Format the line; a line break in a name or an answer is escaped and cannot begin another line."""
        line = super().formatMessage(record)
        return line if line.isprintable() else "".join(map(_visible, line))

    def formatException(self, ei: Any) -> str:
        """Format the traceback indented, so that an error's text cannot look like a log line."""
        return "\n".join(f"  {''.join(map(_visible, line))}" for line in super().formatException(ei).splitlines())

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _TOKEN_SHAPES.sub(REDACTED, text)


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def set_up(level: str, secrets: Sequence[str]) -> None:
    """Send every logger of the process through one redacting handler."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At INFO these log every request and every run of the poller, which an operator does not need.
    for chatty in ("httpx", "httpcore", "apscheduler", "aiohttp.access", "stamina"):
        logging.getLogger(chatty).setLevel(max(logging.getLevelName(level), logging.WARNING))
