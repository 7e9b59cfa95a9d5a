"""Finds the bot's Google credentials with google-auth, refreshes them in a thread, and returns request headers.

google-auth has no transport for httpx, and its own search for a metadata server may take ten seconds and needs
`requests`, so this module has a transport and a search of its own. It does nothing at import, and it puts no
token into a log, a repr or an error.
Source: https://cloud.google.com/docs/authentication/application-default-credentials; metadata server:
https://cloud.google.com/compute/docs/access/authenticate-workloads.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import google.auth
import httpx
import msgspec
from google.auth.credentials import Credentials as GoogleAuthCredentials
from google.auth.credentials import TokenState
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    RefreshError,
    ResponseError,
    TransportError,
)
from google.auth.transport import Request, Response

from bot.backends.google.error_hints import TRY_LATER
from bot.backends.google.google_errors import NETWORK_ERRORS, sanitize
from bot.errors import GoogleError, GoogleUnavailable, NotAuthenticated

logger = logging.getLogger(__name__)

SCOPES: Final = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/generative-language.tuning",
)
_HOW_TO_SET: Final = (
    "Ask an administrator to set GOOGLE_APPLICATION_CREDENTIALS to a credentials file, to run "
    "`gcloud auth application-default login`, or to set GOOGLE_OAUTH_ACCESS_TOKEN."
)
_LINK_LOCAL: Final = "169.254.169.254"
_METADATA_SERVERS: Final = (f"http://{_LINK_LOCAL}", "http://metadata.google.internal")
# Here google-auth asks for the project's id, which the settings already contain.
_PROJECTS_HOST: Final = "cloudresourcemanager.googleapis.com"
_METADATA_SECONDS: Final = 1.0
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


class AccessToken:
    """Sends the OAuth token of the settings, which cannot be renewed."""

    hint = (
        "The token in GOOGLE_OAUTH_ACCESS_TOKEN lasts about an hour. Ask an administrator to set a new one "
        "(`gcloud auth print-access-token`), or credentials that renew themselves."
    )

    def __init__(self, token: str, quota_project: str = "") -> None:
        self._headers = _bearer(token, quota_project)

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        return False

    def account(self) -> str:
        return ""


class ApiKey:
    """Sends a Gemini API key, with which a tuned model answers; it is not enough to tune one."""

    hint = "Ask an administrator to set a working GEMINI_API_KEY."

    def __init__(self, key: str) -> None:
        self._headers = {"x-goog-api-key": key}

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        return False

    def account(self) -> str:
        return ""


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
        with httpx.Client(timeout=httpx.Timeout(20.0, connect=10.0)) as client:
            request = HttpxRequest(client)
            found = self._found
            if found is None:
                found = self._find(request)
                if found.token_state is TokenState.FRESH:
                    self._found = found
                    return
            found.refresh(request)  # type: ignore[no-untyped-call]
            self._found = found


class HttpxRequest(Request):
    """Implements google-auth's transport with an httpx client."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Response:
        limit = httpx.USE_CLIENT_DEFAULT if timeout is None else httpx.Timeout(timeout)
        try:
            response = self._client.request(method, url, content=body, headers=headers, timeout=limit)
        except NETWORK_ERRORS as error:
            raise TransportError(type(error).__name__) from error  # type: ignore[no-untyped-call]
        return _HttpxResponse(response)


class _HttpxResponse(Response):
    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def data(self) -> bytes:
        return self._response.content


def find_default_credentials(request: Request) -> GoogleAuthCredentials:
    """Return the credentials of this environment. Blocks. Raises google-auth's DefaultCredentialsError."""
    try:
        found, _ = google.auth.default(scopes=SCOPES, request=_LookupRequest(request))
    except DefaultCredentialsError:
        if not _on_google_cloud(request):
            raise
        return MachineCredentials()  # type: ignore[no-untyped-call]
    return found


class _LookupRequest(Request):
    """Restricts google-auth's search for credentials: no metadata server, no request for the project's id."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __call__(self, url: str, *args: Any, **kwargs: Any) -> Response:
        parsed = httpx.URL(url)
        if parsed.host == _PROJECTS_HOST:
            return _HttpxResponse(httpx.Response(httpx.codes.NOT_FOUND, json={}))
        if parsed.netloc in {httpx.URL(base).netloc for base in (*_METADATA_SERVERS, _metadata_base())}:
            # google-auth would retry after any other class of error.
            raise DefaultCredentialsError("the metadata server is asked separately")  # type: ignore[no-untyped-call]
        response: Response = self._request(url, *args, **kwargs)
        return response


class MachineCredentials(GoogleAuthCredentials):
    """Gets tokens from the metadata server of a Google Cloud machine (Compute Engine, Cloud Run, GKE)."""

    def refresh(self, request: Request) -> None:
        url = f"{_metadata_base()}/computeMetadata/v1/instance/service-accounts/default/token"
        response = request(f"{url}?scopes={','.join(SCOPES)}", headers={"Metadata-Flavor": "Google"})
        if response.status != httpx.codes.OK:
            retryable = response.status >= 500
            raise RefreshError(f"metadata server: {response.status}", retryable=retryable)  # type: ignore[no-untyped-call]
        try:
            token = msgspec.json.decode(response.data, type=_MachineToken)
        except msgspec.MsgspecError as error:
            raise RefreshError("metadata server: not a token") from error  # type: ignore[no-untyped-call]
        self.token = token.access_token
        # google-auth compares `expiry` with naive UTC (google.auth._helpers.utcnow).
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=token.expires_in)


class _MachineToken(msgspec.Struct):
    access_token: str
    expires_in: float


def _metadata_base() -> str:
    return f"http://{os.environ.get('GCE_METADATA_HOST', _LINK_LOCAL)}"


def _on_google_cloud(request: Request) -> bool:
    if os.environ.get("NO_GCE_CHECK") == "true":
        return False
    try:
        root = request(_metadata_base(), headers={"Metadata-Flavor": "Google"}, timeout=_METADATA_SECONDS)
    except TransportError:
        return False
    return bool(root.headers.get("metadata-flavor") == "Google")


def _bearer(token: str, quota_project: str) -> dict[str, str]:
    headers = {"authorization": f"Bearer {token}"}
    if quota_project:
        headers["x-goog-user-project"] = quota_project
    return headers


def _translate(error: GoogleAuthError) -> GoogleError:
    """Return our error for one of google-auth's.

    The text of google-auth's own error may hold a whole answer of the token server, so it is sanitized.
    """
    if isinstance(error, _PASSING) or error.retryable:
        return GoogleUnavailable("Google's token server cannot be reached.", TRY_LATER)
    if isinstance(error, DefaultCredentialsError):
        return NotAuthenticated("The bot has no Google credentials.", _HOW_TO_SET)
    reason = sanitize(str(error.args[0])) if error.args else type(error).__name__
    return NotAuthenticated(f"Google does not renew the bot's credentials: {reason}", _HOW_TO_SET)
