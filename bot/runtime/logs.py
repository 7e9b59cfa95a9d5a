"""Logging for operators: one line an event on standard error, and no secret in any of them.

Libraries log whole requests at DEBUG; whatever a line holds, known secrets and things shaped like tokens are
struck out of the finished text, after formatting, where nothing can slip past.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any, Final

_TOKEN_SHAPES: Final = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[\w-]+|xapp-[\w-]+|ya29\.[\w.-]+|AIza[\w-]{20,}|(?<=Bearer )[\w.~+/-]+=*"
    # What is in a credentials file: the refresh token, the client's secret, the account's private key.
    r"|\b1//[\w-]{20,}|GOCSPX-[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY-----[\w+/=\\\s]+"
    r"|(?<=ticket=)[\w%-]+|(?<=\bkey=)[\w-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
    # The address in a command or a click by which anybody may answer it for half an hour, with its slashes
    # escaped where it stands in JSON; and the addresses that take a file's bytes without any other token.
    r"|(?<=/actions)(?:\\?/[\w-]+)+|(?<=/commands)(?:\\?/[\w-]+)+|(?<=/upload/v1/)[\w-]+|(?<=upload_id=)[\w%-]+"
    # What Slack sends along as an older proof of itself.
    r"|(?<=\"token\": \")[^\"]+|(?<='token': ')[^']+",
)
STRUCK: Final = "***"


class RedactingFormatter(logging.Formatter):
    """Formats a record, its traceback included, and strikes secrets out of the result."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        known = sorted((re.escape(secret) for secret in secrets if len(secret) >= 4), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line itself; a name or an answer that holds a line's end cannot begin another one."""
        line = super().formatMessage(record)
        return line if line.isprintable() else "".join(map(_visible, line))

    def formatException(self, ei: Any) -> str:
        """The traceback, set in: what an error says cannot pass for a line of its own either."""
        return "\n".join(f"  {''.join(map(_visible, line))}" for line in super().formatException(ei).splitlines())

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if self._known is not None:
            text = self._known.sub(STRUCK, text)
        return _TOKEN_SHAPES.sub(STRUCK, text)


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def set_up(level: str, secrets: Sequence[str]) -> None:
    """Send every logger of the process through one redacting handler."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These say at INFO what is of no use to an operator: every request, every run of the poller.
    for chatty in ("httpx", "httpcore", "apscheduler", "aiohttp.access", "stamina"):
        logging.getLogger(chatty).setLevel(max(logging.getLevelName(level), logging.WARNING))
