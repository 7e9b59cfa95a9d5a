"""Credentials of every kind are refreshed once for many callers; missing ones are an error with a hint."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from google.auth import exceptions
from google.auth.exceptions import GoogleAuthError
from google.auth.transport import Request
from google.oauth2.credentials import Credentials

from bot.backends.google.auth import AccessToken, ApiKey, DefaultCredentials
from bot.backends.google.default_credentials import SCOPES, HttpxRequest, find_default_credentials
from bot.errors import GoogleError, GoogleUnavailable, NotAuthenticated
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import key, open_backend

KEYS = {"vertex": key(1), "gemini": key(2), "palm": key(3)}
TOKENS = r"^/token$|^/v1/token$|/service-accounts/default/token$"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which google-auth finds nothing of this machine's."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCE_METADATA_HOST", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def service_account(google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google.service_account_file(tmp_path)))


def tokens_fetched(google: GoogleStandIn) -> int:
    return len(google.requests.matching(TOKENS))


@pytest.mark.usefixtures("service_account")
async def test_service_account_fetches_one_token_for_many_callers(google: GoogleStandIn) -> None:
    credentials = DefaultCredentials()
    shown = await asyncio.gather(*(credentials.headers() for _ in range(20)))
    assert len({one["authorization"] for one in shown}) == 1
    assert tokens_fetched(google) == 1


@pytest.mark.usefixtures("service_account")
async def test_one_token_serves_a_whole_job(google: GoogleStandIn) -> None:
    made = open_backend("gemini", google, access_token="")
    job = await made.trained()
    assert (await made.poll_one(job)).endpoint
    assert tokens_fetched(google) == 1
    await made.backend.close()


@pytest.mark.usefixtures("service_account")
async def test_refused_token_is_renewed_once_and_a_start_still_happens_once(google: GoogleStandIn) -> None:
    for name in ("vertex", "gemini", "palm"):
        made = open_backend(name, google, access_token="")
        await made.backend.models()
        google.credentials.expire_all()
        before, jobs = tokens_fetched(google), len(google.jobs.books())
        await made.start(KEYS[name], made.spec(), made.data())
        assert tokens_fetched(google) == before + 1
        assert len(google.jobs.books()) == jobs + 1
        await made.backend.close()


@pytest.mark.usefixtures("service_account")
async def test_many_refused_at_once_share_one_renewal(google: GoogleStandIn) -> None:
    made = open_backend("gemini", google, access_token="")
    jobs = [await made.create(number) for number in range(6)]
    google.credentials.expire_all()
    before = tokens_fetched(google)
    polled = await made.backend.poll(jobs)
    assert not [one for one in polled.values() if isinstance(one, Exception)]
    assert tokens_fetched(google) == before + 1
    await made.backend.close()


@pytest.mark.usefixtures("service_account")
async def test_renewal_that_does_not_help_is_not_repeated(google: GoogleStandIn) -> None:
    made = open_backend("gemini", google, access_token="")
    google.faults.fail(401, path="/tunedModels", times=None)
    with pytest.raises(NotAuthenticated):
        await made.backend.models()
    assert len(google.requests.matching("/tunedModels")) == 2
    await made.backend.close()


@pytest.mark.usefixtures("service_account")
async def test_stale_token_is_used_on_while_the_token_server_refuses(google: GoogleStandIn) -> None:
    google.credentials.lifetime = 200  # google-auth calls a token stale 3 min 45 s before its end
    credentials = DefaultCredentials()
    first = await credentials.headers()
    google.credentials.refuse_refresh = True
    assert await credentials.headers() == first
    with pytest.raises(NotAuthenticated):
        await credentials.renew(first)


def user(google: GoogleStandIn, **others: str) -> DefaultCredentials:
    """A person's login. google-auth ignores the `token_uri` of a user's file, so this one is made in code."""

    def find(request: Request) -> Credentials:
        return Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=google.credentials.refresh_token,
            token_uri=others.get("token_uri", f"{google.url}/token"),
            client_id="client",
            client_secret="client-secret",
            quota_project_id=others.get("quota_project_id"),
        )

    return DefaultCredentials(quota_project=others.get("set", ""), find=find)


async def test_authorized_user_fetches_a_token(google: GoogleStandIn) -> None:
    assert (await user(google).headers())["authorization"].startswith("Bearer ya29.")
    assert tokens_fetched(google) == 1


@pytest.mark.usefixtures("service_account")
def test_service_account_asks_for_both_scopes() -> None:
    with httpx.Client() as client:
        found = find_default_credentials(HttpxRequest(client))
    assert set(found.scopes) == set(SCOPES)  # type: ignore[attr-defined]


def test_authorized_users_file_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "user.json"
    secrets = {"client_id": "c", "client_secret": "s", "refresh_token": "r", "quota_project_id": "q"}
    path.write_text(json.dumps({"type": "authorized_user", **secrets}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with httpx.Client() as client:
        found = find_default_credentials(HttpxRequest(client))
    assert isinstance(found, Credentials)
    assert found.quota_project_id == "q"


async def test_quota_project_that_was_set_comes_before_the_files(google: GoogleStandIn) -> None:
    assert "x-goog-user-project" not in await user(google).headers()
    found = user(google, quota_project_id="from-file")
    assert (await found.headers())["x-goog-user-project"] == "from-file"
    found = user(google, quota_project_id="from-file", set="from-settings")
    assert (await found.headers())["x-goog-user-project"] == "from-settings"


async def test_revoked_account_is_an_error_that_says_what_to_do(google: GoogleStandIn) -> None:
    google.credentials.refuse_refresh = True
    with pytest.raises(NotAuthenticated, match="expired or revoked") as caught:
        await user(google).headers()
    assert "gcloud auth application-default login" in caught.value.hint
    assert google.credentials.refresh_token not in str(caught.value)


async def test_workload_identity_exchanges_a_foreign_token(
    google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "subject").write_text("a token of another cloud")
    path = tmp_path / "federation.json"
    path.write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": f"{google.url}/v1/token",
                "credential_source": {"file": str(tmp_path / "subject")},
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    assert (await DefaultCredentials().headers())["authorization"].startswith("Bearer ya29.")
    assert tokens_fetched(google) == 1


async def test_machine_on_google_cloud_uses_its_own_account(
    google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_HOST", google.url.removeprefix("http://"))
    credentials = DefaultCredentials()
    shown = await credentials.headers()
    assert shown["authorization"].startswith("Bearer ya29.")
    assert await credentials.headers() == shown
    assert tokens_fetched(google) == 1


async def test_the_metadata_server_of_a_machine_is_asked_past_every_proxy(
    google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_HOST", google.url.removeprefix("http://"))
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    shown = await DefaultCredentials().headers()
    assert shown["authorization"].startswith("Bearer ya29.")


@pytest.mark.parametrize("elsewhere", ["", "127.0.0.1:1"])
async def test_no_credentials_at_all_is_an_error_that_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    if elsewhere:
        monkeypatch.delenv("NO_GCE_CHECK")
        monkeypatch.setenv("GCE_METADATA_HOST", elsewhere)
    with pytest.raises(NotAuthenticated, match="has no Google credentials") as caught:
        await DefaultCredentials().headers()
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "gcloud auth", "GOOGLE_OAUTH_ACCESS_TOKEN"):
        assert name in caught.value.hint


@pytest.mark.parametrize("content", [None, "not json", '{"type": "unheard_of"}'])
async def test_file_without_credentials_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "credentials.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(NotAuthenticated):
        await DefaultCredentials().headers()


async def test_token_server_out_of_reach_is_no_fault_of_the_credentials(google: GoogleStandIn) -> None:
    with pytest.raises(GoogleUnavailable, match="token server"):
        await user(google, token_uri="http://127.0.0.1:1/token").headers()


async def test_fixed_credentials_cannot_be_renewed() -> None:
    for credentials in (AccessToken("secret-token", "billed"), ApiKey("secret-key")):
        assert not await credentials.renew(await credentials.headers())
        assert "secret" not in repr(credentials)
        assert credentials.hint
    assert (await ApiKey("secret-key").headers()) == {"x-goog-api-key": "secret-key"}
    assert (await AccessToken("t", "billed").headers())["x-goog-user-project"] == "billed"


def test_nothing_is_asked_at_import() -> None:
    code = (
        "import socket\n"
        "def no(*a, **k): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = no\n"
        "socket.getaddrinfo = no\n"
        "import bot.backends as b\n"
        "b.build_backends(list(b.PROFILES), b.BackendOptions())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])


# What each class of google-auth's becomes: credentials that do not work, or a token server that may work later.
OURS: dict[type[GoogleAuthError], type[GoogleError]] = {
    exceptions.GoogleAuthError: NotAuthenticated,
    exceptions.TransportError: GoogleUnavailable,
    exceptions.TimeoutError: GoogleUnavailable,
    exceptions.ResponseError: GoogleUnavailable,
    exceptions.RefreshError: NotAuthenticated,
    exceptions.UserAccessTokenError: NotAuthenticated,
    exceptions.DefaultCredentialsError: NotAuthenticated,
    exceptions.MutualTLSChannelError: NotAuthenticated,
    exceptions.ClientCertError: NotAuthenticated,
    exceptions.OAuthError: NotAuthenticated,
    exceptions.ReauthFailError: NotAuthenticated,
    exceptions.ReauthSamlChallengeFailError: NotAuthenticated,
    exceptions.MalformedError: NotAuthenticated,
    exceptions.InvalidResource: NotAuthenticated,
    exceptions.InvalidOperation: NotAuthenticated,
    exceptions.InvalidValue: NotAuthenticated,
    exceptions.InvalidType: NotAuthenticated,
    exceptions.OSError: NotAuthenticated,
}


def test_every_class_of_google_auth_is_mapped() -> None:
    values = [value for value in vars(exceptions).values() if isinstance(value, type)]
    assert {value for value in values if issubclass(value, Exception)} == set(OURS)


def failing(error: GoogleAuthError) -> DefaultCredentials:
    def find(request: Request) -> Credentials:
        raise error

    return DefaultCredentials(find=find)


@pytest.mark.parametrize("error_class", OURS)
async def test_error_of_google_auth_becomes_ours(error_class: type[GoogleAuthError]) -> None:
    secret = "ya29.a0AfB_byC-abc.def"
    with pytest.raises(OURS[error_class]) as caught:
        await failing(error_class(f"it failed with {secret}")).headers()
    assert caught.value.hint
    assert secret not in str(caught.value)


async def test_refresh_that_google_auth_would_repeat_is_no_fault_of_the_credentials() -> None:
    with pytest.raises(GoogleUnavailable):
        await failing(exceptions.RefreshError("busy", retryable=True)).headers()  # type: ignore[no-untyped-call]
