"""The bot's Google credentials: refreshed in a thread, returned as request headers, and checked for the doctor.

This module does nothing at import, and it puts no token into a log, a repr or an error.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

import google.auth
from google.auth.credentials import Credentials as GoogleAuthCredentials
from google.auth.credentials import TokenState
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    ResponseError,
    TransportError,
)
from google.auth.transport import Request

from bot.backends.google.default_credentials import HttpxRequest, find_default_credentials, token_client
from bot.backends.google.error_hints import TRY_LATER
from bot.backends.google.google_errors import sanitize
from bot.domain.certificates import UNTRUSTED_HINT, is_untrusted
from bot.errors import GoogleError, GoogleUnavailable, NotAuthenticated
from bot.ports.diagnosis import Check, Diagnosis, failed, good, limited

logger = logging.getLogger(__name__)

_HOW_TO_SET: Final = (
    "Ask an administrator to set GOOGLE_APPLICATION_CREDENTIALS to a credentials file, to run "
    "`gcloud auth application-default login`, or to set GOOGLE_OAUTH_ACCESS_TOKEN."
)
# google-auth's errors for a token server that cannot be reached or whose answer does not arrive.
_PASSING: Final = (TransportError, ResponseError, google.auth.exceptions.TimeoutError)


class Credentials(Protocol):
    """Returns the headers that authenticate a request. Both methods raise NotAuthenticated, GoogleUnavailable."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers for the next request."""
        ...

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        """Get newer headers after Google answered these with 401; returns whether there are any."""
        ...

    @property
    def hint(self) -> str:
        """What to do when Google does not accept them."""
        ...

    def account(self) -> str:
        """Return whose they are, as `serviceAccount:NAME` of an IAM policy; empty where that is not known."""
        ...


class _Fixed:
    """Credentials of the settings, which cannot be renewed and do not say whose they are."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        return False

    def account(self) -> str:
        return ""


class AccessToken(_Fixed):
    """Sends the OAuth token of the settings."""

    hint = (
        "The token in GOOGLE_OAUTH_ACCESS_TOKEN lasts about an hour. Ask an administrator to set a new one "
        "(`gcloud auth print-access-token`), or credentials that renew themselves."
    )

    def __init__(self, token: str, quota_project: str = "") -> None:
        super().__init__(_bearer(token, quota_project))


class ApiKey(_Fixed):
    """Sends a Gemini API key, with which a tuned model answers; it is not enough to tune one."""

    hint = "Ask an administrator to set a working GEMINI_API_KEY."

    def __init__(self, key: str) -> None:
        super().__init__({"x-goog-api-key": key})


class DefaultCredentials:
    """Sends Application Default Credentials, found at the first request and refreshed before they expire.

    The file that GOOGLE_APPLICATION_CREDENTIALS or gcloud names may hold a service account, an authorized user,
    workload identity federation or impersonation; without a file, the account of the Google Cloud machine is used.
    """

    hint = _HOW_TO_SET

    def __init__(
        self, quota_project: str = "", find: Callable[[Request], GoogleAuthCredentials] | None = None
    ) -> None:
        self._quota_project = quota_project
        self._find = find or find_default_credentials
        self._found: GoogleAuthCredentials | None = None
        self._lock = asyncio.Lock()
        # A thread of its own: the threads that all share may all be busy with files, and without a token every
        # request to Google would wait for them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="google token")

    async def headers(self) -> Mapping[str, str]:
        if not self._fresh():
            async with self._lock:
                # Another task may have fetched a token while this one waited for the lock.
                if not self._fresh():
                    await self._refresh()
        return self._current()

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        async with self._lock:
            if self._current() == rejected:
                await self._refresh(required=True)
        return True

    def account(self) -> str:
        name = str(getattr(self._found, "service_account_email", "") or "")
        # On a Google Cloud machine it is only called the default one.
        return f"serviceAccount:{name}" if "@" in name else ""

    def _fresh(self) -> bool:
        return self._found is not None and self._found.token_state is TokenState.FRESH

    def _current(self) -> Mapping[str, str]:
        found = self._found
        if found is None or not found.token:
            return {}
        project = self._quota_project or getattr(found, "quota_project_id", None) or ""
        return _bearer(found.token, project)

    async def _refresh(self, required: bool = False) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._refresh_in_thread)
        except GoogleAuthError as error:
            usable = not required and self._found is not None and self._found.token_state is TokenState.STALE
            if not usable:
                raise _translate(error) from error
            # Google still accepts a stale token for some minutes, so the next request may try to refresh it again.
            logger.warning("the Google token could not be renewed yet: %s", type(error).__name__)

    def _refresh_in_thread(self) -> None:
        with token_client() as client:
            request = HttpxRequest(client)
            found = self._found
            if found is None:
                found = self._find(request)
                if found.token_state is TokenState.FRESH:
                    self._found = found
                    return
            found.refresh(request)  # type: ignore[no-untyped-call]
            self._found = found


def _bearer(token: str, quota_project: str) -> dict[str, str]:
    headers = {"authorization": f"Bearer {token}"}
    if quota_project:
        headers["x-goog-user-project"] = quota_project
    return headers


def _translate(error: GoogleAuthError) -> GoogleError:
    """Return our error for one of google-auth's.

    The text of google-auth's own error may hold a whole answer of the token server, so it is sanitized.
    """
    if is_untrusted(error):
        message = "This machine does not trust the certificate that answers for Google's token server."
        return GoogleUnavailable(message, UNTRUSTED_HINT)
    if isinstance(error, _PASSING) or error.retryable:
        return GoogleUnavailable("Google's token server cannot be reached.", TRY_LATER)
    if isinstance(error, DefaultCredentialsError):
        return NotAuthenticated("The bot has no Google credentials.", _HOW_TO_SET)
    reason = sanitize(str(error.args[0])) if error.args else type(error).__name__
    return NotAuthenticated(f"Google does not renew the bot's credentials: {reason}", _HOW_TO_SET)


def credentials_check(credentials: Credentials, quota_project: str) -> Check:
    """Return the check; `quota_project` is that of the settings, empty for the credentials' own."""
    return Check("google.credentials", "Google credentials", partial(_check, credentials, quota_project))


async def _check(credentials: Credentials, quota_project: str) -> Diagnosis:
    try:
        headers = await credentials.headers()
    except NotAuthenticated as error:
        return failed(
            error.message,
            "gcloud auth application-default login\n"
            "On a server: set GOOGLE_APPLICATION_CREDENTIALS to the path of a service account's key file.",
        )
    charged = headers.get("x-goog-user-project", "")
    quota = f" Google counts requests against the project {charged}." if charged else ""
    if isinstance(credentials, AccessToken):
        return limited(
            f"The token of GOOGLE_OAUTH_ACCESS_TOKEN is used, which lasts about an hour.{quota}",
            "Unset it and set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
        )
    return good(f"They are those of {credentials.account() or 'a person or a federated identity'}.{quota}")
