"""Who may call, and where tokens come from: checked with google-auth itself."""

import asyncio
from pathlib import Path

import httpx
import pytest
import requests
from google.auth import compute_engine
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import jobs_path
from tests.support.clock import FixedClock

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def refresh(made: Credentials) -> str:
    """Fetch a token with google-auth, as any client does."""
    with requests.Session() as session:
        made.refresh(Request(session))  # type: ignore[no-untyped-call]
    return str(made.token)


async def in_thread(made: Credentials) -> str:
    """Fetch a token without holding up the stand-in."""
    return await asyncio.to_thread(refresh, made)


async def allowed(google: GoogleStandIn, token: str) -> int:
    """Return the status that a token gets."""
    async with httpx.AsyncClient(base_url=google.url) as client:
        return (await client.get(jobs_path(google), headers={"Authorization": f"Bearer {token}"})).status_code


async def test_service_account_file_gets_a_token_that_works(google: GoogleStandIn, tmp_path: Path) -> None:
    path = google.service_account_file(tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    made = service_account.Credentials.from_service_account_file(str(path), scopes=SCOPES)  # type: ignore[no-untyped-call]
    assert await allowed(google, await in_thread(made)) == 200


def user(google: GoogleStandIn) -> credentials.Credentials:
    """Return a user's credentials."""
    return credentials.Credentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=google.credentials.refresh_token,
        token_uri=f"{google.url}/token",
        client_id="sandbox.apps.googleusercontent.com",
        client_secret="sandbox",
    )


async def test_users_refresh_token_gets_a_token_that_works(google: GoogleStandIn) -> None:
    assert await allowed(google, await in_thread(user(google))) == 200


async def test_metadata_server_gives_a_token_that_works(
    google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The variable GCE_METADATA_HOST is read once, when google-auth is imported.
    host = google.url.removeprefix("http://")
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", host)
    made = compute_engine.Credentials()  # type: ignore[no-untyped-call]
    assert await allowed(google, await in_thread(made)) == 200
    async with httpx.AsyncClient(base_url=google.url) as client:
        assert (await client.get("/computeMetadata/v1/project/project-id")).status_code == 403


async def test_foreign_token_is_exchanged(stranger: httpx.AsyncClient, google: GoogleStandIn) -> None:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "from elsewhere",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    }
    granted = (await stranger.post("/v1/token", data=form)).json()
    assert granted["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert await allowed(google, granted["access_token"]) == 200


async def test_revoked_account_is_refused(google: GoogleStandIn) -> None:
    google.credentials.refuse_refresh = True
    with pytest.raises(RefreshError, match="expired or revoked"):
        await in_thread(user(google))


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "other"}, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x.y"}, "invalid_grant"),
    ],
)
async def test_wrong_request_for_a_token_is_refused(
    stranger: httpx.AsyncClient, form: dict[str, str], error: str
) -> None:
    refused = await stranger.post("/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, error)


async def test_token_runs_out_with_the_clock(google: GoogleStandIn, clock: FixedClock) -> None:
    token = google.issue_token(60)
    assert await allowed(google, token) == 200
    clock.advance(seconds=61)
    assert await allowed(google, token) == 401
    fresh = google.issue_token()
    google.credentials.expire_all()
    assert await allowed(google, fresh) == 401


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "name"),
    [
        ("GET", "JOBS", {}, 401, "UNAUTHENTICATED"),
        ("GET", "JOBS", {"Authorization": "Bearer made-up"}, 401, "UNAUTHENTICATED"),
        ("GET", "JOBS", {"x-goog-api-key": "KEY"}, 401, "UNAUTHENTICATED"),
        ("GET", "/v1beta/tunedModels", {}, 403, "PERMISSION_DENIED"),
        ("GET", "/v1beta/tunedModels", {"x-goog-api-key": "made-up"}, 400, "INVALID_ARGUMENT"),
        ("POST", "/v1beta/tunedModels", {"x-goog-api-key": "KEY"}, 401, "UNAUTHENTICATED"),
    ],
)
async def test_caller_without_the_right_credential_is_refused(
    stranger: httpx.AsyncClient,
    google: GoogleStandIn,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    name: str,
) -> None:
    sent = {key: value.replace("KEY", google.api_key) for key, value in headers.items()}
    refused = await stranger.request(method, path.replace("JOBS", jobs_path(google)), headers=sent)
    assert (refused.status_code, refused.json()["error"]["status"]) == (status, name)


@pytest.mark.parametrize("where", ["header", "query"])
async def test_key_is_enough_to_list_and_ask(
    stranger: httpx.AsyncClient, google: GoogleStandIn, where: str
) -> None:
    headers = {"x-goog-api-key": google.api_key} if where == "header" else {}
    query = {"key": google.api_key} if where == "query" else {}
    for version in ("v1beta", "v1beta3"):
        listed = await stranger.get(f"/{version}/tunedModels", headers=headers, params=query)
        assert listed.json() == {}
    question = {"contents": [{"parts": [{"text": "hello"}]}]}
    path = "/v1beta/models/gemini-1.0-pro-001:generateContent"
    assert (await stranger.post(path, json=question, headers=headers, params=query)).status_code == 200


async def test_storage_takes_no_token_as_an_emulator_does_but_refuses_a_wrong_one(
    stranger: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    google.create_bucket("bucket")
    assert (await stranger.get("/storage/v1/b/bucket")).status_code == 200
    refused = await stranger.get("/storage/v1/b/bucket", headers={"Authorization": "Bearer old"})
    assert refused.json()["error"]["errors"][0]["reason"] == "authError"
