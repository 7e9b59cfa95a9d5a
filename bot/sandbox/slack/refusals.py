"""The errors with which the stand-in refuses something.

They are here so that rules and methods need not know how an error is sent.
"""

from collections.abc import Sequence
from typing import Any


class SlackError(Exception):
    """A Web API refusal: ``ok: false`` with Slack's error code."""

    def __init__(self, code: str, *, messages: Sequence[str] = (), **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.messages = tuple(messages)
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON, with ``response_metadata.messages`` where there are any."""
        answer: dict[str, Any] = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            answer["response_metadata"] = {"messages": list(self.messages)}
            answer["errors"] = [message.removeprefix("[ERROR] ") for message in self.messages]
        return answer


class ClientRefusal(Exception):
    """Slack's own app would not let the person do this, so the bot is not told.

    `fields` maps a block id to what the form shows under it.
    """

    def __init__(self, reason: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(reason if not fields else f"{reason}: {fields}")
        self.fields = fields or {}
