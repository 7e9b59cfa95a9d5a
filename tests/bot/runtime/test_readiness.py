"""What does not work is known; a good result is remembered, and a bad one is checked again at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.backends import build_backends
from bot.errors import GoogleUnavailable, NotAuthenticated, NotFoundAtGoogle, PermissionDenied
from bot.ports.backends import TuningBackend
from bot.runtime.readiness import Readiness
from bot.sandbox.google import BucketSettings, GoogleStandIn
from tests.support.backend_harness import BUCKET, RETRY_POLICY, options
from tests.support.waiting import wait_until

Open = Callable[..., Readiness]


class Seconds:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def google() -> AsyncIterator[GoogleStandIn]:
    async with GoogleStandIn(job_seconds=None, seed=7) as standin:
        standin.create_bucket(BUCKET)
        yield standin


@pytest.fixture
async def readiness(google: GoogleStandIn) -> AsyncIterator[Open]:
    """Open a Readiness; its backends are closed after the test."""
    opened: list[TuningBackend] = []

    def open_one(
        names: Sequence[str] = ("vertex",), times: Mapping[str, Any] | None = None, **others: object
    ) -> Readiness:
        backends = build_backends(names, options(google, **others))
        opened.extend(backends.values())
        return Readiness(backends, **(times or {}))

    yield open_one
    for backend in opened:
        await backend.close()


async def test_backend_that_can_start_has_no_problem(google: GoogleStandIn, readiness: Open) -> None:
    ready = readiness(("vertex", "gemini", "palm"))
    assert [await ready.check(name) for name in ("vertex", "gemini", "palm")] == [None] * 3
    assert ready.problems() == []


async def test_what_was_not_checked_yet_is_not_called_ready(google: GoogleStandIn, readiness: Open) -> None:
    ready = readiness()
    assert ready.problems() == ["Vertex AI: not checked yet"]
    assert ready.problem("vertex") is None


async def test_missing_credentials_are_a_problem_with_what_to_set(
    google: GoogleStandIn, readiness: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    ready = readiness(access_token="")
    found = await ready.check("vertex")
    assert isinstance(found, NotAuthenticated)
    assert not found.passing
    assert "GOOGLE_APPLICATION_CREDENTIALS" in found.hint
    assert ready.problems() == [f"Vertex AI: {found}"]


async def test_missing_bucket_and_a_bucket_for_reading_are_problems(
    google: GoogleStandIn, readiness: Open
) -> None:
    assert isinstance(await readiness(bucket="missing").check("vertex"), NotFoundAtGoogle)
    google.create_bucket("readable", BucketSettings(permissions=frozenset({"storage.objects.get"})))
    assert isinstance(await readiness(bucket="readable").check("vertex"), PermissionDenied)


async def test_good_result_is_remembered_for_some_minutes(google: GoogleStandIn, readiness: Open) -> None:
    seconds = Seconds()
    ready = readiness(times={"monotonic": seconds, "remembered_seconds": 300.0})
    await ready.check("vertex")
    asked = len(google.requests.matching("testPermissions"))
    seconds.now = 299.0
    await ready.check("vertex")
    assert len(google.requests.matching("testPermissions")) == asked
    seconds.now = 300.0
    await ready.check("vertex")
    assert len(google.requests.matching("testPermissions")) == asked + 1


async def test_what_was_put_right_counts_at_once(google: GoogleStandIn, readiness: Open) -> None:
    ready = readiness(bucket="late")
    assert await ready.check("vertex") is not None
    google.create_bucket("late")
    assert await ready.check("vertex") is None
    assert ready.problems() == []


async def test_checks_at_the_same_time_ask_google_once(google: GoogleStandIn, readiness: Open) -> None:
    ready = readiness()
    await asyncio.gather(*(ready.check("vertex") for _ in range(20)))
    assert len(google.requests.matching("testPermissions")) == 1


async def test_check_that_gets_no_answer_ends_and_is_passing(google: GoogleStandIn, readiness: Open) -> None:
    google.faults.hang(times=None)
    ready = readiness(times={"check_seconds": 0.05})
    found = await ready.check("vertex")
    assert isinstance(found, GoogleUnavailable)
    assert found.passing


async def test_each_change_is_logged_once(
    google: GoogleStandIn, readiness: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="bot.runtime.readiness")
    ready = readiness(bucket="late", retry_policy=RETRY_POLICY)
    await ready.check("vertex")
    await ready.check("vertex")
    google.create_bucket("late")
    await ready.check("vertex")
    problem, good = [record.getMessage() for record in caplog.records]
    assert problem.startswith("readiness.problem backend=vertex: There is no bucket 'late'")
    assert good == "readiness.ready backend=vertex"


async def test_watch_checks_again_until_it_works(google: GoogleStandIn, readiness: Open) -> None:
    ready = readiness(times={"again_seconds": 0.01}, bucket="late")
    watching = asyncio.create_task(ready.watch())
    await wait_until(lambda: ready.problem("vertex") is not None)
    google.create_bucket("late")
    await wait_until(lambda: not ready.problems())
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
