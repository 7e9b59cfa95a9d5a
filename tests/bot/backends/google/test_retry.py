"""The retry policy waits as long as Google asks, but not longer than all attempts may take."""

from collections.abc import Iterator

import pytest
import stamina
from aiohttp import web

from bot.backends.google.http import GoogleHttp
from bot.backends.google.retry import RetryPolicy
from bot.errors import GoogleUnavailable, QuotaExceeded
from tests.support.backend_harness import RETRY_POLICY, BackendHarness
from tests.support.http_server import serving


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """The seconds that stamina waits before each further attempt."""
    seconds: list[float] = []
    before = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks((lambda details: seconds.append(details.wait_for),))
    yield seconds
    stamina.instrumentation.set_on_retry_hooks(before)


async def test_google_is_given_the_time_it_asks_for(any_backend: BackendHarness, waits: list[float]) -> None:
    any_backend.google.faults.fail(429, method="GET", retry_after=0.3)
    await any_backend.backend.models()
    assert waits == [0.3]


async def test_wait_longer_than_all_attempts_may_take_is_not_started(
    any_backend: BackendHarness, waits: list[float]
) -> None:
    any_backend.google.faults.fail(429, "Quota exceeded.", method="GET", retry_after=3600)
    with pytest.raises(QuotaExceeded) as caught:
        await any_backend.backend.models()
    assert caught.value.retry_after == 3600
    assert waits == []
    assert len(any_backend.google.requests) == 1


async def test_waits_grow_up_to_the_longest_one(http: GoogleHttp, waits: list[float]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503)

    async with serving(answer) as url:
        with pytest.raises(GoogleUnavailable):
            await http.read(url)
    assert len(waits) == RETRY_POLICY.attempts - 1
    assert all(0 < wait <= RETRY_POLICY.longest_wait for wait in waits)


async def test_other_errors_are_not_tried_again() -> None:
    calls = 0

    async def once() -> None:
        nonlocal calls
        calls += 1
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        await RetryPolicy().run(once, "GET /v1/models")
    assert calls == 1


def test_default_waits_end_within_a_minute() -> None:
    assert RetryPolicy().all_attempts < 60
    assert RetryPolicy().answer <= 30
