"""Questions that no model answers take no connection from polls, cancellations, and starts."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import stamina
from aiohttp import web

from bot.backends.google.auth import AccessToken, DefaultCredentials
from bot.backends.google.connections import CONNECTIONS, Connections, Pool, RetryPolicy
from bot.backends.google.http import GoogleHttp
from bot.domain.chat import Turn, TurnRole
from bot.domain.jobs import JobState
from bot.errors import GoogleUnavailable, NotAuthenticated, QuotaExceeded
from bot.ports.backends import Prompt
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import RETRY_POLICY, BackendHarness, open_backend
from tests.support.http_server import serving
from tests.support.waiting import wait_until

QUESTION = Prompt([Turn(TurnRole.USER, "8")])
PATIENT = replace(RETRY_POLICY, generation=60.0)
MORE_THAN_THE_POOL = CONNECTIONS[Pool.QUESTIONS] + 40


@pytest.fixture(params=["vertex", "gemini", "palm"])
async def patient(request: pytest.FixtureRequest, google: GoogleStandIn) -> AsyncIterator[BackendHarness]:
    """A backend that waits long enough for every question to stay unanswered during the test."""
    made = open_backend(request.param, google, retry_policy=PATIENT)
    yield made
    await made.backend.close()


async def test_stuck_questions_delay_no_start_no_poll_and_no_cancellation(
    patient: BackendHarness,
) -> None:
    model = await patient.trained(0)
    stuck = patient.google.faults.hang(path=":generate", times=None)
    questions = [
        asyncio.ensure_future(patient.backend.generate(model.endpoint, QUESTION))
        for _ in range(MORE_THAN_THE_POOL)
    ]

    await wait_until(lambda: stuck.hits == CONNECTIONS[Pool.QUESTIONS])
    job = await patient.create(1)
    assert (await patient.poll_one(job)).state is not JobState.FAILED
    await patient.backend.cancel(job)
    assert await patient.backend.models()
    assert await patient.backend.count_tokens(patient.backend.profile.base_models[0], "one two") > 0
    assert not any(question.done() for question in questions), "every question still waits for its answer"
    assert stuck.hits == CONNECTIONS[Pool.QUESTIONS], "the other questions wait for a free connection"
    for question in questions:
        question.cancel()
    await asyncio.gather(*questions, return_exceptions=True)


async def test_token_is_fetched_while_every_shared_thread_is_busy(
    google: GoogleStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google.service_account_file(tmp_path)))
    free = threading.Event()
    busy = [asyncio.ensure_future(asyncio.to_thread(free.wait)) for _ in range(100)]
    try:
        assert (await DefaultCredentials().headers())["authorization"].startswith("Bearer ")
        assert not any(each.done() for each in busy)
    finally:
        free.set()
        await asyncio.gather(*busy)


async def test_each_pool_has_a_client_of_its_own_that_is_made_once_and_closed() -> None:
    connections = Connections(RETRY_POLICY)
    clients = [connections.client(pool) for pool in Pool]
    assert len({id(client) for client in clients}) == len(Pool)
    assert [connections.client(pool) for pool in Pool] == clients
    await connections.close()
    assert all(client.is_closed for client in clients)
    await connections.close()


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


async def test_a_refused_token_that_cannot_be_renewed_keeps_no_connection(google: GoogleStandIn) -> None:
    class Revoked(AccessToken):
        async def renew(self, rejected: Mapping[str, str]) -> bool:
            raise NotAuthenticated("The token was revoked.")

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": {"code": 401}}, status=401)

    http = GoogleHttp(Revoked("t"), retry_policy=replace(RETRY_POLICY, connect=0.3))
    async with serving(refuse) as url:
        for _ in range(CONNECTIONS[Pool.READS] + 1):
            with pytest.raises(NotAuthenticated):
                await http.read(url)
    await http.close()
