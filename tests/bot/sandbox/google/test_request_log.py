"""The log of requests: complete, in order, and without a secret."""

import httpx

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import numbers, tuned_model_body


async def test_every_request_is_written_down_in_order(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    body = tuned_model_body("models/gemini-1.0-pro-001", numbers())
    await client.post("/v1beta/tunedModels", json=body, params={"tunedModelId": "one"})
    await client.get("/v1beta/tunedModels/one")
    await client.get("/nowhere")
    assert [(entry.number, entry.method, entry.path, entry.status) for entry in google.requests] == [
        (1, "POST", "/v1beta/tunedModels", 200),
        (2, "GET", "/v1beta/tunedModels/one", 200),
        (3, "GET", "/nowhere", 404),
    ]
    created = google.requests.matching("tunedModels$", "POST")[0]
    assert (created.body, created.query) == (body, {"tunedModelId": "one"})


async def test_no_secret_is_kept(google: GoogleStandIn) -> None:
    token = google.issue_token()
    secrets = [token, google.api_key, google.credentials.refresh_token, "client-secret-1"]
    async with httpx.AsyncClient(base_url=google.url) as client:
        await client.get("/v1beta/tunedModels", headers={"Authorization": f"Bearer {token}"})
        await client.get("/v1beta/tunedModels", headers={"x-goog-api-key": google.api_key})
        await client.get("/v1beta/tunedModels", params={"key": google.api_key})
        form = {
            "grant_type": "refresh_token",
            "refresh_token": google.credentials.refresh_token,
            "client_id": "id",
            "client_secret": "client-secret-1",
        }
        assert (await client.post("/token", data=form)).status_code == 200
    kept = repr(list(google.requests))
    assert len(google.requests) == 4
    assert not any(secret in kept for secret in secrets)


async def test_newest_requests_are_kept_and_all_are_counted(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    google.requests.keep = 2
    for _ in range(5):
        await client.get("/v1beta/tunedModels")
    assert [entry.number for entry in google.requests] == [4, 5]
    assert google.requests.total == 5
