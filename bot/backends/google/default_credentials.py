"""Finds Application Default Credentials, and gets tokens from the metadata server of a Google Cloud machine.

google-auth has no transport for httpx, and its own search for a metadata server may take ten seconds and needs
`requests`. So this module has a transport and a search of its own; it does nothing at import.
Source: https://cloud.google.com/docs/authentication/application-default-credentials; metadata server:
https://cloud.google.com/compute/docs/access/authenticate-workloads.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import google.auth
import httpx
import msgspec
from google.auth.credentials import Credentials as GoogleAuthCredentials
from google.auth.exceptions import (
    DefaultCredentialsError,
    RefreshError,
    TransportError,
)
from google.auth.transport import Request, Response

from bot.backends.google.google_errors import NETWORK_ERRORS

SCOPES: Final = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/generative-language.tuning",
)
_LINK_LOCAL: Final = "169.254.169.254"
_METADATA_SERVERS: Final = (f"http://{_LINK_LOCAL}", "http://metadata.google.internal")
# Here google-auth asks for the project's id, which the settings already contain.
_PROJECTS_HOST: Final = "cloudresourcemanager.googleapis.com"
_METADATA_SECONDS: Final = 1.0


def token_client() -> httpx.Client:
    """Return a client for token servers. It honours HTTPS_PROXY and NO_PROXY.

    No proxy reaches the metadata server of this machine, or may see the tokens that it returns.
    """
    here = {httpx.URL(base).netloc.decode() for base in (*_METADATA_SERVERS, _metadata_base())}
    return httpx.Client(
        timeout=httpx.Timeout(20.0, connect=10.0), mounts=dict.fromkeys(f"all://{place}" for place in here)
    )


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
