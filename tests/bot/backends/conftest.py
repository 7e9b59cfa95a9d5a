"""A stand-in for Google on loopback; each request to it is checked by Google's own descriptions afterwards."""

from collections.abc import AsyncIterator

import pytest

from bot.backends.google.auth import AccessToken
from bot.backends.google.http import GoogleHttp
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import BUCKET, RETRY_POLICY, BackendHarness, check_request, open_backend


@pytest.fixture
async def google() -> AsyncIterator[GoogleStandIn]:
    async with GoogleStandIn(job_seconds=None, seed=7) as standin:
        standin.create_bucket(BUCKET)
        yield standin
        for entry in standin.requests:
            check_request(entry)


@pytest.fixture(params=["vertex", "gemini", "palm"])
async def any_backend(request: pytest.FixtureRequest, google: GoogleStandIn) -> AsyncIterator[BackendHarness]:
    made = open_backend(request.param, google)
    yield made
    await made.backend.close()


@pytest.fixture(params=["gemini", "palm"])
async def genai(request: pytest.FixtureRequest, google: GoogleStandIn) -> AsyncIterator[BackendHarness]:
    made = open_backend(request.param, google)
    yield made
    await made.backend.close()


@pytest.fixture
async def vertex(google: GoogleStandIn) -> AsyncIterator[BackendHarness]:
    made = open_backend("vertex", google)
    yield made
    await made.backend.close()


@pytest.fixture
async def gemini(google: GoogleStandIn) -> AsyncIterator[BackendHarness]:
    made = open_backend("gemini", google)
    yield made
    await made.backend.close()


@pytest.fixture
async def http() -> AsyncIterator[GoogleHttp]:
    made = GoogleHttp(AccessToken("token"), retry_policy=RETRY_POLICY)
    yield made
    await made.close()
