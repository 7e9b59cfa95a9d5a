"""Tells Slack's requests from all others, before anything is parsed, logged or done.

Bolt checks the signature too, but only after it has read the request, and it logs what a stranger sent.
Source: docs.slack.dev/authentication/verifying-requests-from-slack.
"""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

# Slack's own limit for the age of a request, in seconds: an older one may be a recording.
LONGEST_AGE: Final = 300.0

_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")
_STAMP: Final = re.compile(r"[0-9]{1,12}")


class Signatures:
    """Checks signatures with the app's signing secret; `now` returns the seconds since 1970."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._now = now

    def may_be_valid(self, headers: Mapping[str, str]) -> bool:
        """Return whether the headers alone allow a valid signature: with others the body need not be read."""
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        if _STAMP.fullmatch(stamp) is None or abs(self._now() - int(stamp)) > LONGEST_AGE:
            return False
        return _SIGNATURE.fullmatch(headers.get("X-Slack-Signature", "")) is not None

    def valid(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether Slack signed this body just now."""
        if not self.may_be_valid(headers):
            return False
        signed = b"v0:" + headers["X-Slack-Request-Timestamp"].encode() + b":" + body
        expected = f"v0={hmac.new(self._secret, signed, sha256).hexdigest()}"
        return hmac.compare_digest(expected, headers["X-Slack-Signature"])
